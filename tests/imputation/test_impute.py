"""`ragimpute impute` from files to files."""

import dataclasses
import json
import subprocess

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ragimpute.cli import ragimpute
from ragimpute.errors import InputError
from ragimpute.imputation import engine
from ragimpute.imputation.impute import impute
from ragimpute.imputation.left_out import empirical_r2
from ragimpute.models.pretrained import DEFAULT
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.writer import write_genotypes
from tiny_study import ROOT
from two_chromosomes import TARGETS, query


def test_one_record_for_each_reference_site_and_fields_that_agree(world, plain):
    rows = query(plain, "%CHROM\t%POS\t%REF\t%ALT[\t%GT:%DS:%HDS:%GP]\n")
    assert [(row[0], int(row[1]), row[2], row[3]) for row in rows] == world.panel.sites.keys()
    for row, typed, truth in zip(rows, world.typed, world.truth, strict=True):
        for text, alleles in zip(row[4:], truth, strict=True):
            gt, ds, hds, gp = text.split(":")
            assert float(ds) == pytest.approx(sum(map(float, hds.split(","))), abs=1e-9)
            assert sum(map(float, gp.split(","))) == pytest.approx(1, abs=1e-9)
            if typed:
                assert gt == f"{alleles[0]}|{alleles[1]}"
                assert float(ds) == alleles.sum()
    contigs = subprocess.run(["bcftools", "view", "-h", plain], capture_output=True, text=True, check=True).stdout
    assert "##contig=<ID=21,length=80000000>" in contigs


@pytest.mark.parametrize("command", [["stats"], ["norm", "-m", "-any"], ["+fill-tags"]])
def test_bcftools_runs_clean(world, plain, command):
    done = subprocess.run(["bcftools", *command, plain], capture_output=True, text=True)
    noise = [line for line in done.stderr.splitlines() if not line.startswith("Lines")]
    assert (done.returncode, noise) == (0, [])
    if command == ["+fill-tags"]:
        counts = [line for line in done.stdout.splitlines() if not line.startswith("#")]
        assert len(counts) == len(world.typed)
        assert all("AC=" in line for line in counts)


def test_empirical_r2_stands_at_typed_sites_that_vary(world, plain):
    rows = query(plain, "%INFO/ER2\t%INFO/TYPED\n")
    varies = np.ptp(world.truth.reshape(len(world.typed), -1), axis=1) > 0
    assert [row[0] != "." for row in rows] == (world.typed & varies).tolist()
    values = np.array([float(row[0]) for row in rows if row[0] != "."])
    assert ((values >= 0) & (values <= 1)).all()
    assert values.mean() > 0.1, "neighbouring typed sites tell something of each other"


def test_bcf_and_chosen_fields(world, plain):
    path = world.impute("chosen.bcf", "--format", "DS,GT")
    assert path.with_name("chosen.bcf.csi").exists()
    assert query(path, "%CHROM\t%POS\t%INFO/R2[\t%GT\t%DS]\n") == query(plain, "%CHROM\t%POS\t%INFO/R2[\t%GT\t%DS]\n")
    header = subprocess.run(["bcftools", "view", "-h", path], capture_output=True, text=True, check=True).stdout
    assert "FORMAT=<ID=HDS," not in header


@pytest.mark.parametrize("described", [(), ("--describe",)])
def test_a_prepared_panel_gives_the_same(world, plain, described):
    arguments = ["read-panel", "--reference", str(world.folder / "reference.vcf.gz")]
    arguments += [
        "--out",
        str(world.folder / "panel.safetensors"),
        "--dropped",
        str(world.folder / "d.tsv"),
        *described,
    ]
    assert CliRunner().invoke(ragimpute, arguments, catch_exceptions=False).exit_code == 0
    path = world.impute("prepared.vcf.gz", reference="panel.safetensors")
    assert query(path, "%LINE") == query(plain, "%LINE")


