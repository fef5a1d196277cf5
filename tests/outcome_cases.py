"""Kinds of input on the small pair of `check_cases`, and what `check` and `impute` make of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from check_cases import in_panel, in_targets, several_alleles, strand, swap, with_genotypes
from outcome_changes import (
    Files,
    Spoil,
    as_blocks,
    as_version_4_4,
    carried_only,
    free_base,
    lacking,
    mitochondrial,
    names,
    one_carrier_of_another,
    other_genotypes,
    rename_in,
    rows_before,
    two_halves,
    unknown_build,
    unphased,
    with_alts,
    with_filter,
    with_map,
    with_sex,
)

N_TYPED = 100  # sites of the sound pair


@dataclass(frozen=True)
class Case:
    """An input and its right outcome."""

    input: str
    spoil: Spoil = lambda panel, targets: None
    text: Callable[[str], str] = str  # of the targets' file, before it is written
    panel_text: Callable[[str], str] = str
    files: Callable[[Path, Files], dict] = lambda folder, files: {}  # options, or other files
    options: dict = field(default_factory=dict)
    code: int = 0
    words: tuple[str, ...] = ()  # of the error, or of a warning or the log of `impute`
    absent: tuple[str, ...] = ()  # words that are in none of these
    typed: int = N_TYPED
    as_sound: bool = False  # the dosages are those of the sound pair
    dropped: dict[str, int] = field(default_factory=dict)  # reason without its numbers -> records, of both files
    recoded: dict[str, int] = field(default_factory=dict)
    by_frequency: tuple[int, ...] = ()  # samples whose dosages at untyped sites are those of the panel's frequencies


MERGED = "merged with another record of the site"
SEVERAL = "one of several alleles"
LEADING = as_version_4_4(lambda gt: ("|" if "|" in gt else "/") + gt)
POINTS = ((900_000, 0.0), (1_000_000, 0.1), (1_050_000, 0.4), (1_200_000, 0.5))
HAPMAP = "Chromosome\tPosition(bp)\tRate(cM/Mb)\tMap(cM)\n" + "".join(f"chr20\t{p}\t1\t{c}\n" for p, c in POINTS)
MAPS = {
    "PLINK": "".join(f"20 . {c} {p}\n" for p, c in POINTS),
    "IMPUTE2's three columns": "position COMBINED_rate(cM/Mb) Genetic_Map(cM)\n"
    + "".join(f"{p} 1 {c}\n" for p, c in POINTS),
    "deCODE's five columns": "Chr\tBegin\tEnd\tcMperMb\tcM\n"
    + "".join(f"chr20\t{p - 9}\t{p}\t1\t{c}\n" for p, c in POINTS),
    "chrom pos cM with a header": "chrom pos cM\n" + "".join(f"20 {p} {c}\n" for p, c in POINTS),
    "chrom pos cM without a header": "".join(f"20 {p} {c}\n" for p, c in POINTS),
    "comments first": "# from the lab\n# build 37\n" + "".join(f"20 . {c} {p}\n" for p, c in POINTS),
    "repeated positions": "".join(f"20 . {c} {p}\n20 . {c} {p}\n" for p, c in POINTS),
    "another naming (chr20)": "".join(f"chr20 . {c} {p}\n" for p, c in POINTS),
    "HapMap": HAPMAP,
    "columns with commas": "chrom,pos,cM\n" + "".join(f"20,{p},{c}\n" for p, c in POINTS),
    "SHAPEIT": "pos chr cM\n" + "".join(f"{p} 20 {c}\n" for p, c in POINTS),
}

CASES: dict[str, list[Case]] = {
    "two probes at one site": [
        Case(
            "before every second record a copy with all ./.",
            rows_before(lambda row: [with_genotypes("./.")(row)], 2),
            as_sound=True,
            recoded={MERGED: 50},
        ),
        Case("genotypes in two halves", two_halves, as_sound=True, recoded={MERGED: 100}),
        Case("three equal probes", rows_before(lambda row: [row, row]), as_sound=True, recoded={MERGED: 200}),
        Case(
            "a copy that differs in one genotype",
            rows_before(lambda row: [other_genotypes(row, 1)], 4),
            recoded={MERGED: 25},
        ),
        Case(
            "a copy that lacks two samples and differs in six others",
            rows_before(lambda row: [lacking(other_genotypes(row, 6), (10, 11))], 4),
            as_sound=True,
            dropped={"duplicate": 25},
        ),
        Case(
            "a copy on the other strand that lacks a sample",
            rows_before(lambda row: [lacking(strand(row), (3,))], 4),
            as_sound=True,
            recoded={MERGED: 25, "strand flipped": 25},
        ),
    ],
    "merged multiallelic targets": [
        Case("ALT X,alt, genotypes 1 -> 2", in_targets(several_alleles), as_sound=True, recoded={SEVERAL: 100}),
        Case("alt,* that nobody carries", in_targets(lambda row: with_alts(row, f"{row[3]},*", "1")), as_sound=True),
        Case(
            "*,alt", in_targets(lambda row: with_alts(row, f"*,{row[3]}", "2")), as_sound=True, recoded={SEVERAL: 100}
        ),
        Case(
            "three ALT alleles, the last one known",
            in_targets(lambda row: with_alts(row, f"{free_base(row)},{free_base(row, 1)},{row[3]}", "3")),
            as_sound=True,
            recoded={SEVERAL: 100},
        ),
        Case(
            "X,ref where REF is the panel's ALT: several alleles, none the panel's as it stands",
            in_targets(lambda row: with_alts(swap(row), f"{free_base(row)},{row[2]}", "2"), 50),
            typed=98,
            dropped={"alleles differ": 2},
        ),
        Case("alt,X that one sample carries", in_targets(one_carrier_of_another, 5), recoded={SEVERAL: 20}),
        Case(
            "two alleles that the panel lacks",
            in_targets(lambda row: with_alts(row, f"{free_base(row)},{free_base(row, 1)}", "1"), 50),
            typed=98,
            dropped={"alleles differ": 2},
        ),
    ],
    "sequencing calls as targets": [
        Case("alt,<NON_REF>", in_targets(lambda row: with_alts(row, f"{row[3]},<NON_REF>", "1")), as_sound=True),
        Case("alt,<*>", in_targets(lambda row: with_alts(row, f"{row[3]},<*>", "1")), as_sound=True),
        Case(
            "<X>,alt",
            in_targets(lambda row: with_alts(row, f"<X>,{row[3]}", "2")),
            as_sound=True,
            recoded={SEVERAL: 100},
        ),
        Case("<NON_REF> with hom-ref", in_targets(lambda row: [*row[:3], "<NON_REF>", *["0/0"] * 12], 9)),
        Case("reference blocks (END)", text=as_blocks),
        Case(
            "a reference block between the panel's sites",
            lambda p, t: t.rows.insert(1, ["20", "1000701", "A", "<NON_REF>", *["0/0"] * 12]),
            as_sound=True,
            dropped={"reference block without a site of the panel": 1},
        ),
    ],
    "sites-of-variants only": [
        Case("one sample, no hom-ref record", carried_only(1), typed=-1, words=("list only variants that a sample",)),
        Case("two samples, no hom-ref record", carried_only(2), typed=-1, words=("list only variants that a sample",)),
        Case(
            "one sample's variants, with chr prefix",
            lambda p, t: [carried_only(1)(p, t), rename_in(lambda _: "chr20", 1)(p, t)],
            typed=-1,
            words=("list only variants that a sample", "chr20 is 20"),
        ),
        Case(
            "one sample of an array",
            lambda p, t: [setattr(t, "samples", ["T0"]), t.each(lambda row: row[:5])],
            absent=("list only variants",),
        ),
    ],
    "VCF 4.4": [
        Case("targets with a leading separator", text=LEADING, as_sound=True),
        Case("a panel with |0|1", panel_text=LEADING, as_sound=True),
        Case("both files", text=LEADING, panel_text=LEADING, as_sound=True),
        Case(
            "a panel of /0|1: its first allele is unphased",
            panel_text=as_version_4_4(lambda gt: f"/{gt}"),
            code=1,
            words=("unphased",),
        ),
        Case("an unknown leading character", text=as_version_4_4(lambda gt: f"!{gt}"), code=1, words=("unreadable",)),
    ],
    "a sample without calls": [
        Case("all ./. for T0", in_targets(with_genotypes("./.", 1)), words=("T0",), by_frequency=(0,)),
        Case("all . for T0", in_targets(with_genotypes(".", 1)), words=("T0",), by_frequency=(0,)),
        Case(
            "all ./. for T0, T1 and T2",
            in_targets(with_genotypes("./.", 3)),
            words=("T0", "T1", "T2"),
            by_frequency=(0, 1, 2),
        ),
        Case("--max-missing .1", in_targets(with_genotypes("./.", 1)), options={"max_missing": 0.1}, words=("T0",)),
        Case("everybody", in_targets(with_genotypes("./.")), code=1, words=("all genotypes are missing",)),
    ],
    "a panel with missing genotypes": [
        Case(
            "one .|. in a record",
            in_panel(with_genotypes(".|.", 1), 1000, 60),
            words=("panel itself: 1, in 1 record",),
        ),
        Case(
            "half a genotype",
            in_panel(with_genotypes("0|.", 1), 1000, 60),
            words=("panel itself: 1, in 1 record",),
        ),
        Case(
            "one in every fifth record",
            in_panel(with_genotypes(".|.", 1), 5),
            words=("panel itself: 30, in 30 records",),
        ),
        Case(
            "a tenth missing in one typed record of twenty",
            in_panel(with_genotypes(".|.", 3), 30, 1),
            typed=95,
            dropped={"missing": 5, "not in the reference": 5},
        ),
        Case(
            "a tenth missing in half of the records",
            in_panel(with_genotypes(".|.", 3), 2),
            code=1,
            words=("typed sites are lost", "--panel-missing"),
        ),
        Case(
            "the same, allowed",
            in_panel(with_genotypes(".|.", 3), 2),
            options={"max_lost_sites": 1},
            typed=50,
            dropped={"missing": 75, "not in the reference": 50},
        ),
        Case("the same with --panel-missing .1", in_panel(with_genotypes(".|.", 3), 2), options={"panel_missing": 0.1}),
    ],
    "a panel nearly all unusable": [
        Case("all but one record unphased", unphased(149), code=1, words=("100 of the 100 typed sites are lost",)),
        Case("95 % unphased", unphased(142), code=1, words=("unphased",)),
        Case(
            "a tenth missing in 95 %", lambda p, t: p.each(with_genotypes(".|.", 3), 1, 8), code=1, words=("missing",)
        ),
        Case(
            "haploid genotypes in 95 %", lambda p, t: p.each(with_genotypes("1", 3), 1, 8), code=1, words=("haploid",)
        ),
        Case(
            "haploid genotypes in a fifth",
            lambda p, t: p.each(with_genotypes("1", 3), 5),
            code=1,
            words=("of the 100 typed sites are lost", "haploid"),
        ),
        Case(
            "haploid genotypes in a fifth, allowed",
            lambda p, t: p.each(with_genotypes("1", 3), 5),
            options={"max_lost_sites": 1},
            typed=80,
            dropped={"haploid": 30, "not in the reference": 20},
        ),
        Case(
            "all but one record unphased, with --max-lost-sites 1",
            unphased(149),
            options={"max_lost_sites": 1},
            code=1,
            words=("no record matches",),
        ),
    ],
    "chromosome names": [
        Case("chr20 in the targets", rename_in(lambda _: "chr20", 1), as_sound=True, words=("chr20 is 20",)),
        Case("chr20 in the panel", rename_in(lambda _: "chr20", 0), as_sound=True, words=("20 is chr20",)),
        Case("chr20 in the map", files=with_map(MAPS["another naming (chr20)"])),
        Case("NC_000020.11 in the targets", rename_in(lambda _: "NC_000020.11", 1), as_sound=True),
        Case("020 in the targets", rename_in(lambda _: "020", 1), as_sound=True),
        Case("CHR20 in the targets", rename_in(lambda _: "CHR20", 1), as_sound=True),
        Case("both styles in the targets", rename_in(lambda i: ("20", "chr20")[i % 2], 1), as_sound=True),
        Case(
            "both styles in the panel",
            rename_in(lambda i: ("20", "chr20")[i > 75], 0),
            code=1,
            words=("20 and chr20 are one chromosome; give it one name",),
        ),
        Case(
            "PAR1 and X in the panel",
            lambda p, t: [rename_in(lambda i: ("PAR1", "X")[i > 75], 0)(p, t), rename_in(lambda _: "X", 1)(p, t)],
            code=1,
            words=("X and PAR1 are one chromosome; give it one name",),
        ),
        Case(
            "CHRX in the panel, X in the targets",
            lambda p, t: [rename_in(lambda _: "CHRX", 0)(p, t), rename_in(lambda _: "X", 1)(p, t), unknown_build(p, t)],
            as_sound=True,
            words=("all samples are taken for diploid on all of CHRX",),
        ),
        Case("a name that says nothing", rename_in(lambda _: "scaffold7", 1), code=1, words=("--rename-chrs",)),
        Case("26 in the targets, MT in the panel", lambda p, t: mitochondrial(p, t, "MT", "26"), as_sound=False),
        Case("chrM in the targets, MT in the panel", lambda p, t: mitochondrial(p, t, "MT", "chrM"), as_sound=False),
        Case(
            "23 in the targets, X in the panel",
            lambda p, t: [rename_in(lambda _: "X", 0)(p, t), rename_in(lambda _: "23", 1)(p, t), unknown_build(p, t)],
        ),
    ],
    "men coded diploid": [
        Case(
            "--sex that names FID_IID, where the files have IID",
            files=with_sex("0_T0 1\n0_T1 2\n"),
            as_sound=True,
            words=("none of its 2 samples is in the targets or the panel, which have T0, ..",),
        ),
        Case("--sex of the panel's samples alone", files=with_sex("R0 1\n"), as_sound=True, absent=("none of its",)),
        Case("an empty --sex", files=with_sex(""), as_sound=True, words=("none of its 0 samples",)),
    ],
    "maps": [
        *(Case(name, files=with_map(text)) for name, text in MAPS.items() if name != "PLINK"),
        Case("one point", files=with_map("20 . 0.1 1000000\n"), code=1, words=("m.txt",)),
        Case(
            "cM that falls",
            files=with_map("20 . 1 900000\n20 . 0 2000000\n"),
            code=1,
            words=("cM falls from 1.0 to 0.0",),
        ),
        Case(
            "unknown columns",
            files=with_map("a b c d e f\n1 2 3 4 5 6\n"),
            code=1,
            words=("6 columns", "expected PLINK"),
        ),
        Case("of another chromosome", files=with_map("21 . 0 1\n21 . 1 9\n"), code=1, words=("no map for chromosome",)),
    ],
    "FILTER": [
        Case("LOWQ on half of the targets", text=with_filter("LOWQ", 2), as_sound=True, words=("LOWQ",)),
        Case("LOWQ on half of the panel", panel_text=with_filter("LOWQ", 2), as_sound=True, words=("LOWQ",)),
        Case("two values", text=with_filter("q10;s50", 2), as_sound=True, words=("q10",)),
        Case("'.' and PASS alone", text=with_filter(".", 2), as_sound=True, absent=("FILTER",)),
        Case(
            "--apply-filters PASS,.",
            text=with_filter("LOWQ", 2),
            options={"apply_filters": "PASS,."},
            typed=50,
            dropped={"FILTER LOWQ": 50},
        ),
        Case(
            "--apply-filters LOWQ",
            text=with_filter("LOWQ", 4),
            panel_text=with_filter("LOWQ", 1),
            options={"apply_filters": "LOWQ"},
            typed=25,
            dropped={"FILTER PASS": 75},
        ),
    ],
    "versions": [
        Case(
            "VCFv3.3 targets",
            text=lambda text: text.replace("VCFv4.2", "VCFv3.3"),
            words=("it is VCFv3.3", "vcf-convert"),
        ),
        Case("a VCFv3.3 panel", panel_text=lambda text: text.replace("VCFv4.2", "VCFv3.3"), words=("it is VCFv3.3",)),
        Case("VCFv4.0", text=lambda text: text.replace("VCFv4.2", "VCFv4.0"), as_sound=True, absent=("it is VCF",)),
        Case("VCFv4.5", text=lambda text: text.replace("VCFv4.2", "VCFv4.5"), as_sound=True),
        Case("no version", text=lambda text: text.split("\n", 1)[1], code=1, words=("not a VCF or BCF file",)),
    ],
    "check and impute disagree": [
        Case(
            "X in the targets and not in the panel",
            lambda p, t: t.rows.append(["X", "5000000", "A", "C", *["1"] * 12]),
            as_sound=True,
        ),
        Case(
            "a contig HLA in the targets",
            lambda p, t: t.rows.append(["HLA-A", "5", "A", "C", *["0/1"] * 12]),
            as_sound=True,
        ),
        Case(
            "a record at position 0 in the targets",
            lambda p, t: t.rows.insert(0, ["20", "0", *t.rows[0][2:]]),
            as_sound=True,
            dropped={"not in the reference": 1},
        ),
        Case("Y as 24 in the targets, Y in the panel", lambda p, t: mitochondrial(p, t, "Y", "24")),
        Case(
            "records of the targets that cannot be used",
            in_targets(lambda row: [*row[:3], "<DEL>", *row[4:]], 4),
            typed=75,
            dropped={"symbolic": 25},
        ),
        Case("all genotypes missing", in_targets(with_genotypes("./.")), code=1, words=("all genotypes are missing",)),
        Case("a region without its flank", options={"region": "20:1000000-1000600"}, typed=0),
        Case("a region without a site", options={"region": "20:1000001-1000002"}, code=1, words=("no site in region",)),
        Case("a region of chr20, which is 20", options={"region": "chr20:1000000-1010000"}, typed=10),
        Case("20, which is chr20", rename_in(lambda _: "chr20", 0), options={"region": "20"}, as_sound=True),
        Case(
            "a region of a chromosome with two names in the panel",
            rename_in(lambda i: ("20", "chr20")[i > 75], 0),
            options={"region": "20:1000000-1010000"},
            code=1,
            words=("20 and chr20 are one chromosome",),
        ),
        Case("a region of a chromosome that is not there", options={"region": "21"}, code=1, words=("no usable site",)),
        Case(
            "all samples of the panel left out",
            files=lambda folder, files: {"exclude_samples": names(folder, "R", 30)},
            code=1,
            words=("names.txt",),
        ),
        Case(
            "a sample to keep who is not there",
            files=lambda folder, files: {"keep_samples": names(folder, "Q", 1)},
            code=1,
            words=("'Q0' is not in",),
        ),
    ],
    "late validation": [
        Case("a malformed region", options={"region": "20:5-"}, code=1, words=("write it as CHROM:START-END",)),
        Case("a region that ends before it begins", options={"region": "20:9-5"}, code=1, words=("not beyond END",)),
        Case("--set-ids without a name", options={"set_ids": "@:#"}, code=1, words=("CHROM:POS:REF:ALT",)),
        Case("--build 36", options={"build": "36"}, code=1, words=("choose from 37, 38",)),
        Case("--max-missing 3", options={"max_missing": 3.0}, code=1, words=("a share between 0 and 1",)),
    ],
}
