"use strict";

// Figures. Their colours become CSS variables, so that one drawing serves light and dark screens and paper.
const themed = text => text.replace(/"#([0-9a-f]{6})"/g, (hex, digits) => `"var(--c${digits}, #${digits})"`);

// Views of each mask, for its list of methods.
const views = {};

// A wide figure takes the width of the page; panels side by side keep their size, and scroll where they must.
function fitted(spec, host) {
  spec.background = null;
  spec.config.legend.columns = Math.max(1, Math.floor(host.clientWidth / 220));
  return spec.usermeta.wide ? widened(spec, host.clientWidth - AXES) : spec;
}

const AXES = 110; // pixels left and right of a wide view for its axes
const widened = (view, width) => view.vconcat
  ? { ...view, vconcat: view.vconcat.map(part => widened(part, width)) } : { ...view, width: Math.max(width, 200) };

// Where the page's list of methods stands for a figure's legend, its encodings do without.
const withoutLegend = (key, value) => value?.field === "method" ? { ...value, legend: null } : value;

const specification = host => host.closest("figure").querySelector("script").textContent;

async function draw(host) {
  const spec = JSON.parse(themed(specification(host)), host.dataset.legend === "none" ? withoutLegend : undefined);
  const { view } = await vegaEmbed(host, fitted(spec, host), { renderer: "svg", actions: false, ast: true });
  host.querySelector("svg").setAttribute("aria-hidden", "true"); // the host's label speaks for it
  (views[host.dataset.mask] ??= []).push(view);
}

let drawing = 0; // a window that is resized while figures are drawn starts them afresh

async function drawAll() {
  const mine = ++drawing;
  delete document.documentElement.dataset.drawn;
  for (const mask of Object.keys(views)) views[mask].splice(0).forEach(view => view.finalize());
  for (const host of document.querySelectorAll(".chart")) {
    if (mine !== drawing) return;
    try {
      await draw(host);
    } catch (error) {
      host.textContent = `This figure could not be drawn: ${error.message}`;
      console.error(error);
    }
    await new Promise(done => requestAnimationFrame(() => setTimeout(done))); // each is painted before the next is drawn
  }
  // a browser may come back to a page with boxes as they were, and boxes answer while figures are still to be drawn
  for (const list of document.querySelectorAll(".methods")) hide(list);
  document.documentElement.dataset.drawn = "all";
}

function save(name, url) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

// What is saved is the whole figure as in results/figures, whatever is switched off and however dark the screen.
for (const button of document.querySelectorAll(".save button")) button.addEventListener("click", async () => {
  const host = button.closest("figure").querySelector(".chart");
  const aside = document.createElement("div");
  const { view } = await vegaEmbed(aside, JSON.parse(specification(host)), { actions: false, ast: true });
  save(`${host.dataset.name}.${button.dataset.format}`, await view.toImageURL(button.dataset.format, 2));
  view.finalize();
});

function hide(list) {
  const hidden = [...list.querySelectorAll("input:not(:checked)")].map(box => box.value);
  for (const view of views[list.dataset.mask] ?? [])
    if ("hidden" in view.getState().signals) view.signal("hidden", hidden).runAsync();
}

for (const list of document.querySelectorAll(".methods")) list.addEventListener("change", () => hide(list));
drawAll();

let shownWidth = document.documentElement.clientWidth, later;
addEventListener("resize", () => {
  clearTimeout(later);
  later = setTimeout(() => {
    if (document.documentElement.clientWidth === shownWidth) return; // a telephone's address bar changes the height alone
    shownWidth = document.documentElement.clientWidth;
    drawAll();
  }, 150);
});

// Tables.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, column) => column ? Number(row.cells[column].dataset.value) : row.dataset.method;
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const before = head.getAttribute("aria-sort");
    const sign = (before ? before === "ascending" : column > 0) ? -1 : 1;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const x = key(a, column), y = key(b, column);
      if (!column) return sign * x.localeCompare(y);
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);  // NA stays at the foot
      return sign * (x - y);
    });
    table.tBodies[0].append(...rows);
  }));
}

for (const button of document.querySelectorAll("button.download")) button.addEventListener("click", () => {
  const url = URL.createObjectURL(new Blob([button.nextElementSibling.value], { type: "text/tab-separated-values" }));
  save(button.dataset.name, url);
  URL.revokeObjectURL(url);
});

document.querySelector("button.copy").addEventListener("click", async event => {
  await navigator.clipboard.writeText(document.getElementById("methods-text").innerText);
  event.target.textContent = "Copied";
});
