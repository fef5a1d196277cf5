"""The report's chapter on all panels and chromosomes: one table of the main methods, at all sites and at rare ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ragimpute.evaluation.result_tables import ALL, ordered_chromosomes
from ragimpute.reporting.beagle_verdict import rounded
from ragimpute.reporting.chromosome_figure import MEASURES, STRATA, compared_methods
from ragimpute.reporting.method_names import shown_names
from ragimpute.reporting.study_tables import StudyTables
from ragimpute.reporting.style import Style


@dataclass(frozen=True)
class Overview:
    """Accuracy of each panel, choice of typed sites and chromosome, as text."""

    measure: str  # a name of MEASURES
    methods: list[str]  # as a person calls them; each has a column for each of STRATA
    rows: list[list[str]]  # panel, typed sites (their name), chromosome, numbers of typed and scored sites, then values


def overview(parts: Sequence[tuple[str, StudyTables, Mapping[str, Style]]]) -> Overview | None:
    """The table of all masks: (name, its tables, its styles); None where there is one mask of one chromosome."""
    if len(parts) == 1 and parts[0][1].chromosomes["chrom"].nunique() < 2:
        return None
    columns: dict[str, str] = {}
    # of all masks together: methods of two masks that differ in their loss alone need it in their names
    names = shown_names(pd.concat([tables.summary for _, tables, _ in parts]))
    for _, _, styles in parts:
        columns |= {method: names[method] for method in compared_methods(styles)}
    is_scored = any((tables.metrics["metric"] == "r2").any() for _, tables, _ in parts)
    metric = "r2" if is_scored else "r2_info"
    rows = []
    for mask, tables, _ in parts:
        rows += _rows_of_mask(mask, tables, metric, list(columns))
    return Overview(MEASURES[metric], list(columns.values()), rows)


def _rows_of_mask(mask: str, tables: StudyTables, metric: str, methods: list[str]) -> list[list[str]]:
    """A row for all chromosomes, and one for each where there are several."""
    panel = str(tables.summary["panel"].iloc[0])
    measured = pd.concat([tables.metrics, tables.chromosomes])
    is_shown = (measured["metric"] == metric) & (measured["population"] == ALL)
    shown = measured[is_shown & measured["stratum"].isin(list(STRATA))]
    values = shown.groupby(["chrom", "method", "stratum"])["value"].mean()
    n_scored = shown[shown["stratum"] == "overall"].groupby("chrom")["n_sites"].max()
    windows = tables.along.drop_duplicates(["chrom", "start"])
    n_typed = windows.groupby("chrom")["n_typed"].sum()
    chromosomes = ordered_chromosomes([ALL, *tables.chromosomes["chrom"]])
    rows = []
    for chrom in chromosomes if len(chromosomes) > 2 else [ALL]:
        typed = n_typed.sum() if chrom == ALL else n_typed.get(chrom, 0)
        cells = [panel, mask, chrom, f"{typed:,.0f}", f"{n_scored.get(chrom, 0):,.0f}"]
        for method in methods:
            found = [values.get((chrom, method, stratum), float("nan")) for stratum in STRATA]
            cells += [rounded(value) for value in found]
        rows.append(cells)
    return rows
