"""Swapped and strand-flipped target records are used; Beagle, given the same files, leaves them out."""

import subprocess

import pandas as pd

from check_cases import pair, phased_at_random, strand, swap
from ragimpute.imputation.impute import impute
from ragimpute.models.pretrained import DEFAULT


def test_recoded_records_count_where_beagle_leaves_them_out(tmp_path, monkeypatch):
    monkeypatch.setattr("ragimpute.imputation.inputs.phase_repeatedly", phased_at_random)
    panel, targets = pair()
    n_typed = len(targets.rows)
    swapped, flipped = range(3, n_typed, 10), range(7, n_typed, 10)
    targets.each(swap, step=10, first=3)
    targets.each(strand, step=10, first=7)
    files = {"reference": tmp_path / "panel.vcf", "targets": tmp_path / "targets.vcf"}
    files["reference"].write_text(panel.text())
    files["targets"].write_text(targets.text())
    result = impute(**files, out=tmp_path / "o.vcf.gz", model=DEFAULT, threads=1, n_phasings=1)
    assert result.summary["typed_sites"] == n_typed
    reasons = pd.read_csv(tmp_path / "o.recoded.tsv", sep="\t")["reason"].value_counts()
    assert reasons.to_dict() == {"alleles swapped": len(swapped), "strand flipped": len(flipped)}

    command = ["beagle", f"gt={files['targets']}", f"ref={files['reference']}", f"out={tmp_path / 'b'}"]
    log = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    counts = {
        line.split()[-1] for line in log.splitlines() if line.startswith("Study     markers")
    }  # of window and file
    assert counts == {str(n_typed - len(swapped) - len(flipped))}
