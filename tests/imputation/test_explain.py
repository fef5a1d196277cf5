"""`ragimpute explain`: which haplotypes a sample copied at a site."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ragimpute import artefacts
from ragimpute.cli import ragimpute
from ragimpute.errors import InputError
from ragimpute.imputation.back_ends import KernelBackEnd
from ragimpute.imputation.explanation import explain
from ragimpute.imputation.named_sites import find_site
from ragimpute.models.pretrained import DEFAULT, KIND
from ragimpute.reporting import copying_figure
from two_chromosomes import FIRST, TARGETS, query


def explained(world, tmp_path, site: str, *options: str):
    arguments = ["explain", "--reference", str(world.folder / "reference.vcf.gz"), "--site", site, *options]
    arguments += ["--targets", str(world.folder / "phased.vcf.gz"), "--sample", world.panel.samples[-1]]
    arguments += ["--model", str(DEFAULT), "--out", str(tmp_path / "copied.tsv")]
    done = CliRunner().invoke(ragimpute, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout, pd.read_csv(tmp_path / "copied.tsv", sep="\t")


@pytest.mark.parametrize("row", [102, FIRST + 102])  # on either chromosome
def test_explain_names_the_neighbours_of_the_flanking_typed_sites(world, plain, tmp_path, row):
    panel = world.panel
    chrom, pos, ref, alt = panel.sites.keys()[row]
    printed, table = explained(world, tmp_path, f"{chrom}:{pos}", "--plot", str(tmp_path / "copied.svg"))
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
            assert one.left_bp == pytest.approx(1e6 * one.left_cm, abs=20)  # 1 cM per Mb
            assert one.right_bp == pytest.approx(1e6 * one.right_cm, abs=20)
    hds = query(plain, "[%HDS]\n", "-r", f"{chrom}:{pos}", "-s", panel.samples[-1])[0][0].split(",")
    for hap, dosage in enumerate(hds, start=1):
        title = f"haplotype {hap}, {chrom}:{pos} {ref}>{alt}: dosage "
        shown = next(line for line in printed.splitlines() if title in line).split(title)[1][:5]
        assert float(shown) == pytest.approx(float(dosage), abs=1.1e-3)
    drawn = (tmp_path / "copied.svg").read_text()
    for name, number in zip(table["neighbour"], table["neighbour_haplotype"], strict=True):
        assert f". {name} ({number})" in drawn
    for allele, colour in enumerate(copying_figure.COLOURS):  # two bars for each neighbour, and one in the legend
        assert drawn.lower().count(f'fill="{colour.lower()}"') == 2 * (table["allele"] == allele).sum() + 1


def test_attention_is_that_of_the_network(world):
    """The softmax of the scores, from torch's layers."""
    import torch

    from ragimpute.models import architecture, segments
    from ragimpute.panel.folds import Fold

    panel = world.panel.between(0, FIRST)
    reference = panel.of_samples(panel.samples[:-TARGETS])
    observed = panel.alleles[world.typed[:FIRST], -2 * TARGETS :]
    none_left_out = np.full((TARGETS, 1), -1, dtype=np.int64)
    fold = Fold("targets", reference, panel.samples[-TARGETS:], world.typed[:FIRST], observed, None, none_left_out)
    found = architecture("copy_rag")
    arrays = segments(found, "small", fold, 1)
    weights = artefacts.load(DEFAULT, KIND).arrays
    flanks, carriers, weight = KernelBackEnd(weights, "small", 1).attention(fold, arrays, 102)
    assert fold.typed_sites[flanks].tolist() == [101, 105]
    network = found.build("small", 1)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    batch = found.fold_data("small", fold, arrays).batch(np.arange(TARGETS), 0)
    place = batch.sites.tolist().index(102)
    with torch.no_grad():
        site = network.embed(batch.inputs)[0, place]
        query_, side = (network.query(site) / len(site) ** 0.5).split([len(site), 2])
        features = torch.from_numpy(arrays.retrieved.features[:, flanks].astype(np.float32))
        keys = network.key((features - network.feature_mean) / network.feature_spread)  # [N, 2, K, D]
        scores = keys @ query_ + side[None, :, None]
    expected = scores.flatten(1).softmax(dim=1).numpy()
    np.testing.assert_allclose(weight, expected, rtol=2e-3, atol=1e-5)
    np.testing.assert_array_equal(carriers, arrays.retrieved.neighbours[:, flanks].reshape(len(carriers), -1))


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


def test_explain_names_the_file_that_lacks_the_sample(world):
    arguments = ["explain", "--reference", str(world.folder / "reference.vcf.gz"), "--site", "20:17"]
    arguments += ["--targets", str(world.folder / "phased.vcf.gz"), "--sample", "Nobody"]
    with pytest.raises(InputError, match="has no sample 'Nobody'"):
        CliRunner().invoke(ragimpute, arguments, catch_exceptions=False)


def site_text(world, row: int) -> str:
    return ":".join(map(str, world.panel.sites.keys()[row]))


