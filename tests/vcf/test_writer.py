"""The VCF writer: exact sums, a round trip through bcftools and our reader, repeatable bytes."""

import dataclasses
import gzip
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ragimpute.errors import InputError
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.quantise import haplotype_sums, quantise, r2_of_sums
from ragimpute.vcf.writer import write_genotypes, write_imputed

unit = st.floats(0, 1, width=32)


def imputed_like(panel, typed, seed=5, samples=7):
    generator = np.random.default_rng(seed)
    hds = generator.beta(0.2, 0.2, size=(len(panel.sites), samples, 2)).astype(np.float32)
    hds[typed] = hds[typed].round()
    both = np.where(typed[:, None], hds[..., 0] * hds[..., 1], generator.random(hds.shape[:2])).astype(np.float32)
    return Imputed(tuple(f"T{i}" for i in range(samples)), hds, both, typed)


def table(path, pattern):
    """bcftools query as rows of text; any warning fails."""
    done = subprocess.run(["bcftools", "query", "-f", pattern, path], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [line.split("\t") for line in done.stdout.splitlines()]


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float32, (3, 4, 2), elements=unit), hnp.arrays(np.float32, (3, 4), elements=unit))
def test_quantised_probabilities_are_whole_and_consistent(hds, both):
    numbers = quantise(hds, both)
    gp = numbers.gp
    assert (gp >= 0).all()
    assert (gp.sum(axis=-1) == 1000).all()
    assert (numbers.a + numbers.b == gp[..., 1] + 2 * gp[..., 2]).all()
    assert (numbers.both <= np.minimum(numbers.a, numbers.b)).all()
    assert (numbers.a + numbers.b - numbers.both <= 1000).all()
    np.testing.assert_allclose(numbers.a, 1000 * hds[..., 0], atol=0.501)


def test_a_hand_worked_quantisation():
    numbers = quantise(np.array([[[0.6, 0.7]], [[0.25, 0.0]]], np.float32), np.array([[0.42], [0.9]], np.float32))
    assert numbers.gp.tolist() == [[[120, 460, 420]], [[750, 250, 0]]]  # 0.9 cannot exceed min(0.25, 0)
    with pytest.raises(ValueError, match="dosages"):
        quantise(np.full((1, 1, 2), np.nan, np.float32), np.zeros((1, 1), np.float32))


def test_minimac_r2_by_hand():
    # dosages 1, 0, 0.5, 0.5: mean 0.5, variance 0.125, expected 0.25
    assert r2_of_sums(*haplotype_sums(np.array([[1000, 500]]), np.array([[0, 500]]))).tolist() == [0.5]
    assert r2_of_sums(*haplotype_sums(np.zeros((1, 2), int), np.zeros((1, 2), int))).tolist() == [0]


def test_printed_fields_agree_exactly(tiny_panel, tiny_typed, tmp_path):
    imputed = imputed_like(tiny_panel, tiny_typed)
    path = tmp_path / "out.vcf.gz"
    write_imputed(path, tiny_panel.sites, tiny_panel.contigs, imputed, "test")
    rows = table(path, "%CHROM\t%POS\t%REF\t%ALT\t%INFO/TYPED\t%INFO/IMPUTED\t%INFO/AF\t%INFO/R2[\t%GT:%DS:%HDS:%GP]\n")
    assert [(row[0], int(row[1]), row[2], row[3]) for row in rows] == tiny_panel.sites.keys()
    assert [row[4] == "1" for row in rows] == tiny_typed.tolist()
    assert [row[5] == "1" for row in rows] == (~tiny_typed).tolist()

    def thousandths(text):
        return [round(1000 * float(part)) for part in text.split(",")]

    for row in rows:
        haplotypes = []
        for column in row[8:]:
            gt, ds, hds, gp = column.split(":")
            (dosage,), (a, b), (g0, g1, g2) = thousandths(ds), thousandths(hds), thousandths(gp)
            assert dosage == a + b == g1 + 2 * g2
            assert g0 + g1 + g2 == 1000
            pairs = [g0, b - g2, a - g2, g2]
            assert pairs[2 * int(gt[0]) + int(gt[2])] == max(pairs)
            assert gt[1] == "|"
            haplotypes += [a, b]
        assert float(row[6]) == pytest.approx(np.mean(haplotypes) / 1000, abs=1e-6)
        p = np.mean(haplotypes) / 1000
        assert float(row[7]) == pytest.approx(np.mean((np.array(haplotypes) / 1000 - p) ** 2) / (p * (1 - p)), abs=1e-4)


