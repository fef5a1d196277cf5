"""The report: one self-contained HTML file, made of the result tables and the figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import vl_convert
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ragimpute import __version__
from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.reporting import report_of_mask, report_of_run, report_overview, style
from ragimpute.reporting.report_summary import TRAINED
from ragimpute.reporting.study_tables import StudyTables

# what the sizes of networks mean, where the report names them
SIZES = {
    "small": "which two cores train in minutes",
    "full": "which is meant for a GPU",
}
TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class ReportInputs:
    """What the report is made from."""

    tables: StudyTables
    figures: Path
    config: Path
    checks: Sequence[tuple[str, Path]] = field(default_factory=tuple)
    dropped: Sequence[tuple[str, Path]] = field(default_factory=tuple)
    benchmarks: Path | None = None
    provenance: Path | None = None


def write_report(inputs: ReportInputs, out: Path) -> None:
    """Write the report to `out`. Raises InputError when a figure or the configuration cannot be read."""
    environment = template_environment()
    # the page's script with Vega, Vega-Lite and vega-embed, which it refers to, in one
    source = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    script = vl_convert.javascript_bundle(source)
    # what would end the script element is cut in two, which JavaScript does not see
    script = script.replace("</script", r"<\/script")
    template = environment.get_template("report.html.jinja")
    html = template.render(page_context(inputs), script=script)
    with atomic_path(out) as temporary:
        temporary.write_text(html, encoding="utf-8")


def template_environment() -> Environment:
    """What renders the templates: text is escaped, and a name that is not known is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page_context(inputs: ReportInputs) -> dict:
    """Everything that the template shows but its script, as plain values."""
    try:
        text = inputs.config.read_text(encoding="utf-8")
        config = yaml.safe_load(text) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{inputs.config}: not readable YAML ({error})") from None
    sizes = architecture_sizes(config, inputs.tables)
    tables = inputs.tables
    metrics = tables.metrics
    summary = tables.summary
    trained = metrics["weights"].isin(TRAINED)
    context: dict = {"version": __version__, "date": date.today().isoformat()}
    context["on_dark"] = {light.removeprefix("#"): dark for light, dark in style.ON_DARK.items()}
    context["masks"] = []
    parts = []
    for mask, of_mask in tables.masks():
        context_of_mask = report_of_mask.mask_context(mask, of_mask, inputs.figures)
        context["masks"].append(context_of_mask)
        parts.append((mask, of_mask, context_of_mask["styles"]))
    context["overview"] = report_overview.overview(parts)
    context["sizes"] = sizes
    context["meanings"] = SIZES
    context["methods"] = set(summary["method"])
    context["weights"] = set(summary["weights"])
    context["checks"] = report_of_run.findings_by_name(inputs.checks)
    context["dropped"] = report_of_run.drop_counts_by_name(inputs.dropped)
    context["benchmarks"] = report_of_run.benchmark_rows(inputs.benchmarks) if inputs.benchmarks else []
    context["config"] = text
    context["phasings"] = config.get("phasings")
    context["provenance"] = report_of_run.provenance_rows(inputs.provenance)
    context["seeds"] = sorted(set(metrics.loc[trained, "seed"]))
    return context


def architecture_sizes(config: dict, tables: StudyTables) -> dict[str, str]:
    """Architecture -> size, of those that were trained; "unknown" where the configuration does not say."""
    training = config.get("training") or {}
    summary = tables.summary
    trained = sorted(set(summary.loc[summary["weights"].isin(TRAINED), "architecture"]))
    sizes = {}
    for name in trained:
        settings = training.get(name) or {}
        sizes[name] = str(settings.get("size", "unknown"))
    return sizes
