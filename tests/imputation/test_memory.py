"""The engine's memory is that of a batch, and its results do not depend on how the work is cut."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaic import mosaic_panel
from ragimpute.imputation.back_ends import load_back_end
from ragimpute.imputation.batches import SampleBatches
from ragimpute.imputation.result_files import write_imputation
from ragimpute.imputation.work_size import WorkSize
from ragimpute.models.pretrained import DEFAULT
from ragimpute.panel.roles import write_roles
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.mask import write_typed
from ragimpute.targets.several_phasings import save_phasings
from two_chromosomes import TARGETS

REFERENCE, SITES, EVERY = 40, 20_000, 40  # of the study whose memory is measured: one site in so many is typed
FEW, MANY = 60, 600  # targets
BATCH = 20  # samples at a time, in both runs

# a process of its own, as the peak of a process never falls; not ru_maxrss, which is at least that of the parent
PREDICT = """
import sys
from pathlib import Path
from ragimpute.imputation.predict import predict_targets
from ragimpute.imputation.work_size import WorkSize

folder, model, batch = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
files = [folder / name for name in ("panel", "roles.tsv", "typed.tsv", "phasings")]
predict_targets(*files, model, folder / "out.vcf.gz", device="cpu", work=WorkSize(batch_dosages=batch))
print(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


def test_rows_of_batches_come_back_in_order(tmp_path):
    whole = np.random.default_rng(1).random((7, 5, 3)).astype(np.float32)
    with SampleBatches(1) as one, SampleBatches(3, tmp_path) as several:
        one.add(whole)
        for start, stop in ((0, 2), (2, 3), (3, 5)):
            several.add(whole[:, start:stop])
        for start, stop in ((0, 3), (3, 7), (2, 4)):
            np.testing.assert_array_equal(one.rows(start, stop), whole[start:stop])
            np.testing.assert_array_equal(several.rows(start, stop), whole[start:stop])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", [False, True])
def test_batches_change_no_byte(world, tmp_path, monkeypatch, missing):
    """Two phasings of six samples, all at once and two at a time, ER2 likewise, in blocks of some sites."""
    reference = world.panel.of_samples(world.panel.samples[:-TARGETS])
    alleles = world.truth[world.typed].astype(np.int8)
    phased = np.ones(alleles.shape[:2], dtype=bool)
    filled = np.zeros_like(phased)
    filled[[3, 40, 380], [1, 4, 0]] = missing
    index = np.flatnonzero(world.typed)
    first = TargetGenotypes(world.panel.samples[-TARGETS:], index, alleles, phased, pd.DataFrame(), filled=filled)
    several = [first, replace(first, alleles=alleles[..., ::-1])]
    imputer = load_back_end(DEFAULT, "cpu", 1)
    written = []
    for name, work in (
        ("whole", WorkSize()),
        ("batches", WorkSize(batch_dosages=2 * 2 * len(world.typed), left_out_alleles=1500)),
    ):
        path = tmp_path / f"{name}.vcf.gz"
        write_imputation(path, reference, several, imputer, work=work)
        written.append(path.read_bytes())
        monkeypatch.setattr("ragimpute.imputation.engine.BLOCK_GENOTYPES", 1)
    assert written[0] == written[1]
    assert {path.suffix for path in tmp_path.iterdir()} == {".gz", ".tbi"}  # no temporary file is left


def study(folder: Path, n_targets: int) -> None:
    """The artefacts that predict reads, for so many targets."""
    panel = mosaic_panel(REFERENCE + n_targets, SITES)
    reference = panel.of_samples(panel.samples[:REFERENCE])
    targets = panel.of_samples(panel.samples[REFERENCE:])
    typed = np.arange(SITES) % EVERY == 1
    reference.save(folder / "panel")
    rows = [(name, "reference", "train", "NA", "NA") for name in reference.samples]
    rows += [(name, "target", "targets", "NA", "NA") for name in targets.samples]
    write_roles(pd.DataFrame(rows, columns=["sample", "role", "fold", "population", "family"]), folder / "roles.tsv")
    write_typed(folder / "typed.tsv", reference.sites, typed, np.zeros((SITES, 0), dtype=bool))
    index = np.flatnonzero(typed)
    alleles = targets.alleles[index].reshape(len(index), n_targets, 2).astype(np.int8)
    phased = np.ones(alleles.shape[:2], dtype=bool)
    (folder / "phased.vcf.gz").touch()
    genotypes = TargetGenotypes(targets.samples, index, alleles, phased, pd.DataFrame())
    save_phasings(folder / "phasings", folder / "phased.vcf.gz", [genotypes])


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_peak_memory_of_predict_does_not_grow_with_the_number_of_targets(tmp_path):
    """Ten times the targets: 130 MB more of dosages alone if all were held. Allowed are their typed genotypes, which
    are a hundredth of that, and the compression of larger chunks of records."""
    peaks = {}
    for n_targets in (FEW, MANY):
        folder = tmp_path / str(n_targets)
        folder.mkdir()
        study(folder, n_targets)
        command = [sys.executable, "-c", PREDICT, str(folder), str(DEFAULT), str(BATCH * SITES)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks[n_targets] = int(done.stdout.split()[1]) / 1024  # MB
    assert peaks[MANY] - peaks[FEW] < 60
