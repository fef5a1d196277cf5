"""All figures of all masks."""

from pathlib import Path

from ragimpute.reporting import (
    FIGURES,
    accuracy_figures,
    chart,
    chromosome_figure,
    loss_figures,
    position_figures,
    style,
    training_figures,
)
from ragimpute.reporting.study_tables import StudyTables


def draw(tables: StudyTables) -> dict[str, chart.Spec]:
    """The figures FIGURES of one mask's `tables`."""
    summary = tables.summary
    metrics = tables.metrics
    curves = tables.curves
    styles = style.method_styles(summary)
    architectures = dict(zip(summary["method"], summary["architecture"], strict=True))
    drawn = {"r2_by_mac": accuracy_figures.r2_by_mac(metrics, styles)}
    drawn["accuracy"] = accuracy_figures.accuracy_figure(metrics, styles)
    drawn["differences"] = accuracy_figures.difference_figure(tables.comparisons, styles)
    drawn["chromosomes"] = chromosome_figure.chromosome_figure(tables.chromosomes, styles)
    drawn["populations"] = accuracy_figures.populations(metrics, styles)
    drawn["calibration"] = accuracy_figures.calibration(metrics, styles)
    drawn["estimated_r2"] = accuracy_figures.estimated_r2(metrics, styles)
    drawn["estimates"] = accuracy_figures.estimates(metrics, styles)
    drawn["along"] = position_figures.accuracy_along_region(tables.along, styles)
    drawn["painting"] = position_figures.painting_figure(tables.painting)
    drawn["training"] = training_figures.training_figure(curves, architectures, styles)
    drawn["monitors"] = training_figures.monitor_figure(curves, architectures, styles)
    drawn["loss_study"] = loss_figures.loss_figure(tables.loss_study, tables.claims)
    return {name: drawn[name] for name in FIGURES}


def plot_all(tables: StudyTables, folder: Path) -> None:
    """Write {figure}.{mask} for every mask and every figure of FIGURES, as .json, .svg and .png."""
    for mask, rows in tables.masks():
        for name, spec in draw(rows).items():
            for suffix in chart.SUFFIXES:
                path = folder / f"{name}.{mask}.{suffix}"
                chart.save_figure(spec, path)
