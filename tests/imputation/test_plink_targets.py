"""Targets in PLINK's files are imputed like those in a VCF."""

import subprocess
from pathlib import Path

import pytest

from plink import as_bed, as_pgen, corner_of_example
from ragimpute import check
from ragimpute.errors import InputError
from ragimpute.imputation.explanation import explain
from ragimpute.imputation.impute import impute
from ragimpute.models.pretrained import DEFAULT
from two_chromosomes import query
from x_chromosome import TARGET, x_world

EXACT = {"model": DEFAULT, "device": "cpu", "threads": 1}
RECORDS = "%CHROM\t%POS\t%REF\t%ALT\t%INFO/R2[\t%GT:%DS:%HDS:%GP]\n"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    files = corner_of_example(tmp_path_factory.mktemp("example"))
    del files["truth"]
    return files


@pytest.fixture(scope="module")
def from_vcf(example: dict[str, Path]) -> Path:
    out = example["targets"].with_name("from_vcf.vcf.gz")
    impute(**example, out=out, n_phasings=1, **EXACT)
    return out


@pytest.mark.parametrize("kind", [as_bed, as_pgen])
def test_a_bed_with_the_minor_allele_first_and_a_pgen_are_imputed_like_the_vcf(example, from_vcf, kind) -> None:
    genotypes = kind(example["targets"])
    unusual = genotypes.with_name(f"{genotypes.stem}.by_its_bytes")  # told by its content
    if kind is as_bed:
        genotypes.rename(unusual)
        genotypes = unusual
    out = example["targets"].with_name(f"from_{kind.__name__}.vcf.gz")
    result = impute(**{**example, "targets": genotypes}, out=out, n_phasings=1, **EXACT)
    assert query(out, RECORDS) == query(from_vcf, RECORDS)
    reasons = set(result.recoded["reason"])
    assert reasons == ({"alleles swapped"} if kind is as_bed else set())
    swapped = {frozenset((row.ref, row.alt)) for row in result.recoded.itertuples()}
    assert (frozenset("AT") in swapped or frozenset("CG") in swapped) == (kind is as_bed)


def test_missing_genotypes_two_chromosomes_and_other_names_of_the_panels(world, tmp_path) -> None:
    copy = tmp_path / "unphased.vcf.gz"
    copy.write_bytes((world.folder / "unphased.vcf.gz").read_bytes())
    bed = as_bed(copy)
    (tmp_path / "names").write_text("20 chr20\n21 chr21\n")
    reference = tmp_path / "chr.vcf.gz"
    command = ["bcftools", "annotate", "--rename-chrs", tmp_path / "names", "-o", reference]
    subprocess.run([*command, world.folder / "reference.vcf.gz"], check=True)
    plain = world.impute("unphased_out.vcf.gz", targets="unphased.vcf.gz")
    out = tmp_path / "out.vcf.gz"
    impute(reference=reference, targets=bed, out=out, **EXACT)
    assert [[row[0].removeprefix("chr"), *row[1:]] for row in query(out, RECORDS)] == query(plain, RECORDS)


def test_a_phased_pgen_keeps_its_phase_and_needs_no_beagle(world, plain, tmp_path, monkeypatch) -> None:
    copy = tmp_path / "phased.vcf.gz"
    copy.write_bytes((world.folder / "phased.vcf.gz").read_bytes())
    pgen = as_pgen(copy, "vzs")
    assert (tmp_path / "phased.pvar.zst").exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "out.bcf"
    impute(reference=world.folder / "reference.vcf.gz", targets=pgen, out=out, **EXACT)
    monkeypatch.undo()
    assert query(out, RECORDS) == query(plain, RECORDS)


