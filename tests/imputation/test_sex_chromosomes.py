"""X, Y and MT: men are haploid beyond the pseudoautosomal regions, and nothing of them stops the autosomes."""

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ragimpute.errors import InputError
from ragimpute.imputation import stretch_run
from ragimpute.imputation.explanation import explain
from ragimpute.imputation.impute import impute
from ragimpute.models.pretrained import DEFAULT
from ragimpute.panel.store import Panel
from ragimpute.vcf.imputed_reader import read_imputed, read_sites
from two_chromosomes import query
from x_chromosome import CONTIG, MISSING, ONE_ALLELE, PAR1_END, REFERENCE, TARGET, TARGETS, XWorld, x_world

EXACT = {"model": DEFAULT, "device": "cpu", "threads": 1}
FORMAT = "%POS\t%REF\t%ALT[\t%GT:%DS:%HDS:%GP]\n"
MAN, WOMAN = 1, 0  # among the targets


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> XWorld:
    return x_world(tmp_path_factory.mktemp("x"), EXACT)


@pytest.fixture(scope="module")
def imputed(world) -> Path:
    """The whole of X."""
    path = world.folder / "imputed.vcf.gz"
    impute(reference=world.folder / "panel.vcf.gz", targets=world.folder / "targets.vcf.gz", out=path, **EXACT)
    return path


def fields(path: Path, *options: str) -> pd.DataFrame:
    """GT, DS, HDS and GP of each sample and site: rows are sites, columns (sample, field)."""
    rows = query(path, FORMAT, *options)
    cells = [[cell for sample in row[3:] for cell in sample.split(":")] for row in rows]
    columns = pd.MultiIndex.from_product([range(len(rows[0]) - 3), ["GT", "DS", "HDS", "GP"]])
    return pd.DataFrame(cells, index=[int(row[0]) for row in rows], columns=columns)


def test_men_are_haploid_beyond_par_and_diploid_in_it(world, imputed) -> None:
    found = fields(imputed)
    in_par = found.index <= PAR1_END
    assert (len(found), in_par.sum()) == (900, 200)
    man, woman = found.loc[~in_par, MAN], found.loc[~in_par, WOMAN]
    assert set(man["GT"]) == {"0", "1"}
    assert set(woman["GT"]) <= {"0|0", "0|1", "1|0", "1|1"}
    assert (man["DS"] == man["HDS"]).all()
    dosage = man["DS"].astype(float)
    assert dosage.between(0, 1).all()
    probabilities = man["GP"].str.split(",", expand=True).astype(float)
    np.testing.assert_allclose(probabilities[1], dosage, atol=1e-9)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)
    assert ((dosage > 0.5) == (man["GT"] == "1")).all()
    assert set(found.loc[in_par, MAN]["GT"]) <= {"0|0", "0|1", "1|0", "1|1"}
    truth = world.beyond.alleles[:, 2 * (len(world.beyond.samples) - TARGETS + MAN)]
    assert np.corrcoef(dosage, truth)[0, 1] ** 2 > 0.8
    psam = (world.folder / "imputed.psam").read_text().splitlines()
    assert psam == ["#FID\tIID\tSEX", *(f"0\t{name}\t{code}" for name, code in zip(world.names, "212121", strict=True))]


def test_frequencies_and_r2_count_each_haplotype_that_is_there_once(world, imputed) -> None:
    found = read_imputed(imputed, read_sites(imputed))
    beyond = read_sites(imputed).pos > PAR1_END
    second = found.hds[beyond][:, :, 1]
    assert np.isnan(second[:, world.men[TARGET]]).all()
    assert not np.isnan(second[:, ~world.men[TARGET]]).any()
    np.testing.assert_array_equal(found.ds[beyond][:, MAN], found.hds[beyond][:, MAN, 0])
    each = found.hds.reshape(len(found.hds), -1).astype(np.float64)
    frequency = np.array([float(row[0]) for row in query(imputed, "%INFO/AF\n")])
    np.testing.assert_allclose(frequency, np.nanmean(each, axis=1), atol=1e-6)
    p = np.nanmean(each, axis=1)
    expected = np.divide(np.nanvar(each, axis=1), p * (1 - p), out=np.zeros(len(p)), where=p * (1 - p) > 0)
    np.testing.assert_allclose(found.r2, expected, atol=1e-3)


