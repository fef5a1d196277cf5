"""All figures of all masks."""

from pathlib import Path

from ragimpute.reporting import FIGURES, chart, curves, figures, losses, region, style
from ragimpute.reporting.inputs import Tables


def draw(tables: Tables) -> dict[str, chart.Spec]:
    """The figures FIGURES of one mask's `tables`."""
    styles = style.method_styles(tables.summary)
    architectures = dict(zip(tables.summary["method"], tables.summary["architecture"], strict=True))
    drawn = {
        "r2_by_mac": figures.r2_by_mac(tables.metrics, styles),
        "accuracy": figures.accuracy(tables.metrics, styles),
        "differences": figures.differences(tables.comparisons, styles),
        "populations": figures.populations(tables.metrics, styles),
        "calibration": figures.calibration(tables.metrics, styles),
        "estimated_r2": figures.estimated_r2(tables.metrics, styles),
        "estimates": figures.estimates(tables.metrics, styles),
        "along": region.along(tables.along, styles),
        "painting": region.painting(tables.painting),
        "training": curves.training(tables.curves, architectures, styles),
        "monitors": curves.monitors(tables.curves, architectures, styles),
        "loss_study": losses.figure(tables.loss_study, tables.claims),
    }
    return {name: drawn[name] for name in FIGURES}


def plot_all(tables: Tables, folder: Path) -> None:
    """Write {figure}.{mask} for every mask and every figure of FIGURES, as .json, .svg and .png."""
    for mask, rows in tables.masks():
        for name, spec in draw(rows).items():
            for suffix in chart.SUFFIXES:
                chart.save(spec, folder / f"{name}.{mask}.{suffix}")
