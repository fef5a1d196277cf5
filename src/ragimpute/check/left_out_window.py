"""Samples that are left out of a panel, imputed from the others in one window, and scored, beside the targets."""

from dataclasses import dataclass, replace

import numpy as np

from ragimpute.check.left_out_samples import LeftOutSamples, hidden_genotypes
from ragimpute.evaluation.sample_statistics import FIELDS, Genotypes, sample_sums
from ragimpute.evaluation.strata import STRATA, ReferenceCounts, membership
from ragimpute.imputation.back_ends import BackEnd
from ragimpute.imputation.discordant import Flagged, flagged, log_odds_inverted
from ragimpute.imputation.engine import Engine
from ragimpute.imputation.inputs import genetic_map_of
from ragimpute.imputation.left_out import correlation, left_out
from ragimpute.imputation.read_only import ReadStretch
from ragimpute.imputation.work_size import WorkSize
from ragimpute.panel.folds import densities
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel
from ragimpute.panel.windows import Window
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.phasing import phase_repeatedly
from ragimpute.targets.several_phasings import phasings_worth_it
from ragimpute.vcf.imputed import Imputed

ROUND_SHARE = 1 / 3  # of the panel that is out while it phases the others
GROUP_SHARE = 1 / 20  # of the panel that is out while it imputes: the others are nearly as many as all


@dataclass(frozen=True)
class WindowSums:
    """The sums of the scorer (`sample_statistics.FIELDS`) of L left-out samples and T targets in one window."""

    left_out: np.ndarray  # [L, 13, F] float64, of the left-out samples at untyped sites
    of_targets: np.ndarray  # [T, 13, F] float64, the same of the targets; as if all of them were homozygous for REF
    n_sites: np.ndarray  # [13] int64, untyped sites by the counts of the whole panel
    suspects: list[Flagged]  # typed sites, of the whole panel, at which the targets' genotypes look inverted


