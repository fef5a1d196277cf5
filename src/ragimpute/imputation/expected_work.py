"""The time and memory that `impute` takes, from the numbers of haplotypes, sites, typed sites, targets and phasings.

The slopes were measured; docs/scaling.md says how, and compares them with whole runs. They hold within a factor of two
on the machine of MACHINE; on another one all times change together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ragimpute.imputation.work_size import WorkSize
from ragimpute.panel.windows import CORE_CM, MARGIN_CM, WINDOW_BYTES
from ragimpute.retrieval.candidates import EXACT, number_of_candidates
from ragimpute.retrieval.phase_draws import FIRST_SWEEPS, SWEEPS
from ragimpute.targets.further_phasings import HELPERS

MACHINE = "two cores of an AMD EPYC, no GPU, 2026-11-30"

# CPU seconds
START = 2.0  # Python, its libraries, compiled kernels
START_JAVA = 1.5  # Beagle
PER_PANEL_ALLELE = 3.4e-8  # reading a VCF: haplotypes x sites
PER_DESCRIBED_ALLELE = 5.8e-9  # what a panel shows of its sites: haplotypes x sites
PER_READ_ALLELE = 4e-9  # counting and gathering packed alleles: haplotypes x sites
PER_STATE = 6.6e-9  # neighbours: haplotypes of targets x phasings x typed sites x states
PER_NETWORK_SITE = 8e-8  # haplotypes of targets x phasings x sites
PER_GENOTYPE = 2e-7  # averaging, compressing and writing: targets x sites
PER_PHASED = 4e-5  # Beagle: targets x typed sites
PER_PHASING_ALLELE = 3.5e-7  # Beagle: all haplotypes x typed sites
PER_DRAWN_STATE = 1.2e-9  # further phasings: haplotypes of targets x sweeps x typed sites x states of a sample
PARALLEL = 0.8  # share of the CPU time that further threads take part in
PHASING_THREADS = 2  # phasing always has them

# bytes
RESIDENT = 225e6
PER_SITE = 535  # of a panel's sites, their names and positions
PER_WINDOW_BYTE = 0.6  # of the packed alleles of a window
PER_TYPED_ALLELE = 10  # of a window: haplotypes x typed sites
PER_NEIGHBOUR_ROW = 1000  # `WorkSize.batch_genotypes`
PER_DOSAGE = 12  # `WorkSize.batch_dosages`
JAVA = 300e6
PER_JAVA_ALLELE = 8  # all haplotypes x typed sites
PER_COPIED_ALLELE = 0.4  # while phasings are drawn: haplotypes that are copied from x typed sites, packed, twice
PER_PHASED_ALLELE = 2  # all phasings of a chromosome and what they are written from: targets' alleles x phasings


@dataclass(frozen=True)
class StretchSize:
    """The numbers that the work of a stretch follows from."""

    name: str
    reference_haplotypes: int
    sites: int  # that are read
    imputed_sites: int  # that are written: those of the regions
    typed_sites: int
    length_cm: float
    targets: int
    phasings: int  # of the targets
    unphased: bool  # Beagle is needed
    prepared: bool  # the panel comes from `ragimpute read-panel`
    described: bool  # and holds what it shows of its sites

    @property
    def states(self) -> int:
        """How many haplotypes a target copies from."""
        if self.reference_haplotypes <= EXACT:
            return self.reference_haplotypes
        return number_of_candidates(self.reference_haplotypes)

    @property
    def copied_haplotypes(self) -> int:
        """Those that a target may copy from while further phasings are drawn: the panel's, and of other targets."""
        return self.reference_haplotypes + 2 * min(self.targets, HELPERS)

    @property
    def drawn_states(self) -> int:
        """How many of them are states of a sample."""
        if self.copied_haplotypes <= EXACT:
            return self.copied_haplotypes
        return 2 * number_of_candidates(self.copied_haplotypes)

    @property
    def all_haplotypes(self) -> int:
        """Those of the panel and of the targets."""
        return self.reference_haplotypes + 2 * self.targets

    @property
    def window_share(self) -> float:
        """How much of the stretch a window holds, at most 1."""
        packed = self.sites * self.reference_haplotypes / 8
        by_length = (CORE_CM + 2 * MARGIN_CM) / max(self.length_cm, 1e-9)
        return min(1.0, by_length, max(WINDOW_BYTES / max(packed, 1.0), 4.0 / max(self.length_cm, 1e-9)))