def test_a_man_gets_what_a_homozygous_woman_gets(world, imputed) -> None:
    as_women = [(world.beyond, world.alleles(world.beyond, men_diploid=True))]
    targets = world.write("women.vcf.gz", as_women, TARGET, typed_only=True)
    path = world.folder / "as_women.vcf.gz"
    impute(reference=world.folder / "panel.vcf.gz", targets=targets, out=path, **EXACT)
    women = fields(path)
    men = fields(imputed, "-t", f"X:{PAR1_END + 1}-")
    pairs = women[MAN]["HDS"].str.split(",", expand=True)
    assert (pairs[0] == men[MAN]["HDS"]).all()
    assert (pairs[1] == men[MAN]["HDS"]).all()
    assert women[WOMAN].equals(men[WOMAN])


def test_par_is_imputed_like_an_autosome(world, imputed) -> None:
    sites = dataclasses.replace(world.par.sites, chrom=np.full(len(world.par.sites), "20"))
    par = dataclasses.replace(world.par, sites=sites)
    parts = [(par, world.alleles(world.par))]
    contig = "##contig=<ID=20,length=63025520>"
    reference = world.write("par.panel.vcf.gz", parts, REFERENCE, contig=contig)
    targets = world.write("par.targets.vcf.gz", parts, TARGET, typed_only=True, contig=contig)
    path = world.folder / "par.vcf.gz"
    impute(reference=reference, targets=targets, out=path, **EXACT)
    assert query(path, FORMAT) == query(imputed, FORMAT, "-t", f"X:1-{PAR1_END}")
    assert not (world.folder / "par.psam").exists()
    region = world.folder / "region.vcf.gz"
    impute(
        reference=world.folder / "panel.vcf.gz",
        targets=world.folder / "targets.vcf.gz",
        region=f"X:60001-{PAR1_END}",
        out=region,
        **EXACT,
    )
    assert query(region, FORMAT) == query(path, FORMAT)


def test_a_region_across_the_end_of_par_is_the_same(world, imputed) -> None:
    path = world.folder / "across.vcf.gz"
    files = {"reference": world.folder / "panel.vcf.gz", "targets": world.folder / "targets.vcf.gz"}
    impute(**files, region="X:2500000-5000000", out=path, **EXACT)
    assert query(path, FORMAT) == query(imputed, FORMAT, "-t", "X:2500000-5000000")


def test_men_given_as_diploid_with_their_sex_are_the_same_records(world, imputed, outcome) -> None:
    diploid = [
        (world.par, world.alleles(world.par)),
        (world.beyond, world.alleles(world.beyond, men_diploid=True)),
    ]
    reference = world.write("diploid.panel.vcf.gz", diploid, REFERENCE)
    targets = world.write("diploid.targets.vcf.gz", diploid, TARGET, typed_only=True)
    path = world.folder / "diploid.vcf.gz"
    impute(reference=reference, targets=targets, sex=world.sexes(), out=path, **EXACT)
    assert query(path, "%LINE") == query(imputed, "%LINE")  # the header names the files
    assert path.with_name("diploid.psam").read_bytes() == imputed.with_name("imputed.psam").read_bytes()
    same = "haploid, with the records of a file of haploid men"
    outcome("men coded diploid", "homozygous in both files, with --sex", "impute", 0, same)


class Stopped(Exception):
    """Stands for a run that is killed."""


def test_a_stopped_run_is_gone_on_from(world, imputed, monkeypatch) -> None:
    path = world.folder / "resumed.vcf.gz"
    files = {"reference": world.folder / "panel.vcf.gz", "targets": world.folder / "targets.vcf.gz"}
    written = stretch_run.write_piece

    def stop(piece: Path, *arguments, **options) -> np.ndarray:
        if ".par1." not in piece.name:
            raise Stopped
        return written(piece, *arguments, **options)

    monkeypatch.setattr(stretch_run, "write_piece", stop)
    with pytest.raises(Stopped):
        impute(**files, out=path, **EXACT)
    monkeypatch.setattr(stretch_run, "write_piece", written)
    impute(**files, out=path, **EXACT)
    assert path.read_bytes() == imputed.read_bytes()