@pytest.mark.parametrize("codes", [("23", "25"), ("X", "XY"), ("X", "PAR1")])
def test_codes_of_x_and_sex_of_the_fam(tmp_path, codes) -> None:
    world = x_world(tmp_path, EXACT)
    reference = tmp_path / "panel.vcf.gz"
    expected = tmp_path / "expected.vcf.gz"
    impute(reference=reference, targets=tmp_path / "targets.vcf.gz", out=expected, **EXACT)
    parts = [(world.beyond, world.alleles(world.beyond, men_diploid=True)), (world.par, world.alleles(world.par))]
    diploid = world.write("diploid.vcf.gz", parts[::-1], TARGET, typed_only=True)
    pgen = as_pgen(diploid)
    beyond, in_par = codes
    lines = pgen.with_suffix(".pvar").read_text().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    bim = [(in_par if int(row[1]) < 2_699_521 else beyond, row[2], "0", row[1], row[4], row[3]) for row in rows]
    pgen.with_suffix(".bim").write_text("".join("\t".join(row) + "\n" for row in bim))
    pgen.with_suffix(".pvar").unlink()
    fam = [f"F{i}\t{name}\t0\t0\t{1 if i % 2 else 2}\t-9\n" for i, name in enumerate(world.names)]
    pgen.with_suffix(".fam").write_text("".join(fam))
    pgen.with_suffix(".psam").unlink()
    out = tmp_path / "out.vcf.gz"
    impute(reference=reference, targets=pgen, out=out, **EXACT)
    assert query(out, RECORDS) == query(expected, RECORDS)
    beside = out.with_name("out.psam"), expected.with_name("expected.psam")
    psam, of_vcf = ([line.split("\t") for line in path.read_text().splitlines()] for path in beside)
    assert [row[1:] for row in psam] == [row[1:] for row in of_vcf]
    assert [row[0] for row in psam] == ["#FID", *(f"F{i}" for i in range(len(world.names)))]


def test_check_and_explain_read_plink(example, from_vcf) -> None:
    bed = as_bed(example["targets"])
    findings = check(reference=example["reference"], targets=bed, genetic_map=example["genetic_map"])
    assert {finding.file for finding in findings} == {str(example["reference"]), str(bed)}
    told = {finding.code: finding.message for finding in findings if finding.file == str(bed)}
    assert "match one of its sites (100.0%)" in told["overlap"]
    assert "dropped" not in told["ambiguous"]
    chrom, pos, ref, alt = query(from_vcf, "%CHROM\t%POS\t%REF\t%ALT\n", "-i", "IMPUTED=1")[40]
    asked = {"sample": "NA06989", "site": f"{chrom}:{pos}:{ref}:{alt}", "n_phasings": 1, "model": DEFAULT}
    table = explain(**{**example, "targets": bed}, **asked)
    assert table.equals(explain(**example, **asked))


def test_an_unfinished_run_of_another_fam_is_not_gone_on_from(world, tmp_path, monkeypatch) -> None:
    copy = tmp_path / "phased.vcf.gz"
    copy.write_bytes((world.folder / "phased.vcf.gz").read_bytes())
    bed = as_bed(copy)
    call = {"reference": world.folder / "reference.vcf.gz", "targets": bed, "out": tmp_path / "out.vcf.gz", **EXACT}

    def stop(*_, **__) -> None:
        raise InterruptedError

    monkeypatch.setattr("ragimpute.imputation.inputs.phase_repeatedly", stop)  # phase is lost in a .bed
    with pytest.raises(InterruptedError):
        impute(**call)
    bed.with_suffix(".fam").write_text(bed.with_suffix(".fam").read_text().replace("\tNA\t", "\t2\t") + "\n")
    with pytest.raises(InputError, match=r"--restart"):
        impute(**call)


def test_a_record_of_several_alleles_in_a_pgen_is_matched_by_each_of_them(world, tmp_path) -> None:
    lines = subprocess.run(
        ["bcftools", "view", world.folder / "phased.vcf.gz"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    first = next(place for place, line in enumerate(lines) if not line.startswith("#"))
    fields = lines[first].split("\t")
    other = next(base for base in "ACGT" if base not in fields[3:5])
    fields[4] = f"{other},{fields[4]}"
    fields[9:] = [genotype.replace("1", "2") for genotype in fields[9:]]
    fields[9] = "1|1"
    lines[first] = "\t".join(fields)
    copy = tmp_path / "several.vcf.gz"
    text = "\n".join(lines) + "\n"
    subprocess.run(["bcftools", "view", "-o", copy, "-"], input=text, text=True, check=True)
    pgen = as_pgen(copy)
    results = []
    for number, targets in enumerate((copy, pgen)):
        out = tmp_path / f"out{number}.vcf.gz"
        found = impute(reference=world.folder / "reference.vcf.gz", targets=targets, out=out, **EXACT)
        [reason] = found.recoded["reason"]
        assert reason == "one of several alleles: 1 genotypes with other alleles set missing"
        results.append(query(out, RECORDS))
    assert results[0] == results[1]