def test_several_sites_are_those_asked_for_alone(world, tmp_path):
    rows = [102, FIRST + 102, 110]  # of two chromosomes
    asked = [option for row in rows[1:] for option in ("--site", site_text(world, row))]
    printed, table = explained(world, tmp_path, site_text(world, rows[0]), *asked, "--plot", str(tmp_path / "all.svg"))
    assert table["site"].drop_duplicates().tolist() == [site_text(world, row) for row in rows]
    for row in rows:
        _, alone = explained(world, tmp_path, site_text(world, row))
        of_site = table[table["site"] == site_text(world, row)].reset_index(drop=True)
        pd.testing.assert_frame_equal(of_site, alone)
        assert site_text(world, row).split(":")[1] in printed
    told, _ = explained(world, tmp_path, site_text(world, rows[0]), *asked, "--json", "--quiet")
    assert [one["site"].split()[0] for one in json.loads(told)] == [site_text(world, row)[:-4] for row in rows]


def test_a_site_is_found_by_its_id(world, tmp_path):
    files = {"reference": world.folder / "reference.vcf.gz", "targets": world.folder / "phased.vcf.gz"}
    asked = {**files, "sample": world.panel.samples[-1], "model": DEFAULT}
    unique = 1002
    assert not world.typed[unique]
    found = explain(**asked, site=world.panel.sites.id[unique])
    pd.testing.assert_frame_equal(found, explain(**asked, site=site_text(world, unique)))
    with pytest.raises(InputError, match="2 sites of the panel have this ID; choose from 20:"):
        explain(**asked, site=world.panel.sites.id[102])  # both chromosomes have it
    with pytest.raises(InputError, match=r"no biallelic record of .* has this ID"):
        explain(**asked, site="rs0")


def test_the_chromosome_of_a_site_may_be_called_otherwise(tiny_panel):
    pos = int(tiny_panel.sites.pos[7])
    for chrom in ("20", "chr20", "NC_000020.11"):
        assert find_site(tiny_panel.sites, f"{chrom}:{pos}") == 7
    with pytest.raises(InputError, match="no such site"):
        find_site(tiny_panel.sites, f"21:{pos}")


def test_a_further_site_is_explained_from_the_cache(world, tmp_path, monkeypatch):
    files = {"reference": world.folder / "reference.vcf.gz", "targets": world.folder / "unphased.vcf.gz"}
    asked = {**files, "sample": world.panel.samples[-1], "model": DEFAULT, "n_phasings": 2}
    expected = [explain(**asked, site=site_text(world, row)) for row in (102, 110)]
    cache = tmp_path / "cache"
    first = explain(**asked, site=site_text(world, 102), cache=cache)
    pd.testing.assert_frame_equal(first, expected[0])

    def never(*_: object, **__: object) -> None:
        raise AssertionError("files are read again")

    for name in ("phase_targets", "match_targets", "panel_of"):
        monkeypatch.setattr(f"ragimpute.imputation.explanation.{name}", never)
    start = time.process_time()
    second = explain(**asked, site=site_text(world, 110), cache=cache)
    assert time.process_time() - start < 2
    pd.testing.assert_frame_equal(second, expected[1])
    assert second.attrs["dosages"] == expected[1].attrs["dosages"]
    with pytest.raises(InputError, match="is typed in the targets"):
        explain(**asked, site=f"20:{world.panel.sites.pos[world.typed][3]}", cache=cache)
    with pytest.raises(InputError, match="has no sample 'Nobody'"):
        explain(**{**asked, "sample": "Nobody"}, site=site_text(world, 110), cache=cache)
    with pytest.raises(InputError, match=r"made from other files or options \(seed\)"):
        explain(**asked, seed=5, site=site_text(world, 110), cache=cache)
    with pytest.raises(InputError, match=r"--cache .*/new: there is no folder"):
        explain(**asked, site=site_text(world, 110), cache=tmp_path / "no" / "new")
    with pytest.raises(InputError, match="it is a file; name a new folder"):
        explain(**asked, site=site_text(world, 110), cache=world.folder / "unphased.vcf.gz")
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="holds other files"):
        explain(**asked, site=site_text(world, 110), cache=strange)


@pytest.mark.parametrize("site", ["20", "20:x", "20-1000", "20:5:A", ":5", "", "rs 12"])
def test_a_malformed_site_is_said_before_a_file_is_read(tmp_path, site, outcome):
    absent = tmp_path / "absent.vcf"
    with pytest.raises(InputError, match="write it as CHROM:POS or CHROM:POS:REF:ALT") as caught:
        explain(reference=absent, targets=absent, sample="S", site=site)
    outcome("late validation", f"--site '{site}', of files that are absent", "explain", 1, str(caught.value))


def test_an_absent_or_typed_site_is_said_before_the_targets_are_phased(world, monkeypatch):
    def never(*_: object) -> None:
        raise AssertionError("phasing began")

    monkeypatch.setattr("ragimpute.imputation.explanation.phase_targets", never)
    files = {"reference": world.folder / "reference.vcf.gz", "targets": world.folder / "unphased.vcf.gz"}
    typed = int(world.panel.sites.pos[world.typed][0])
    for site, words in (("20:5", "no such site"), (f"20:{typed}", "is typed in the targets")):
        with pytest.raises(InputError, match=words):
            explain(**files, sample=world.panel.samples[-1], site=site, model=DEFAULT)
