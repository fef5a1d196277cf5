"""`ragimpute impute` and `ragimpute explain` from files to files, on mosaic panels of two chromosomes."""

import dataclasses
import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from conftest import mosaic_panel
from ragimpute import artefacts
from ragimpute.cli import ragimpute
from ragimpute.errors import InputError
from ragimpute.imputers import KernelImputer
from ragimpute.panel import Panel, Sites
from ragimpute.pretrained import DEFAULT, KIND
from ragimpute.reporting import copying
from ragimpute.vcf.reader import read_imputed
from ragimpute.vcf.writer import write_genotypes
from tiny_study import ROOT

TARGETS = 6
FIRST = 1500  # sites of the first chromosome
EVERY = 4  # one site in four is typed


def stretched(panel: Panel, chrom: str, cm: float) -> Panel:
    """The panel on chromosome `chrom`, its sites spread over `cm` Mb, and so as many cM where no map is given."""
    sites = panel.sites
    pos = 1_000_000 + np.round((sites.pos - sites.pos[0]) / np.ptp(sites.pos) * cm * 1e6).astype(np.int64)
    moved = dataclasses.replace(sites, chrom=np.full(len(pos), chrom), pos=pos, cm=pos / 1e6)
    return dataclasses.replace(panel, sites=moved, contigs=(f"##contig=<ID={chrom},length=80000000>",))


def joined(*panels: Panel) -> Panel:
    """Panels of the same people, one after the other."""
    sites = Sites(*(np.concatenate([getattr(p.sites, name) for p in panels]) for name in Sites.__dataclass_fields__))
    contigs = tuple(line for panel in panels for line in panel.contigs)
    return Panel(sites, panels[0].samples, np.concatenate([p.alleles for p in panels]), contigs)