@pytest.mark.parametrize("name", ["out.vcf.gz", "out.bcf"])
def test_what_is_written_is_read_back(tiny_panel, tiny_typed, tmp_path, name):
    imputed = dataclasses.replace(imputed_like(tiny_panel, tiny_typed), r2=np.linspace(0, 1, 60, dtype=np.float32))
    write_imputed(tmp_path / name, tiny_panel.sites, tiny_panel.contigs, imputed)
    back = read_imputed(tmp_path / name, tiny_panel.sites, imputed.samples[::-1])
    np.testing.assert_allclose(back.hds[:, ::-1], imputed.hds, atol=5.1e-4)
    np.testing.assert_allclose(back.ds, back.hds.sum(axis=2), atol=1e-6)
    np.testing.assert_allclose(back.r2, imputed.r2, atol=5.1e-5)
    np.testing.assert_array_equal(back.typed, tiny_typed)
    numbers = quantise(imputed.hds, imputed.both)
    np.testing.assert_allclose(back.gp_both[:, ::-1], numbers.both / 1000, atol=1e-6)


@pytest.mark.parametrize("name", ["out.vcf.gz", "out.bcf"])
def test_bcftools_finds_nothing_to_warn_about(tiny_panel, tiny_typed, tmp_path, name):
    path = tmp_path / name
    write_imputed(
        path, tiny_panel.sites, (), imputed_like(tiny_panel, tiny_typed)
    )  # contig lines are made up if absent
    for command in (["view", "-H", "-r", "20:1000000-1002000"], ["stats"], ["norm", "-m", "-any"]):
        done = subprocess.run(["bcftools", *command, path], capture_output=True, text=True, check=True)
        noise = [line for line in done.stderr.splitlines() if not line.startswith("Lines")]
        assert noise == []
        assert done.stdout
    assert (
        len(subprocess.run(["bcftools", "view", "-H", path], capture_output=True, check=True).stdout.splitlines()) == 60
    )


def test_bytes_are_repeatable_for_any_number_of_threads(tiny_panel, tiny_typed, tmp_path):
    wide = imputed_like(tiny_panel, tiny_typed, samples=400)  # several BGZF blocks
    for folder, threads in (("a", 1), ("b", 3)):
        write_imputed(tmp_path / folder / "x.vcf.gz", tiny_panel.sites, tiny_panel.contigs, wide, threads=threads)
    for name in ("x.vcf.gz", "x.vcf.gz.tbi"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["x.vcf.gz", "x.vcf.gz.tbi"]
    assert subprocess.run(["bgzip", "-t", tmp_path / "a" / "x.vcf.gz"], check=False).returncode == 0
    assert b"\n20\t" in gzip.decompress((tmp_path / "a" / "x.vcf.gz").read_bytes())


def test_chosen_fields_only(tiny_panel, tiny_typed, tmp_path):
    imputed = imputed_like(tiny_panel, tiny_typed)
    write_imputed(tmp_path / "x.vcf.gz", tiny_panel.sites, (), imputed, fields=["DS", "GT"])
    text = gzip.decompress((tmp_path / "x.vcf.gz").read_bytes()).decode()
    assert "\tGT:DS\t" in text
    assert "FORMAT=<ID=HDS," not in text
    back = read_imputed(tmp_path / "x.vcf.gz", tiny_panel.sites)
    assert back.hds is None
    np.testing.assert_allclose(back.ds, imputed.hds.sum(axis=2), atol=1.1e-3)
    with pytest.raises(InputError, match="choose from GT,DS,HDS,GP"):
        write_imputed(tmp_path / "y.vcf.gz", tiny_panel.sites, (), imputed, fields=["PL"])
    with pytest.raises(InputError, match="must be named"):
        write_imputed(tmp_path / "y.vcf", tiny_panel.sites, (), imputed)


def test_a_failed_write_leaves_the_old_file(tiny_panel, tiny_typed, tmp_path):
    path = tmp_path / "x.vcf.gz"
    imputed = imputed_like(tiny_panel, tiny_typed)
    write_imputed(path, tiny_panel.sites, (), imputed)
    before = path.read_bytes()
    broken = imputed.hds.copy()
    broken[-1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="dosages"):
        write_imputed(path, tiny_panel.sites, (), dataclasses.replace(imputed, hds=broken))
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_contigs_beyond_the_reach_of_tbi_get_a_csi(tiny_panel, tiny_typed, tmp_path):
    far = dataclasses.replace(tiny_panel.sites, pos=tiny_panel.sites.pos + 2**29)
    write_imputed(tmp_path / "x.vcf.gz", far, (), imputed_like(tiny_panel, tiny_typed))
    assert (tmp_path / "x.vcf.gz.csi").exists()
    assert not (tmp_path / "x.vcf.gz.tbi").exists()


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.int8, (60, 3, 2), elements=st.integers(-1, 1)), hnp.arrays(bool, (60, 3)))
def test_genotypes_come_back_as_they_were(tiny_panel, tmp_path_factory, alleles, phased):
    path = tmp_path_factory.mktemp("vcf") / "g.vcf.gz"
    write_genotypes(path, tiny_panel.sites, tiny_panel.contigs, ["a", "b", "c"], alleles, phased)
    back = read_genotypes(path, tiny_panel.sites)
    expected = alleles.copy()
    expected[(alleles < 0).any(axis=2)] = -1
    np.testing.assert_array_equal(back.alleles, expected)
    known = (expected >= 0).all(axis=2)
    np.testing.assert_array_equal(back.phased[known], phased[known])
