"""What `check` says in advance of `impute`: its time and memory, and on demand the accuracy to expect."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ragimpute.check.expected_accuracy import ExpectedAccuracy, add_expected, can_be_told, expected_accuracy
from ragimpute.check.findings import Finding, first_five
from ragimpute.evaluation.strata import STRATA
from ragimpute.imputation import discordant
from ragimpute.imputation.expected_work import PHASING_THREADS, StretchSize, expected_work, rounded
from ragimpute.imputation.inputs import ImputationInputs
from ragimpute.imputation.read_only import ReadStretch
from ragimpute.nouns import with_noun
from ragimpute.tables import join_tables

ACCURACY, WORK, INVERTED = "expected-accuracy", "expected-work", "inverted"  # codes of findings
MOST_STRETCHES = 4  # in which samples are left out
SECONDS = 60.0  # that leaving samples out may take


class Forecast:
    """Looks at each stretch that would be imputed, while its panel is there."""

    def __init__(self, n_chromosomes: int, inputs: ImputationInputs, with_accuracy: bool) -> None:
        """`n_chromosomes`: those with typed sites, over which the stretches with left-out samples are spread."""
        n_stretches = min(MOST_STRETCHES, max(1, n_chromosomes))
        middles = (np.arange(n_stretches) + 0.5) * n_chromosomes / n_stretches
        self._chosen = set(middles.astype(int).tolist()) if with_accuracy else set()
        self._seconds = SECONDS / n_stretches
        self._inputs, self._with_accuracy = inputs, with_accuracy
        self._sizes: list[StretchSize] = []
        self._found: list[ExpectedAccuracy] = []
        self._n_told = 0  # stretches so far in which samples could be left out

    def look(self, stretch: ReadStretch) -> None:
        """Remember the size of a stretch, and leave samples out if it is one of those chosen for it."""
        if can_be_told(stretch):
            if self._n_told in self._chosen:
                self._found.append(expected_accuracy(stretch, self._seconds, self._inputs.seed))
            self._n_told += 1
        self._sizes.append(stretch.size())

    def findings(self) -> Iterator[Finding]:
        """What was found, about the targets."""
        path = str(self._inputs.targets)
        if self._sizes:
            yield work_finding(path, self._sizes, self._inputs)
        if self._with_accuracy:
            yield _accuracy(path, self._found, self._inputs.seed)
        yield from _inverted(path, self.inverted)

    @property
    def inverted(self) -> pd.DataFrame:
        """Typed sites of the windows with left-out samples whose genotypes look inverted: discordant.COLUMNS."""
        return join_tables([one.inverted for one in self._found], dict.fromkeys(discordant.COLUMNS, str))


def work_finding(path: str, sizes: Sequence[StretchSize], inputs: ImputationInputs) -> Finding:
    """The time and memory of stretches of these sizes, in words and numbers."""
    work = expected_work(sizes, inputs.threads, inputs.memory_mb)
    numbers = {**work.as_json(), "threads": inputs.threads}
    threads = with_noun(inputs.threads, "thread")
    if inputs.threads < PHASING_THREADS and any(size.unphased for size in sizes):
        threads += f" (Beagle has {PHASING_THREADS})"
    message = (
        f"imputation takes about {_duration(work.seconds)} with {threads}, {_duration(work.cpu_seconds)} of CPU time, "
        f"and {numbers['memory_mb']:g} MB of memory; measured on {numbers['machine']}"
    )
    return Finding("info", path, WORK, message, numbers)


def _duration(seconds: float) -> str:
    """A time to two significant digits, in a unit that leaves few of them."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{rounded(seconds / length):g} {unit}"
    return f"{rounded(seconds):g} s"


def _inverted(path: str, table: pd.DataFrame) -> Iterator[Finding]:
    """Names the sites of a table of `discordant.COLUMNS`."""
    if table.empty:
        return
    sites = []
    for row in table.itertuples():
        frequencies = f"{row.target_frequency:.2f} in the targets, {row.panel_frequency:.2f} in the panel"
        er2 = "" if pd.isna(row.er2) else f", ER2 {row.er2:.2f}"  # of a single target there is none
        sites.append(f"{row.chrom}:{row.pos} ({frequencies}{er2})")
    message = (
        f"in the windows that were looked at, the genotypes of {len(sites)} typed sites look inverted, 0 for ALT and 1 "
        f"for REF: {first_five(sites)}; impute --drop-discordant leaves such sites out"
    )
    known = table.astype({"er2": object}).assign(er2=[None if pd.isna(er2) else float(er2) for er2 in table["er2"]])
    rows = known.drop(columns="used").to_dict("records")
    yield Finding("warning", path, INVERTED, message, {"sites": rows})


def _accuracy(path: str, found: list[ExpectedAccuracy], seed: int) -> Finding:
    if not found:
        message = "the accuracy to expect cannot be told: the panel is too small, or its samples are haploid"
        return Finding("info", path, ACCURACY, message)
    joined = add_expected(found)
    rows = joined.rows(seed)
    shown = [f"{row['r2']:.3f} {row['stratum']}" for row in rows if row["stratum"] in ("overall", "rare", "common")]
    odds_ratio = joined.odds_ratio(joined.weights, np.ones(len(joined.targets)))
    n_left_out = len(set(joined.samples))
    counted = with_noun(n_left_out, "sample was", "samples were")
    message = f"expected r2 at untyped sites: {', '.join(shown)} ({counted} left out of the panel)"
    numbers = {
        "strata": rows,
        "left_out_samples": n_left_out,
        "odds_ratio": {row["stratum"]: float(odds_ratio[STRATA.index(str(row["stratum"]))]) for row in rows},
    }
    return Finding("info", path, ACCURACY, message, numbers)