def test_excluded_samples_play_no_part(world):
    """Leaving ten samples out is the same as a file without them."""
    names = world.panel.samples[:10]
    (world.folder / "out.txt").write_text("\n".join(names) + "\n")
    left_out = world.impute("left_out.vcf.gz", "--exclude-samples", str(world.folder / "out.txt"))
    fewer = ["bcftools", "view", "-s", "^" + ",".join(names), "-Oz", "-o", world.folder / "fewer.vcf.gz"]
    subprocess.run([*fewer, world.folder / "reference.vcf.gz"], check=True)
    path = world.impute("fewer_out.vcf.gz", reference="fewer.vcf.gz")
    assert query(path, "%LINE") == query(left_out, "%LINE")


def test_a_list_of_samples_who_are_not_there_is_an_error(world):
    (world.folder / "none.txt").write_text("Absent\n")
    with pytest.raises(InputError, match=r"none.txt: none of its 1 names is in the panel"):
        world.impute("none.vcf.gz", "--exclude-samples", str(world.folder / "none.txt"))


@pytest.mark.parametrize(("option", "message"), [("GT,DS,DS", "each may be named once"), ("GT,XX", "choose from")])
def test_fields_are_checked_before_the_work(world, option, message):
    with pytest.raises(InputError, match=message):
        world.impute("fields.vcf.gz", "--format", option)