@dataclasses.dataclass(frozen=True)
class World:
    """The files of one panel, its people's true alleles, and which sites are typed."""

    folder: Path
    panel: Panel  # with the targets, the last of its people
    typed: np.ndarray

    @property
    def truth(self) -> np.ndarray:
        """Alleles [S, N, 2] of the targets."""
        return self.panel.alleles[:, -2 * TARGETS :].reshape(len(self.typed), TARGETS, 2)

    def impute(self, out: str, *options: str, targets: str = "phased.vcf.gz", reference: str = "reference.vcf.gz"):
        """The result's path and what was logged; refuses a non-zero exit code."""
        path = self.folder / out
        arguments = ["impute", "--reference", str(self.folder / reference), "--targets", str(self.folder / targets)]
        arguments += ["--out", str(path), "--model", str(DEFAULT), "--device", "cpu"]
        done = CliRunner().invoke(ragimpute, [*arguments, *options], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return path


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    """46 people, of whom six are targets, on two chromosomes of 30 and 10 cM."""
    folder = tmp_path_factory.mktemp("world")
    first = stretched(mosaic_panel(46, FIRST, 8, seed=3), "20", 30)
    second = stretched(mosaic_panel(46, 500, 8, seed=4), "21", 10)
    panel = joined(first, second)
    typed = np.arange(len(panel.sites)) % EVERY == 1
    reference = panel.people(panel.samples[:-TARGETS])
    alleles = reference.alleles.reshape(len(typed), -1, 2).astype(np.int8)
    write_genotypes(folder / "reference.vcf.gz", panel.sites, panel.contigs, reference.samples, alleles, True)
    world = World(folder, panel, typed)
    names, sites, seen = panel.samples[-TARGETS:], panel.sites.take(typed), world.truth[typed].astype(np.int8)
    write_genotypes(folder / "phased.vcf.gz", sites, panel.contigs, names, seen, True)
    missing = np.sort(seen, axis=2)
    missing[5, 2] = -1
    write_genotypes(folder / "unphased.vcf.gz", sites, panel.contigs, names, missing, False)
    return world


@pytest.fixture(scope="module")
def plain(world) -> Path:
    return world.impute("plain.vcf.gz")


def query(path: Path, pattern: str, *options: str) -> list[list[str]]:
    done = subprocess.run(["bcftools", "query", *options, "-f", pattern, path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split("\t") for line in done.stdout.splitlines()]


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
    assert "ID=HDS" not in header


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


def test_excluded_people_play_no_part(world):
    """Leaving ten people out is the same as a file without them."""
    names = world.panel.samples[:10]
    (world.folder / "out.txt").write_text("\n".join(names) + "\n")
    left_out = world.impute("left_out.vcf.gz", "--exclude-samples", str(world.folder / "out.txt"))
    fewer = ["bcftools", "view", "-s", "^" + ",".join(names), "-Oz", "-o", world.folder / "fewer.vcf.gz"]
    subprocess.run([*fewer, world.folder / "reference.vcf.gz"], check=True)
    path = world.impute("fewer_out.vcf.gz", reference="fewer.vcf.gz")
    assert query(path, "%LINE") == query(left_out, "%LINE")


def test_a_region_limits_both_files_and_drops_nothing(world, plain):
    path = world.impute("region.vcf.gz", "--region", "20:5,000,000-25,000,000")
    inside = (world.panel.sites.chrom == "20") & (np.abs(world.panel.sites.pos - 15e6) <= 10e6)
    found = [(row[0], int(row[1])) for row in query(path, "%CHROM\t%POS\n")]
    assert found == [key[:2] for key, kept in zip(world.panel.sites.keys(), inside, strict=True) if kept]
    assert not path.with_name("region.dropped.tsv").exists(), "targets outside the region were asked to be left out"


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


def test_each_chromosome_is_as_if_it_were_alone(world, plain):
    for chrom in ("20", "21"):
        for name in ("reference", "phased"):
            subset = ["bcftools", "view", "-t", chrom, "-Oz", "-o", world.folder / f"{name}.{chrom}.vcf.gz"]
            subprocess.run([*subset, world.folder / f"{name}.vcf.gz"], check=True)
        path = world.impute(f"{chrom}.vcf.gz", reference=f"reference.{chrom}.vcf.gz", targets=f"phased.{chrom}.vcf.gz")
        assert query(path, "%LINE") == query(plain, "%LINE", "-t", chrom)


@pytest.mark.parametrize("core_cm", [40.0, 15.0, 4.0])
def test_the_size_of_windows_changes_no_record_and_hardly_a_value(world, plain, monkeypatch, core_cm):
    """Default cores of 20 cM against others: only matches that reach beyond the margins of 5 cM tell them apart."""
    from ragimpute import impute

    monkeypatch.setattr(impute.window_folds, "__defaults__", (core_cm,))
    monkeypatch.setattr(impute.impute, "__defaults__", (core_cm, *impute.impute.__defaults__[1:]))
    path = world.impute(f"windows{core_cm:g}.vcf.gz")
    assert query(path, "%CHROM\t%POS\t%REF\t%ALT\n") == query(plain, "%CHROM\t%POS\t%REF\t%ALT\n")
    ours, default = (read_imputed(p, world.panel.sites) for p in (path, plain))
    difference = np.abs(ours.hds - default.hds)
    assert difference.max() <= 0.01
    assert difference.mean() < 1e-4
    np.testing.assert_allclose(ours.er2, default.er2, atol=1e-3)


def test_json_tells_what_was_done_and_quiet_says_nothing(world, caplog):
    arguments = ["impute", "--reference", str(world.folder / "reference.vcf.gz"), "--region", "21"]
    arguments += ["--targets", str(world.folder / "phased.vcf.gz"), "--out", str(world.folder / "said.vcf.gz")]
    told = CliRunner().invoke(ragimpute, [*arguments, "--json"], catch_exceptions=False)
    facts, on_21 = json.loads(told.stdout), world.panel.sites.chrom == "21"
    assert (facts["people"], facts["reference_people"]) == (TARGETS, len(world.panel.samples) - TARGETS)
    assert facts["typed_sites"] == (world.typed & on_21).sum()
    assert facts["imputed_sites"] == (~world.typed & on_21).sum()
    assert facts["out"] == str(world.folder / "said.vcf.gz")
    caplog.clear()
    quiet = CliRunner().invoke(ragimpute, [*arguments, "--quiet"], catch_exceptions=False)
    assert (quiet.exit_code, quiet.stdout) == (0, "")
    assert {record.levelname for record in caplog.records} == {"WARNING"}  # there is no map


def explained(world, tmp_path, site: str, *options: str):
    arguments = ["explain", "--reference", str(world.folder / "reference.vcf.gz"), "--site", site, *options]
    arguments += ["--targets", str(world.folder / "phased.vcf.gz"), "--sample", world.panel.samples[-1]]
    arguments += ["--model", str(DEFAULT), "--out", str(tmp_path / "whom.tsv")]
    done = CliRunner().invoke(ragimpute, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout, pd.read_csv(tmp_path / "whom.tsv", sep="\t")


@pytest.mark.parametrize("row", [102, FIRST + 102])  # on either chromosome
def test_explain_names_the_neighbours_of_the_flanking_typed_sites(world, plain, tmp_path, row):
    panel = world.panel
    chrom, pos, ref, alt = panel.sites.keys()[row]
    printed, table = explained(world, tmp_path, f"{chrom}:{pos}", "--plot", str(tmp_path / "whom.svg"))
    typed = np.flatnonzero(world.typed)
    left, right = typed[typed < row].max(), typed[typed > row].min()
    place = {name: 2 * i for i, name in enumerate(panel.samples)}
    for hap in (1, 2):
        rows = table[table["haplotype"] == hap]
        assert rows["weight"].sum() == pytest.approx(1, abs=1e-4)
        assert rows["weight"].is_monotonic_decreasing
        query_alleles = panel.alleles[:, len(panel.samples) * 2 - 3 + hap]
        for one in rows.itertuples():
            flank = left if one.flank == "left" else right
            assert one.typed_pos == panel.sites.pos[flank]
            copied = panel.alleles[:, place[one.neighbour] + one.neighbour_haplotype - 1]
            assert one.allele == copied[row]
            here = typed[panel.sites.chrom[typed] == chrom]
            wrong = here[copied[here] != query_alleles[here]]
            cm = panel.sites.pos / 1e6
            before, after = wrong[wrong <= flank], wrong[wrong >= flank]
            start = cm[before.max()] if len(before) else cm[here[0]]
            stop = cm[after.min()] if len(after) else cm[here[-1]]
            assert one.left_cm == pytest.approx(cm[flank] - start, rel=0.02, abs=2e-3)
            assert one.right_cm == pytest.approx(stop - cm[flank], rel=0.02, abs=2e-3)
    hds = query(plain, "[%HDS]\n", "-r", f"{chrom}:{pos}", "-s", panel.samples[-1])[0][0].split(",")
    for hap, dosage in enumerate(hds, start=1):
        title = f"haplotype {hap}, {chrom}:{pos} {ref}>{alt}: dosage "
        shown = next(line for line in printed.splitlines() if title in line).split(title)[1][:5]
        assert float(shown) == pytest.approx(float(dosage), abs=1.1e-3)
    drawn = (tmp_path / "whom.svg").read_text()
    shown = pd.concat([rows.head(copying.SHOWN) for _, rows in table.groupby("haplotype")])
    for allele, colour in enumerate(copying.COLOURS):  # two bars for each neighbour, and one in the legend
        assert drawn.lower().count(f'fill="{colour.lower()}"') == 2 * (shown["allele"] == allele).sum() + 1


def test_attention_is_that_of_the_network(world):
    """The softmax of the scores, from torch's layers."""
    import torch

    from ragimpute.folds import Fold
    from ragimpute.models import architecture, segments

    panel = world.panel.between(0, FIRST)
    reference = panel.people(panel.samples[:-TARGETS])
    observed = panel.alleles[world.typed[:FIRST], -2 * TARGETS :]
    nobody = np.full((TARGETS, 1), -1, dtype=np.int64)
    fold = Fold("targets", reference, panel.samples[-TARGETS:], world.typed[:FIRST], observed, None, nobody)
    found = architecture("copy_rag")
    arrays = segments(found, "small", fold, 1)
    weights = artefacts.load(DEFAULT, KIND).arrays
    flanks, carriers, weight = KernelImputer(weights, "small", 1).attention(fold, arrays, 102)
    assert fold.typed_sites[flanks].tolist() == [101, 105]
    network = found.build("small", 1)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    batch = found.fold_data("small", fold, arrays).batch(np.arange(TARGETS), 0)
    place = batch.sites.tolist().index(102)
    with torch.no_grad():
        before = network.token.weight[2] + network.embed(batch.inputs)[0, place]
        query_, side = (network.query(before) / len(before) ** 0.5).split([len(before), 2])
        features = torch.from_numpy(arrays["features"][:, flanks].astype(np.float32))
        keys = network.key((features - network.feature_mean) / network.feature_spread)  # [N, 2, K, D]
        scores = keys @ query_ + side[None, :, None]
    expected = scores.flatten(1).softmax(dim=1).numpy()
    np.testing.assert_allclose(weight, expected, rtol=2e-3, atol=1e-5)
    np.testing.assert_array_equal(carriers, arrays["neighbours"][:, flanks].reshape(len(carriers), -1))


@pytest.mark.parametrize(
    ("site", "message"),
    [("20", "CHROM:POS"), ("20:17", "no such site"), ("typed", "is typed"), ("22:1000000", "no such site")],
)
def test_explain_says_what_is_wrong_with_a_site(world, tmp_path, site, message):
    if site == "typed":
        site = f"20:{world.panel.sites.pos[np.flatnonzero(world.typed)[7]]}"
    with pytest.raises(InputError, match=message):
        explained(world, tmp_path, site)


def test_explain_as_json_is_the_table(world, tmp_path):
    chrom, pos, *_ = world.panel.sites.keys()[102]
    printed, table = explained(world, tmp_path, f"{chrom}:{pos}", "--json", "--quiet")
    told = json.loads(printed)
    assert told["sample"] == world.panel.samples[-1]
    assert [row["neighbour"] for row in told["neighbours"]] == table["neighbour"].tolist()
    np.testing.assert_allclose([row["weight"] for row in told["neighbours"]], table["weight"], atol=1e-6)


def test_explain_names_the_file_that_lacks_the_person(world):
    arguments = ["explain", "--reference", str(world.folder / "reference.vcf.gz"), "--site", "20:17"]
    arguments += ["--targets", str(world.folder / "phased.vcf.gz"), "--sample", "Nobody"]
    with pytest.raises(InputError, match="has no sample 'Nobody'"):
        CliRunner().invoke(ragimpute, arguments, catch_exceptions=False)


def test_reference_people_come_back_as_they_are(tmp_path):
    """Minimac4's identity test: reference people whose untyped sites are removed find themselves in the reference."""
    example = ROOT / "resources" / "example"
    whole, seen, out = (tmp_path / f"{name}.vcf.gz" for name in ("whole", "seen", "out"))
    region = ["-r", "20:1000000-1500000"]
    subprocess.run(["bcftools", "view", *region, "-Oz", "-o", whole, example / "reference.vcf.gz"], check=True)
    listed = subprocess.run(["bcftools", "query", "-l", whole], capture_output=True, text=True, check=True)
    people = listed.stdout.split()[::15]
    (tmp_path / "typed.tsv").write_text(
        "".join("\t".join(row) + "\n" for row in query(example / "targets.vcf.gz", "%CHROM\t%POS\n"))
    )
    some = ["bcftools", "view", "-s", ",".join(people), "-T", tmp_path / "typed.tsv", "-Oz", "-o", seen, whole]
    subprocess.run(some, check=True)
    arguments = ["impute", "--reference", str(whole), "--targets", str(seen), "--out", str(out), "--device", "cpu"]
    arguments += ["--map", str(example / "genetic_map.plink.map")]
    done = CliRunner().invoke(ragimpute, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result = query(out, "%INFO/IMPUTED[\t%GT]\n", "-s", ",".join(people))
    truth = query(whole, "[%GT\t]\n", "-s", ",".join(people))
    same = [
        sorted(ours) == sorted(true)
        for (is_imputed, *genotypes), true_genotypes in zip(result, truth, strict=True)
        if is_imputed == "1"
        for ours, true in zip(genotypes, true_genotypes, strict=False)
    ]
    assert len(same) > 50_000
    assert np.mean(same) >= 0.999