class LeftOutWindow:
    """One window of a stretch, of which the sites `asked` count."""

    def __init__(
        self,
        stretch: ReadStretch,
        imputer: BackEnd,
        typed: TargetGenotypes,
        chosen: LeftOutSamples,
        window: Window,
        asked: slice,
    ) -> None:
        """`typed`: some of the targets. `chosen`: samples of the panel that stand for them."""
        self.stretch, self.imputer, self.chosen = stretch, imputer, chosen
        self.start = window.start
        whole = stretch.matched.panel
        self.panel = whole.between(window.start, window.stop)
        rows = typed.rows(window.start, window.stop)
        inside = typed.at(np.arange(rows.start, rows.stop))
        self.typed = replace(inside, index=inside.index - window.start)
        self.window = Window(0, window.core.start, window.core.stop, window.stop - window.start)
        self.asked = slice(asked.start - window.start, asked.stop - window.start)
        is_typed = np.zeros(len(whole.sites), dtype=bool)
        is_typed[typed.index] = True
        chrom = str(whole.sites.chrom[window.first])
        self.density = densities(whole.sites, is_typed)[chrom]
        self.n_phasings = stretch.inputs.n_phasings or phasings_worth_it(whole.sites, typed)[chrom]
        self.is_typed = is_typed[window.start : window.stop]
        self.mac = _counts(self.panel).mac
        self.group = max(1, int(len(self.panel.samples) * GROUP_SHARE))

    def run(self, seed: int) -> WindowSums:
        """Phase left-out samples in rounds, the targets in the first, if they need it; impute them in small groups."""
        step = max(1, int(len(self.panel.samples) * ROUND_SHARE))
        number = len(self.chosen.samples)
        rounds = [self.chosen.part(slice(start, start + step)) for start in range(0, number, step)]
        sums = []
        for place, chosen in enumerate(rounds):
            phasings = self._phased(chosen, seed, with_targets=place == 0)
            for start in range(0, len(chosen.samples), self.group):
                group = np.arange(start, min(start + self.group, len(chosen.samples)))
                of_group = [phasing.of_samples(group) for phasing in phasings]
                samples = chosen.samples[group]
                truth = _pair_sums(self.panel.alleles[:, self.panel.haplotypes_of(samples)])
                sums.append(self._imputed(self._without(samples), of_group, truth))
            if place == 0:
                targets = np.arange(len(chosen.samples), len(phasings[0].samples))
                phasings_of_targets = [phasing.of_samples(targets) for phasing in phasings]
        unknown = np.zeros((len(self.panel.sites), len(phasings_of_targets[0].samples)), np.int8)
        of_targets = self._imputed(self.panel, phasings_of_targets, unknown)
        suspects = self._suspects(phasings_of_targets[0])
        here = np.flatnonzero(~self.is_typed[self.asked]) + self.asked.start
        n_sites = membership(_counts(self.panel).take(here)).sum(axis=1)
        return WindowSums(np.concatenate(sums), of_targets, n_sites, suspects)

    def _phased(self, chosen: LeftOutSamples, seed: int, with_targets: bool) -> list[TargetGenotypes]:
        """Phasings of left-out samples and, after them, the targets, against the rest of the panel."""
        together = hidden_genotypes(self.panel, self.typed, chosen)
        if with_targets:
            names = tuple(f"target.{i}" for i in range(len(self.typed.samples)))  # none is called as one of the panel
            together = replace(
                self.typed,
                samples=(*together.samples, *names),
                alleles=np.concatenate([together.alleles, self.typed.alleles], axis=1),
                phased=np.concatenate([together.phased, self.typed.phased], axis=1),
            )
        inputs = self.stretch.inputs
        genetic_map = genetic_map_of(inputs, self.stretch.chosen) or GeneticMap.of_sites(self.panel.sites)
        reference = self._without(chosen.samples)
        return phase_repeatedly(
            reference,
            together,
            genetic_map,
            memory_mb=inputs.memory_mb,
            seed=seed,
            n_phasings=self.n_phasings,
            threads=inputs.threads,
        )

    def _without(self, samples: np.ndarray) -> Panel:
        is_kept = np.ones(len(self.panel.samples), dtype=bool)
        is_kept[samples] = False
        return self.panel.of_samples([self.panel.samples[i] for i in np.flatnonzero(is_kept)])

    def _imputed(self, reference: Panel, phasings: list[TargetGenotypes], truth: np.ndarray) -> np.ndarray:
        """Impute the samples of `phasings` from `reference`, and score them at untyped sites: [G, 13, F].

        truth: [S, G] int8, their true allele counts at the window's sites.
        """
        threads = self.stretch.inputs.threads
        engine = Engine(reference, phasings, self.imputer, WorkSize(), threads, density_of_whole=self.density)
        sums = np.zeros((truth.shape[1], len(STRATA), len(FIELDS)))
        start = self.asked.start
        for part in engine.impute(self.window, self.asked):
            stop = start + len(part.typed)
            sums += self._sums(reference, part, slice(start, stop), truth[start:stop])
            start = stop
        return sums

    def _sums(self, reference: Panel, part: Imputed, sites: slice, truth: np.ndarray) -> np.ndarray:
        counts = _counts(reference).take(sites)
        rarest = self.mac[self.mac > 0].min(initial=self.panel.n_haplotypes)
        # what is rarer without these samples than any site of the panel is there only because they carry the allele
        scored = np.flatnonzero(~self.is_typed[sites] & (counts.mac >= rarest))
        genotypes = Genotypes(*_dosages(part), truth)
        return sample_sums(genotypes.take(scored), counts.take(scored))

    def _suspects(self, phased: TargetGenotypes) -> list[Flagged]:
        """The core's typed sites at which the targets' genotypes look inverted, with their ER2.

        Each is imputed as if its alleles had not been observed.
        """
        observed = phased.given.reshape(len(phased.index), -1)  # [T, Q], -1 missing, the two of a sample side by side
        dosages = left_out(self.panel, self.is_typed, observed, self.stretch.inputs.threads)
        here = phased.rows(self.asked.start, self.asked.stop)
        er2 = correlation(dosages, observed, self.is_typed)[phased.index[here]]
        odds = log_odds_inverted(dosages, observed)[here]
        return flagged(phased.index[here] + self.start, odds, er2)


def _counts(panel: Panel) -> ReferenceCounts:
    count = panel.allele_count
    return ReferenceCounts(count, np.full(len(count), panel.n_haplotypes))


def _pair_sums(alleles: np.ndarray) -> np.ndarray:
    """Genotypes [S, N] int8 of the haplotypes' alleles [S, 2 N]."""
    return alleles.reshape(len(alleles), -1, 2).sum(axis=2, dtype=np.int8)


def _dosages(part: Imputed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """DS, HDS and GP of what was imputed for diploid samples."""
    ds = part.hds.sum(axis=2)
    one = ds - 2 * part.both
    gp = np.stack([1 - one - part.both, one, part.both], axis=2)
    return ds, part.hds, np.clip(gp, 0.0, 1.0)