def test_a_prepared_panel_phases_by_its_own_map(world, tmp_path):
    """Targets to be phased, on a map that is not the uniform one."""
    (tmp_path / "map").write_text("20 . 0 1\n20 . 9 80000000\n21 . 0 1\n21 . 200 80000000\n")
    arguments = ["read-panel", "--reference", str(world.folder / "reference.vcf.gz"), "--map", str(tmp_path / "map")]
    arguments += ["--out", str(world.folder / "mapped.safetensors"), "--dropped", str(tmp_path / "dropped.tsv")]
    done = CliRunner().invoke(ragimpute, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    prepared = world.impute("mapped.vcf.gz", targets="unphased.vcf.gz", reference="mapped.safetensors")
    given = world.impute("by_map.vcf.gz", "--map", str(tmp_path / "map"), targets="unphased.vcf.gz")
    same = np.mean([a == b for a, b in zip(query(prepared, "[%GT ]\n"), query(given, "[%GT ]\n"), strict=True)])
    assert same > 0.99


def test_a_region_limits_both_files_and_drops_nothing(world, plain):
    path = world.impute("region.vcf.gz", "--region", "20:5,000,000-25,000,000")
    inside = (world.panel.sites.chrom == "20") & (np.abs(world.panel.sites.pos - 15e6) <= 10e6)
    found = [(row[0], int(row[1])) for row in query(path, "%CHROM\t%POS\n")]
    assert found == [key[:2] for key, kept in zip(world.panel.sites.keys(), inside, strict=True) if kept]
    assert not path.with_name("region.dropped.tsv").exists(), "targets outside the region were asked to be left out"


def test_a_region_is_imputed_as_within_the_whole(world, plain):
    """Matches reach beyond its ends: panel and targets are read there, too."""
    inside = (world.panel.sites.chrom == "20") & (np.abs(world.panel.sites.pos - 15e6) <= 0.5e6)
    sites = world.panel.sites.take(inside)
    path = world.impute("within.vcf.gz", "--region", "20:14500000-15500000")
    region, whole = read_imputed(path, sites), read_imputed(plain, world.panel.sites)
    difference = np.abs(region.hds - whole.hds[inside])
    assert difference.max() <= 0.05  # .74 from the region alone
    assert difference.mean() <= 0.002
    np.testing.assert_allclose(region.er2, whole.er2[inside], atol=0.01)


def test_a_region_without_a_site_of_the_panel_is_an_error(world):
    """Its flanks have some."""
    with pytest.raises(InputError, match=r"reference.vcf.gz: no site in region 20:31500000-31600000"):
        world.impute("empty.vcf.gz", "--region", "20:31500000-31600000")


def test_an_extra_target_record_is_listed_as_dropped(world):
    sites = world.panel.sites.take(world.typed)
    shifted = dataclasses.replace(sites, pos=np.where(np.arange(len(sites)) == 3, sites.pos + 1, sites.pos))
    seen, names = world.truth[world.typed].astype(np.int8), world.panel.samples[-TARGETS:]
    write_genotypes(world.folder / "extra.vcf.gz", shifted, world.panel.contigs, names, seen, True)
    path = world.impute("extra_out.vcf.gz", targets="extra.vcf.gz")
    dropped = pd.read_csv(path.with_name("extra_out.dropped.tsv"), sep="\t", dtype=str)
    assert dropped[["pos", "reason", "file"]].to_numpy().tolist() == [
        [str(shifted.pos[3]), "not in the reference", "targets"]
    ]


def test_sites_of_an_untyped_chromosome_and_recoded_records_are_listed(world):
    """Targets on the first chromosome alone, one of whose records has REF and ALT swapped."""
    typed = world.typed & (world.panel.sites.chrom == "20")
    sites, seen = world.panel.sites.take(typed), world.truth[typed].astype(np.int8)
    here = np.arange(len(sites)) == 7
    swapped = dataclasses.replace(
        sites, ref=np.where(here, sites.alt, sites.ref), alt=np.where(here, sites.ref, sites.alt)
    )
    seen = np.where(here[:, None, None], 1 - seen, seen)
    write_genotypes(
        world.folder / "one.vcf.gz", swapped, world.panel.contigs, world.panel.samples[-TARGETS:], seen, True
    )
    path = world.impute("one_out.vcf.gz", targets="one.vcf.gz")
    dropped = pd.read_csv(path.with_name("one_out.dropped.tsv"), sep="\t", dtype=str)
    other = world.panel.sites.take(world.panel.sites.chrom != "20")
    assert dropped["pos"].tolist() == other.pos.astype(str).tolist()
    assert set(dropped[["file", "reason"]].agg(": ".join, axis=1)) == {"reference: no typed site on the chromosome"}
    recoded = pd.read_csv(path.with_name("one_out.recoded.tsv"), sep="\t", dtype=str)
    assert recoded[["pos", "ref", "alt", "reason"]].to_numpy().tolist() == [
        [str(sites.pos[7]), sites.alt[7], sites.ref[7], "alleles swapped"]
    ]


@pytest.mark.parametrize("suffix", ["vcf.gz", "bcf"])
def test_records_that_the_panel_lacks_are_kept_when_asked(world, suffix):
    sites = world.panel.sites.take(world.typed)
    apart = np.isin(np.arange(len(sites)), (0, 3, len(sites) - 1))  # the first and the last record of the file too
    shifted = dataclasses.replace(sites, pos=np.where(apart, sites.pos + 1, sites.pos))
    seen, names = world.truth[world.typed].astype(np.int8), world.panel.samples[-TARGETS:]
    seen[3, 0] = -1
    write_genotypes(world.folder / "apart.vcf.gz", shifted, world.panel.contigs, names, seen, True)
    without = world.impute(f"without.{suffix}", targets="apart.vcf.gz")
    path = world.impute(f"with.{suffix}", "--keep-unmatched", targets="apart.vcf.gz")
    of_other_bytes = world.folder / f"again.{suffix}.{'tbi' if suffix == 'bcf' else 'csi'}"
    of_other_bytes.write_bytes(b"the index of an earlier file")
    again = world.impute(f"again.{suffix}", "--keep-unmatched", targets="apart.vcf.gz")
    assert again.read_bytes() == path.read_bytes()
    assert not of_other_bytes.exists()
    of_the_panel = ("--include", "TYPED=1 || IMPUTED=1")
    assert query(path, "%LINE", *of_the_panel) == query(without, "%LINE")
    fields = "%CHROM\t%POS\t%REF\t%ALT\t%INFO[\t%GT]\n"
    kept = query(path, fields, "--exclude", of_the_panel[1])
    assert [int(row[1]) for row in kept] == shifted.pos[apart].tolist()
    places = ",".join(f"{row[0]}:{row[1]}" for row in kept)
    assert kept == query(world.folder / "apart.vcf.gz", fields, "--targets", places)
    assert query(path, "%CHROM:%POS\n", "--regions", places) == [[place] for place in places.split(",")]  # the index
    done = subprocess.run(["bcftools", "view", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert without.with_name("without.dropped.tsv").exists()
    assert not path.with_name("with.dropped.tsv").exists()


def test_records_of_a_file_whose_header_bcftools_refuses_are_an_error_that_says_so(world):
    text = subprocess.run(["bcftools", "view", world.folder / "phased.vcf.gz"], capture_output=True, text=True).stdout
    lines = [line for line in text.splitlines() if not line.startswith("##contig")]
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    chrom, pos, *rest = lines[first].split("\t")
    lines.insert(first + 1, "\t".join([chrom, str(int(pos) + 1), *rest]))
    (world.folder / "bare.vcf").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"bare\.vcf: bcftools cannot take over .* lack ##contig lines"):
        world.impute("bare.vcf.gz", "--keep-unmatched", targets="bare.vcf")
    assert not (world.folder / "bare.vcf.gz").exists()


def test_unphased_targets_keep_their_genotypes(world):
    path = world.impute("from_unphased.vcf.gz", targets="unphased.vcf.gz")
    found = read_imputed(path, world.panel.sites)
    expected = world.truth.sum(axis=2)
    rows = np.flatnonzero(world.typed)
    different = np.argwhere(found.ds[rows] != expected[rows])
    assert different.tolist() in ([], [[5, 2]]), "only the missing genotype may have been filled in wrongly"
    assert not np.isnan(found.ds).any()
    alone = world.impute("by_one_thread.vcf.gz", "--threads", "1", targets="unphased.vcf.gz")
    assert query(alone, "%LINE") == query(path, "%LINE")


def test_missing_genotypes_are_imputed_and_count_for_nothing(world, monkeypatch):
    """One in ten typed genotypes is missing, and every genotype of one typed site."""
    monkeypatch.setattr(engine, "scale_of_map", lambda *_: 1.0)  # ER2 in the cM of the map
    rng = np.random.default_rng(1)
    sites, truth = world.panel.sites.take(world.typed), world.truth[world.typed].astype(np.int8)
    missing = rng.random(truth.shape[:2]) < 0.1
    missing[7] = True
    seen = np.where(missing[..., None], np.int8(-1), truth)
    names = world.panel.samples[-TARGETS:]
    write_genotypes(world.folder / "missing.vcf.gz", sites, world.panel.contigs, names, seen, True)
    path = world.impute("not_missing.vcf.gz", targets="missing.vcf.gz")
    found, rows = read_imputed(path, world.panel.sites), np.flatnonzero(world.typed)
    assert query(path, "%INFO/IMPUTED\n")[rows[7]] == ["1"], "no sample has a genotype there"
    ds = found.ds[rows]
    assert (ds[~missing] == truth.sum(axis=2)[~missing]).all()
    assert (ds[missing] % 1 > 0).mean() > 0.5, "what is not known is not certain"
    assert np.corrcoef(ds[missing], truth.sum(axis=2)[missing])[0, 1] > 0.8
    typed = world.typed.copy()
    typed[rows[7]] = False
    given = np.delete(seen, 7, axis=0).reshape(typed.sum(), -1)  # came phased: nothing else is known of them
    expected = empirical_r2(world.panel.of_samples(world.panel.samples[:-TARGETS]), typed, given)
    np.testing.assert_allclose(found.er2, expected, atol=0.01)


def test_targets_without_any_genotype_are_an_error(world):
    sites, names = world.panel.sites.take(world.typed), world.panel.samples[-TARGETS:]
    nothing = np.full((len(sites), TARGETS, 2), -1, dtype=np.int8)
    write_genotypes(world.folder / "nothing.vcf.gz", sites, world.panel.contigs, names, nothing, True)
    with pytest.raises(InputError, match=r"nothing.vcf.gz: all genotypes are missing"):
        world.impute("from_nothing.vcf.gz", targets="nothing.vcf.gz")


def test_the_number_of_phasings_changes_no_typed_genotype(world):
    """The world's typed sites are sparse: several phasings unless one asks for another number."""
    several = world.impute("several.vcf.gz", targets="unphased.vcf.gz")
    one = world.impute("one.vcf.gz", "--n-phasings", "1", targets="unphased.vcf.gz")
    assert query(several, "[%DS ]\n") != query(one, "[%DS ]\n")
    typed = ("--include", "INFO/TYPED=1")
    assert query(several, "[%GT ]\n", *typed) == query(one, "[%GT ]\n", *typed) != []


@pytest.mark.parametrize("targets", ["phased", "unphased"])
def test_each_chromosome_is_as_if_it_were_alone(world, targets):
    """In files of its own, and as a region of the files of both."""
    both = world.impute(f"both.{targets}.vcf.gz", targets=f"{targets}.vcf.gz")
    for chrom in ("20", "21"):
        for name in ("reference", targets):
            subset = ["bcftools", "view", "-t", chrom, "-Oz", "-o", world.folder / f"{name}.{chrom}.vcf.gz"]
            subprocess.run([*subset, world.folder / f"{name}.vcf.gz"], check=True)
        files = {"reference": f"reference.{chrom}.vcf.gz", "targets": f"{targets}.{chrom}.vcf.gz"}
        alone = world.impute(f"{chrom}.vcf.gz", **files)
        region = world.impute(f"region.{chrom}.vcf.gz", "--region", chrom, targets=f"{targets}.vcf.gz")
        assert query(alone, "%LINE") == query(region, "%LINE") == query(both, "%LINE", "-t", chrom)


@pytest.mark.parametrize("core_cm", [40.0, 15.0, 4.0])
@pytest.mark.parametrize("with_scale", [False, True])
def test_the_size_of_windows_changes_no_record_and_hardly_a_value(world, monkeypatch, core_cm, with_scale):
    """Default cores of 20 cM against others: only matches that reach beyond the margins of 5 cM tell them apart.

    And the scale of the map, which is found window by window, so that regions of a chromosome have the same.
    """
    if not with_scale:
        monkeypatch.setattr(engine, "scale_of_map", lambda *_: 1.0)
    files = {"reference": world.folder / "reference.vcf.gz", "targets": world.folder / "phased.vcf.gz"}
    paths = [world.folder / f"windows{core:g}{with_scale}.vcf.gz" for core in (20.0, core_cm)]
    for core, path in zip((20.0, core_cm), paths, strict=True):
        impute(**files, out=path, model=DEFAULT, device="cpu", core_cm=core)
    places = [query(path, "%CHROM\t%POS\t%REF\t%ALT\n") for path in paths]
    assert places[0] == places[1]
    default, ours = (read_imputed(path, world.panel.sites) for path in paths)
    difference = np.abs(ours.hds - default.hds)
    most, mean, of_er2 = (0.05, 1e-3, 0.1) if with_scale else (0.01, 1e-4, 1e-3)
    assert difference.max() <= most
    assert difference.mean() < mean
    np.testing.assert_allclose(ours.er2, default.er2, atol=of_er2)


@pytest.mark.parametrize("wrong", [("--model", "pretraind"), ("--region", "20:9-1"), ("--region", "20:x-y")])
def test_an_unusable_command_line_has_exit_code_2(world, wrong):
    reference, targets, out = (str(world.folder / f"{name}.vcf.gz") for name in ("reference", "phased", "unusable"))
    arguments = ["impute", "--reference", reference, "--targets", targets, "--out", out]
    done = CliRunner().invoke(ragimpute, [*arguments, *wrong])
    assert done.exit_code == 2
    assert wrong[0] in done.output


def test_json_tells_what_was_done_and_quiet_says_nothing(world, caplog):
    arguments = ["impute", "--reference", str(world.folder / "reference.vcf.gz"), "--region", "21"]
    arguments += ["--targets", str(world.folder / "phased.vcf.gz"), "--out", str(world.folder / "said.vcf.gz")]
    told = CliRunner().invoke(ragimpute, [*arguments, "--json"], catch_exceptions=False)
    facts, on_21 = json.loads(told.stdout), world.panel.sites.chrom == "21"
    assert (facts["samples"], facts["reference_samples"]) == (TARGETS, len(world.panel.samples) - TARGETS)
    assert facts["typed_sites"] == (world.typed & on_21).sum()
    assert facts["imputed_sites"] == (~world.typed & on_21).sum()
    assert facts["out"] == str(world.folder / "said.vcf.gz")
    caplog.clear()
    quiet = CliRunner().invoke(ragimpute, [*arguments, "--quiet"], catch_exceptions=False)
    assert (quiet.exit_code, quiet.stdout) == (0, "")
    assert {record.levelname for record in caplog.records} == {"WARNING"}  # there is no map, and few samples


@pytest.mark.parametrize(("few", "warned"), [(TARGETS, False), (TARGETS + 1, True)])
def test_too_few_samples_for_r2_are_warned_of(world, caplog, monkeypatch, few, warned):
    monkeypatch.setattr("ragimpute.imputation.messages.FEW_TARGETS", few)
    world.impute("few.vcf.gz", "--region", "21")
    assert ("make R2 unreliable" in caplog.text) == warned


def test_reference_samples_come_back_as_they_are(tmp_path):
    """Minimac4's identity test: reference samples whose untyped sites are removed find themselves in the reference."""
    example = ROOT / "resources" / "example"
    whole, seen, out = (tmp_path / f"{name}.vcf.gz" for name in ("whole", "seen", "out"))
    region = ["-r", "20:1000000-1500000"]
    subprocess.run(["bcftools", "view", *region, "-Oz", "-o", whole, example / "reference.vcf.gz"], check=True)
    listed = subprocess.run(["bcftools", "query", "-l", whole], capture_output=True, text=True, check=True)
    samples = listed.stdout.split()[::15]
    (tmp_path / "typed.tsv").write_text(
        "".join("\t".join(row) + "\n" for row in query(example / "targets.vcf.gz", "%CHROM\t%POS\n"))
    )
    some = ["bcftools", "view", "-s", ",".join(samples), "-T", tmp_path / "typed.tsv", "-Oz", "-o", seen, whole]
    subprocess.run(some, check=True)
    arguments = ["impute", "--reference", str(whole), "--targets", str(seen), "--out", str(out), "--device", "cpu"]
    arguments += ["--map", str(example / "genetic_map.plink.map")]
    done = CliRunner().invoke(ragimpute, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result = query(out, "%INFO/IMPUTED[\t%GT]\n", "-s", ",".join(samples))
    truth = query(whole, "[%GT\t]\n", "-s", ",".join(samples))
    same = [
        sorted(ours) == sorted(true)
        for (is_imputed, *genotypes), true_genotypes in zip(result, truth, strict=True)
        if is_imputed == "1"
        for ours, true in zip(genotypes, true_genotypes, strict=False)
    ]
    assert len(same) > 50_000
    assert np.mean(same) >= 0.999
