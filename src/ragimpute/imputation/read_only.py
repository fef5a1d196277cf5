"""A stretch whose files were read as for imputing, and is not imputed: what `check` looks at."""

from dataclasses import dataclass

from ragimpute.artefacts import is_safetensors
from ragimpute.imputation.expected_work import StretchSize
from ragimpute.imputation.inputs import ImputationInputs, MatchedFiles
from ragimpute.panel.ploidy import ChosenRecords
from ragimpute.panel.store import chromosome_bounds
from ragimpute.targets.several_phasings import phasings_worth_it


@dataclass(frozen=True)
class ReadStretch:
    """A stretch between reading and phasing. Its panel may lie in a file that is gone afterwards."""

    name: str
    inputs: ImputationInputs  # with the stretch's files
    chosen: ChosenRecords
    matched: MatchedFiles

    def size(self) -> StretchSize:
        """What the work of imputing it follows from."""
        panel, typed = self.matched.panel, self.matched.typed
        cm = panel.sites.cm
        length = sum(float(cm[stop - 1] - cm[start]) for start, stop in chromosome_bounds(panel.sites.chrom))
        n_phasings = self.inputs.n_phasings or max(phasings_worth_it(panel.sites, typed).values())
        return StretchSize(
            name=self.name,
            reference_haplotypes=panel.n_haplotypes,
            sites=len(panel.sites),
            imputed_sites=sum(part.stop - part.start for part in self.matched.wanted),
            typed_sites=len(typed.index),
            length_cm=length,
            targets=len(typed.samples),
            phasings=1 if typed.complete else n_phasings,
            unphased=not typed.complete,
            prepared=is_safetensors(self.inputs.reference),
            described=panel.ages is not None,
        )
