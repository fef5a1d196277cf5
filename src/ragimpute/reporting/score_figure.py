"""The figure of `ragimpute score`: r2 by minor allele frequency, of one imputed file or of two."""

from collections.abc import Mapping

import pandas as pd

from ragimpute.evaluation.result_tables import ALL
from ragimpute.reporting.accuracy_figures import r2_by_mac
from ragimpute.reporting.chart import Spec
from ragimpute.reporting.style import CATEGORIES, DASHES, SHAPES, Style


def score_figure(table: pd.DataFrame, names: Mapping[str, str]) -> Spec:
    """The figure of a table of `ragimpute.score`.

    names: what each of the table's files is called, by its name in column `file`; one name for a table without it.
    """
    styles = {}
    for place, (file, name) in enumerate(names.items()):
        look = CATEGORIES[place], SHAPES[place], DASHES[place]
        styles[file] = Style(name, True, *look, selected=place == 0, rank=(place, name))
    files = table["file"] if "file" in table else next(iter(names))
    metrics = table.assign(method=files, population=ALL)
    return r2_by_mac(metrics[metrics["method"].isin(list(names))], styles)