def test_bcftools_and_plink_read_the_output(world, imputed, tmp_path) -> None:
    for command in (["view", "-c", "1"], ["stats"], ["query", "-f", "[%GT ]\n"]):
        done = subprocess.run(["bcftools", *command, imputed], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    command = ["plink2", "--vcf", imputed, "dosage=HDS", "--psam", imputed.with_name("imputed.psam")]
    done = subprocess.run(
        [*command, "--split-par", "b37", "--freq", "--out", tmp_path / "p"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    frequencies = pd.read_csv(tmp_path / "p.afreq", sep="\t")
    assert frequencies.groupby("#CHROM")["OBS_CT"].unique().map(list).to_dict() == {"PAR1": [12], "X": [9]}
    af = [float(row[0]) for row in query(imputed, "%INFO/AF\n")]
    np.testing.assert_allclose(frequencies["ALT_FREQS"], af, atol=1e-4)


def test_a_heterozygous_man_is_counted_set_missing_and_listed(world, imputed, caplog, outcome) -> None:
    alleles = world.alleles(world.beyond, men_diploid=True)
    typed = 5  # EVERY 4 from 1
    man = len(world.par.samples) - TARGETS + MAN
    alleles[typed, man] = [0, 1]
    parts = [(world.par, world.alleles(world.par)), (world.beyond, alleles)]
    targets = world.write("het.targets.vcf.gz", parts, TARGET, typed_only=True)
    path = world.folder / "het.vcf.gz"
    result = impute(
        reference=world.folder / "panel.vcf.gz", targets=targets, sex=world.sexes(), out=path, n_phasings=1, **EXACT
    )
    assert "genotypes that are impossible on X are set missing: 1, in 1 sample (" in caplog.text
    name = world.par.samples[man]
    assert result.dropped.empty
    listed = result.recoded[result.recoded["pos"] == world.beyond.sites.pos[typed]]
    outcome("men coded diploid", "one heterozygous genotype, with --sex", "impute", 0, listed["reason"].iloc[0])
    assert listed["reason"].tolist() == [f"set missing in 1 samples of other ploidy: {name}"]
    there = fields(path).loc[world.beyond.sites.pos[typed], MAN]
    assert there["GT"] in ("0", "1")
    others = fields(imputed).drop(columns=MAN, level=0)
    assert fields(path).drop(columns=MAN, level=0).equals(others)


def test_unphased_women_are_phased_beside_men_with_gaps(world) -> None:
    alleles = world.alleles(world.beyond)
    man = len(world.par.samples) - TARGETS + MAN
    alleles[[5, 9], man] = [MISSING, ONE_ALLELE]
    women = ~world.men
    alleles[:, women] = np.sort(alleles[:, women], axis=2)
    parts = [(world.beyond, alleles)]
    targets = world.write("unphased.vcf.gz", parts, TARGET, typed_only=True, phased=False)
    path = world.folder / "unphased.imputed.vcf.gz"
    result = impute(reference=world.folder / "panel.vcf.gz", targets=targets, out=path, n_phasings=1, **EXACT)
    beyond = result.sites["pos"].to_numpy() > PAR1_END
    assert set(result.sites["pos"][~beyond]) == set(), "PAR1 has no typed site"
    truth = world.alleles(world.beyond)[:, TARGET]
    counts = np.where(truth[..., 1] == ONE_ALLELE, truth[..., 0], truth.sum(axis=2))
    for columns in (world.men[TARGET], ~world.men[TARGET]):
        r2 = np.corrcoef(result.dosages[:, columns].ravel(), counts[:, columns].ravel())[0, 1] ** 2
        assert r2 > 0.8


def autosome(world: XWorld) -> Panel:
    """The part beyond PAR as chromosome 20."""
    sites = dataclasses.replace(world.beyond.sites, chrom=np.full(len(world.beyond.sites), "20"))
    return dataclasses.replace(world.beyond, sites=sites)


def test_x_that_cannot_be_used_leaves_the_autosomes(world, caplog, tmp_path) -> None:
    panel = autosome(world)
    of_20 = panel.alleles[:].reshape(len(panel.sites), -1, 2).astype(np.int8)
    for name, parts, contig in (
        ("20", [(panel, of_20)], "##contig=<ID=20>"),
        ("X", [(world.beyond, world.alleles(world.beyond))], "##contig=<ID=X>"),
    ):
        world.write(f"some.{name}.panel.vcf.gz", parts, REFERENCE, contig=contig)
        world.write(f"some.{name}.targets.vcf.gz", parts, TARGET, typed_only=True, contig=contig)
    files = {
        "reference": f"{world.folder}/some.{{chrom}}.panel.vcf.gz",
        "targets": f"{world.folder}/some.{{chrom}}.targets.vcf.gz",
    }
    path = tmp_path / "some.vcf.gz"
    result = impute(**files, out=path, **EXACT)
    assert {row[0] for row in query(path, "%CHROM\n")} == {"20"}
    assert "chromosome X is not imputed: " in caplog.text
    assert "--build 37 or 38" in caplog.text
    assert result.summary["not_imputed"].keys() == {"X"}
    of_x = result.dropped[(result.dropped["chrom"] == "X") & (result.dropped["file"] == "reference")]
    assert len(of_x) == len(world.beyond.sites)
    assert set(of_x["reason"]) == {"chromosome not imputed: the run's warnings say why"}
    with pytest.raises(InputError, match=r"haploid genotypes on chromosome X.*--build"):
        impute(**files, chromosomes="X", out=tmp_path / "x.vcf.gz", **EXACT)
    with pytest.raises(InputError, match="give --build 37 or 38"):
        impute(**files, chromosomes="X", sex=world.sexes(), out=tmp_path / "x2.vcf.gz", **EXACT)
    impute(**files, chromosomes="X", build=37, out=tmp_path / "x3.vcf.gz", **EXACT)
    assert len(query(tmp_path / "x3.vcf.gz", "%POS\n")) == len(world.beyond.sites)


def test_a_haploid_woman_is_an_error_that_names_her(world, tmp_path) -> None:
    sexes = tmp_path / "sexes.tsv"
    man = world.names[MAN]
    sexes.write_text(f"{man}\t2\n")
    files = {"reference": world.folder / "panel.vcf.gz", "targets": world.folder / "targets.vcf.gz"}
    with pytest.raises(InputError, match=f"sample {man} is a woman by --sex and haploid at X:"):
        impute(**files, sex=sexes, out=tmp_path / "x.vcf.gz", **EXACT)


def test_diploid_x_of_unknown_build_is_imputed_as_it_is(world, caplog, tmp_path) -> None:
    parts = [(world.par, world.alleles(world.par))]
    reference = world.write("bare.panel.vcf.gz", parts, REFERENCE, contig="##contig=<ID=X>")
    targets = world.write("bare.targets.vcf.gz", parts, TARGET, typed_only=True, contig="##contig=<ID=X>")
    impute(reference=reference, targets=targets, out=tmp_path / "bare.vcf.gz", **EXACT)
    assert "all samples are taken for diploid on all of X" in caplog.text
    assert (tmp_path / "bare.psam").read_text().splitlines()[1:] == [f"0\t{name}\tNA" for name in world.names]


def test_x_in_one_file_with_an_autosome(world, imputed, tmp_path) -> None:
    panel = autosome(world)
    of_20 = panel.alleles[:].reshape(len(panel.sites), -1, 2).astype(np.int8)
    parts = [
        (panel, of_20),
        (world.par, world.alleles(world.par)),
        (world.beyond, world.alleles(world.beyond)),
    ]
    reference = world.write("all.panel.vcf.gz", parts, REFERENCE)
    targets = world.write("all.targets.vcf.gz", parts, TARGET, typed_only=True)
    path = tmp_path / "all.vcf.gz"
    result = impute(reference=reference, targets=targets, out=path, **EXACT)
    assert query(path, FORMAT, "-t", "X") == query(imputed, FORMAT)
    assert [row["chromosome"] for row in result.summary["chromosomes"]] == ["all.panel", "X"]
    assert len(query(path, "%POS\n", "-t", "20")) == len(panel.sites)
    assert len(result.dropped) == 0


@pytest.mark.parametrize("chrom", ["Y", "MT"])
def test_y_and_mt_are_haploid(world, chrom, tmp_path) -> None:
    sites = dataclasses.replace(world.beyond.sites, chrom=np.full(len(world.beyond.sites), chrom))
    panel = dataclasses.replace(world.beyond, sites=sites)
    alleles = panel.alleles[:].reshape(len(sites), -1, 2).astype(np.int8)
    alleles[..., 1] = ONE_ALLELE
    if chrom == "Y":
        alleles[:, ~world.men] = [MISSING, ONE_ALLELE]
    contig = f"##contig=<ID={chrom}>"
    reference = world.write(f"{chrom}.panel.vcf.gz", [(panel, alleles)], REFERENCE, contig=contig)
    targets = world.write(f"{chrom}.targets.vcf.gz", [(panel, alleles)], TARGET, typed_only=True, contig=contig)
    path = tmp_path / "out.vcf.gz"
    result = impute(reference=reference, targets=targets, out=path, **EXACT)
    found = fields(path)
    there = world.men[TARGET] | (chrom == "MT")
    for sample in range(TARGETS):
        assert set(found[sample]["GT"]) == ({"0", "1"} if there[sample] else {"."})
    truth = alleles[:, TARGET, 0][:, there]
    assert np.corrcoef(result.dosages[:, there].ravel(), truth.ravel())[0, 1] ** 2 > 0.5
    assert np.isnan(result.dosages[:, ~there]).all()
    np.testing.assert_allclose(result.sites["AF"], result.dosages[:, there].mean(axis=1), atol=1e-6)
    assert not (tmp_path / "out.psam").exists()


def test_the_contig_of_another_build_contradicts_the_option(world, tmp_path) -> None:
    assert "155270560" in CONTIG
    files = {"reference": world.folder / "panel.vcf.gz", "targets": world.folder / "targets.vcf.gz"}
    with pytest.raises(InputError, match="--build and the length of contig X"):
        impute(**files, build="38", out=tmp_path / "x.vcf.gz", **EXACT)
    with pytest.raises(InputError, match="build '36': choose from 37, 38"):
        impute(**files, build=36, out=tmp_path / "x.vcf.gz", **EXACT)


@pytest.mark.parametrize(("target", "n_haplotypes", "place"), [(MAN, 1, 300), (WOMAN, 2, 300), (MAN, 2, 50)])
def test_explain_takes_the_haplotypes_that_a_sample_has(
    world, imputed, target: int, n_haplotypes: int, place: int
) -> None:
    """Beyond PAR and in it: the dosages of the imputed file, and neighbours of each haplotype."""
    panel = world.par if place == 50 else world.beyond
    pos = int(panel.sites.pos[place])
    files = {"reference": world.folder / "panel.vcf.gz", "targets": world.folder / "targets.vcf.gz"}
    table = explain(**files, sample=world.names[target], site=f"X:{pos}", model=DEFAULT, threads=1)
    assert sorted(set(table["haplotype"])) == list(range(1, n_haplotypes + 1))
    sums = table.groupby("haplotype")["weight"].sum()
    np.testing.assert_allclose(sums, 1, atol=1e-4)
    printed = fields(imputed, "-r", f"X:{pos}")[target]["HDS"].loc[pos].split(",")
    np.testing.assert_allclose(table.attrs["dosages"], [float(value) for value in printed], atol=1.1e-3)
    men = {name for name, is_man in zip(world.par.samples, world.men, strict=True) if is_man}
    of_men = table[table["neighbour"].isin(men)]
    assert len(of_men)
    assert place == 50 or set(of_men["neighbour_haplotype"]) == {1}, "a man of the panel has one haplotype"
