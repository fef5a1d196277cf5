"use strict";

// Figures. Their colours become CSS variables, so that one drawing serves light and dark screens and paper.
const themed = text => text.replace(/"#([0-9a-f]{6})"/g, (hex, digits) => `"var(--c${digits}, #${digits})"`);

// Views of each part of the page about one mask.
const views = new Map();
const partOf = element => element.closest(".mask");
const figure = host => JSON.parse(themed(host.closest("figure").querySelector("script").textContent));

// The layout whose height the style sheet has reserved.
const layout = () => matchMedia("(min-width: 1000px)").matches ? "wide"
  : matchMedia("(min-width: 560px)").matches ? "middle" : "narrow";

async function draw(host) {
  const { shared, bodies } = figure(host);
  const spec = { ...shared, ...bodies[layout()], background: null };
  const { view } = await vegaEmbed(host, spec, { renderer: "svg", actions: false, ast: true });
  host.querySelector("svg").setAttribute("aria-hidden", "true"); // the host's label speaks for it
  const part = partOf(host);
  views.set(part, [...views.get(part) ?? [], view]);
}

let drawing = 0; // a window that is resized while figures are drawn starts them afresh

async function drawAll() {
  const mine = ++drawing;
  delete document.documentElement.dataset.drawn;
  for (const list of views.values()) list.forEach(view => view.finalize());
  views.clear();
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
  for (const list of document.querySelectorAll(".methods")) if (changed(list)) hide(list);
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
  const { shared, bodies } = JSON.parse(button.closest("figure").querySelector("script").textContent);
  const { view } = await vegaEmbed(aside, { ...shared, ...bodies.saved }, { actions: false, ast: true });
  save(`${host.dataset.name}.${button.dataset.format}`, await view.toImageURL(button.dataset.format, 2));
  view.finalize();
});

// Methods.
const changed = list => [...list.querySelectorAll("input")].some(box => box.checked !== box.defaultChecked);

function hide(list) {
  const hidden = [...list.querySelectorAll("input:not(:checked)")].map(box => box.value);
  for (const view of views.get(partOf(list)) ?? []) {
    if (view.container().closest(".trainings") || !("hidden" in view.getState().signals)) continue;
    view.container().style.aspectRatio = "auto"; // rows of methods come and go
    view.signal("hidden", hidden).resize().runAsync();
  }
}

function showAll(part, all) {
  part.classList.toggle("few", !all);
  for (const button of part.querySelectorAll(".show-all")) {
    button.textContent = all ? button.dataset.few : button.dataset.all;
    button.setAttribute("aria-pressed", all);
  }
  for (const box of part.querySelectorAll(".methods input")) box.checked = all || box.defaultChecked;
  hide(part.querySelector(".methods"));
}

for (const list of document.querySelectorAll(".methods")) list.addEventListener("change", () => hide(list));
for (const button of document.querySelectorAll(".show-all"))
  button.addEventListener("click", () => showAll(partOf(button), button.getAttribute("aria-pressed") !== "true"));
drawAll();

let shown = layout();
addEventListener("resize", () => {
  if (layout() === shown) return; // the browser scales the figures
  shown = layout();
  drawAll();
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