@dataclass(frozen=True)
class ExpectedWork:
    """What a run takes, on an idle machine."""

    cpu_seconds: float
    seconds: float
    memory_mb: float

    def as_json(self) -> dict[str, float | str]:
        """The numbers, rounded to what they can tell, and the machine."""
        found: dict[str, float | str] = {"cpu_seconds": rounded(self.cpu_seconds), "seconds": rounded(self.seconds)}
        return found | {"memory_mb": rounded(self.memory_mb), "machine": MACHINE}


def expected_work(stretches: Sequence[StretchSize], threads: int, memory_mb: int) -> ExpectedWork:
    """The work of all stretches, which are imputed in turn. `memory_mb`: the limit of Beagle's memory."""
    phasing = sum(_phasing_seconds(one) for one in stretches)
    cpu = START + phasing + sum(_imputing_seconds(one) for one in stretches)
    of_threads = 1 - PARALLEL + PARALLEL / threads
    of_phasing = 1 - PARALLEL + PARALLEL / PHASING_THREADS
    seconds = (cpu - phasing) * of_threads + phasing * of_phasing
    memory = max((_memory(one, memory_mb) for one in stretches), default=RESIDENT)
    return ExpectedWork(cpu, seconds, memory / 1e6)


def _phasing_seconds(size: StretchSize) -> float:
    """CPU seconds of Beagle, and of drawing further phasings."""
    if not size.unphased:
        return 0.0
    of_targets = PER_PHASED * size.targets * size.typed_sites
    of_all = PER_PHASING_ALLELE * size.all_haplotypes * size.typed_sites
    beagle = START_JAVA + of_targets + of_all
    if size.phasings == 1:
        return beagle
    sweeps = FIRST_SWEEPS + SWEEPS * (size.phasings - 2)
    return beagle + PER_DRAWN_STATE * 2 * size.targets * sweeps * size.typed_sites * size.drawn_states


def _imputing_seconds(size: StretchSize) -> float:
    """CPU seconds of all but phasing."""
    panel = size.reference_haplotypes * size.sites
    seconds = PER_READ_ALLELE * panel
    if not size.prepared:
        seconds += PER_PANEL_ALLELE * panel
    if not size.described:
        seconds += PER_DESCRIBED_ALLELE * panel
    haplotypes = 2 * size.targets * size.phasings
    typed_sites = size.typed_sites * size.imputed_sites / max(1, size.sites)
    seconds += PER_STATE * haplotypes * typed_sites * size.states
    seconds += PER_NETWORK_SITE * haplotypes * size.imputed_sites
    return seconds + PER_GENOTYPE * size.targets * size.imputed_sites


def _memory(size: StretchSize, memory_mb: int) -> float:
    """The most bytes that a stretch takes at a time, while it is phased or while it is imputed."""
    work = WorkSize()
    sites = RESIDENT + PER_SITE * size.sites
    window_sites = size.window_share * size.sites
    window_typed = size.window_share * size.typed_sites
    samples = size.targets * size.phasings
    batch = PER_NEIGHBOUR_ROW * min(work.batch_genotypes, samples * window_typed)
    batch += PER_DOSAGE * min(work.batch_dosages, samples * window_sites)
    window = PER_WINDOW_BYTE * window_sites * size.reference_haplotypes / 8
    window += PER_TYPED_ALLELE * window_typed * size.reference_haplotypes
    java = JAVA + PER_JAVA_ALLELE * size.all_haplotypes * size.typed_sites if size.unphased else 0.0
    drawing = PER_COPIED_ALLELE * size.copied_haplotypes * size.typed_sites if size.phasings > 1 else 0.0
    phasings = PER_PHASED_ALLELE * 2 * samples * size.typed_sites if size.unphased else 0.0
    imputing = phasings + batch + window
    phasing = max(min(java, 1e6 * memory_mb), phasings + drawing)
    return sites + max(imputing, phasing)


def rounded(value: float) -> float:
    """Two significant digits."""
    return float(f"{value:.2g}")
