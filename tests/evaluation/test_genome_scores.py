"""Scores of one file that holds an autosome and X: a man has two haplotypes on the autosome and in PAR1, then one."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from ragimpute.errors import InputError
from ragimpute.evaluation import site_blocks
from ragimpute.evaluation.score_files import score
from ragimpute.panel.sex_chromosomes import BUILDS
from vcf_text import HEADER

PER_STRETCH = 40
STRETCHES = (("20", 1_000_000), ("X", 1_000_000), ("X", 20_000_000))  # the autosome, PAR1, and X beyond it
MEN = np.array([True, False, True, False, True, False])
NAMES = [f"S{number}" for number in range(len(MEN))]
IS_HAPLOID = (np.arange(3 * PER_STRETCH) >= 2 * PER_STRETCH)[:, None] & MEN  # [S, N]


def write(path: Path, key: str, cells: list[list[str]]) -> Path:
    """A VCF with `cells` [S][N] of FORMAT `key`."""
    number = "." if key == "GT:HDS" else "1"
    header = HEADER + f"##contig=<ID=X,length={BUILDS['37'].x_length}>\n"
    for name in key.split(":")[1:]:
        header += f'##FORMAT=<ID={name},Number={number},Type=Float,Description="Dosage">\n'
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *NAMES]
    lines = ["\t".join(columns)]
    for row, cell in enumerate(cells):
        chrom, start = STRETCHES[row // PER_STRETCH]
        lines.append("\t".join([chrom, str(start + 100 * row), ".", "A", "C", ".", ".", ".", key, *cell]))
    path.write_text(header + "\n".join(lines) + "\n")
    return path


def genotype(alleles: list[int], haploid: bool) -> str:
    return str(alleles[0]) if haploid else f"{alleles[0]}|{alleles[1]}"


def beside(called: list[list[str]], values: list[list[str]]) -> list[list[str]]:
    """The cells GT:value."""
    return [[f"{gt}:{value}" for gt, value in zip(*cells, strict=True)] for cells in zip(called, values, strict=True)]


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """Imputed files and truths, and the r2 that any of them has."""
    folder = tmp_path_factory.mktemp("genome")
    generator = np.random.default_rng(7)
    frequency = generator.uniform(0.1, 0.4, 3 * PER_STRETCH)
    alleles = (generator.random((3 * PER_STRETCH, len(MEN), 2)) < frequency[:, None, None]).astype(int)
    alleles[IS_HAPLOID, 1] = alleles[IS_HAPLOID, 0]
    hds = (0.6 * alleles + 0.4 * generator.random(alleles.shape)).round(3)
    rows = list(zip(alleles.tolist(), hds.tolist(), IS_HAPLOID.tolist(), strict=True))
    called = [[genotype(a, one) for a, _, one in zip(*row, strict=True)] for row in rows]
    of_each = [[f"{h[0]}" if one else f"{h[0]},{h[1]}" for _, h, one in zip(*row, strict=True)] for row in rows]
    in_all = [[f"{h[0] if one else sum(h):.3f}" for _, h, one in zip(*row, strict=True)] for row in rows]
    write(folder / "hds.vcf", "GT:HDS", beside(called, of_each))
    write(folder / "ds.vcf", "GT:DS", beside(called, in_all))
    write(folder / "haploid.vcf", "GT", called)
    write(folder / "twice.vcf", "GT", [[genotype(a, False) for a in of_site] for of_site in alleles.tolist()])
    truth = np.where(IS_HAPLOID, alleles[..., 0], alleles.sum(axis=2))
    dosage = np.where(IS_HAPLOID, hds[..., 0], hds.sum(axis=2))
    n_alleles = np.where(IS_HAPLOID, 1, 2)
    is_flipped = 2 * truth.sum(axis=1) > n_alleles.sum(axis=1)
    truth = np.where(is_flipped[:, None], n_alleles - truth, truth)
    dosage = np.where(is_flipped[:, None], n_alleles - dosage, dosage)
    varies = truth.sum(axis=1) > 0
    return folder, float(np.corrcoef(truth[varies].ravel(), dosage[varies].ravel())[0, 1] ** 2)


@pytest.mark.parametrize("block", [site_blocks.BLOCK_GENOTYPES, 7 * len(MEN)])
@pytest.mark.parametrize(
    ("imputed", "truth"), [("hds", "haploid"), ("hds", "twice"), ("ds", "haploid"), ("ds", "twice")]
)
def test_a_genome_is_scored_in_one_go(genome, monkeypatch, imputed: str, truth: str, block: int) -> None:
    folder, expected = genome
    monkeypatch.setattr(site_blocks, "BLOCK_GENOTYPES", block)
    table = score(imputed=folder / f"{imputed}.vcf", truth=folder / f"{truth}.vcf", bootstraps=10)
    overall = table[table.stratum == "overall"].set_index("metric")["value"]
    assert overall["r2"] == pytest.approx(expected, abs=1e-6)
    assert overall["concordance"] > 0.8


def test_without_an_index_it_is_the_same(genome, monkeypatch) -> None:
    folder, expected = genome
    monkeypatch.setattr(site_blocks, "_indexed", lambda path, copy: None)
    table = score(imputed=folder / "hds.vcf", truth=folder / "haploid.vcf", bootstraps=10)
    found = table[(table.stratum == "overall") & (table.metric == "r2")]["value"].item()
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_record_without_alt_is_passed_over_and_said(genome, tmp_path: Path, caplog) -> None:
    folder, expected = genome
    lines = (folder / "hds.vcf").read_text().splitlines()
    last = lines[-1].split("\t")
    last[1], last[4] = str(int(last[1]) + 1), "."
    imputed = tmp_path / "imputed.vcf"
    imputed.write_text("\n".join([*lines, "\t".join(last)]) + "\n")
    table = score(imputed=imputed, truth=folder / "haploid.vcf", bootstraps=10).set_index(["stratum", "metric"])
    assert table.loc[("overall", "r2"), "value"] == pytest.approx(expected, abs=1e-6)
    assert "records without an ALT allele, which are passed over: 1" in caplog.text


def test_the_reference_may_have_other_names_of_chromosomes(genome, tmp_path: Path) -> None:
    folder, expected = genome
    text = (folder / "haploid.vcf").read_text()
    renamed = text.replace("\n20\t", "\nchr20\t").replace("\nX\t", "\nchrX\t").replace("<ID=", "<ID=chr")
    reference = tmp_path / "reference.vcf"
    reference.write_text(renamed.replace("<ID=chrGT", "<ID=GT"))
    request = {"imputed": folder / "hds.vcf", "truth": folder / "haploid.vcf", "reference": reference}
    table = score(**request, bootstraps=10).set_index(["stratum", "metric"])
    assert table.loc[("overall", "r2"), "value"] == pytest.approx(expected, abs=1e-6)


def test_men_with_two_imputed_haplotypes_need_a_diploid_truth(genome, tmp_path: Path) -> None:
    folder, _ = genome
    lines = (folder / "twice.vcf").read_text().splitlines()
    cells = [line.split("\t")[9:] for line in lines if not line.startswith("#")]
    dosages = [[str(gt.count("1")) for gt in of_site] for of_site in cells]
    imputed = write(tmp_path / "imputed.vcf", "GT:DS", beside(cells, dosages))
    with pytest.raises(InputError, match=r"haploid.vcf: haploid genotypes on X of samples that have two .*\+fixploidy"):
        score(imputed=imputed, truth=folder / "haploid.vcf", bootstraps=10)
    mended = tmp_path / "diploid.vcf"
    command = ["bcftools", "+fixploidy", folder / "haploid.vcf", "-o", mended, "--", "-f", "2"]
    subprocess.run(command, check=True, capture_output=True)
    table = score(imputed=imputed, truth=mended, bootstraps=10).set_index(["stratum", "metric"])["value"]
    assert table["overall", "r2"] == pytest.approx(1)
