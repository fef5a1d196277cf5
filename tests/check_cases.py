"""A small pair of files, a panel and targets, and what can be wrong with them."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ragimpute.targets.genotypes import TargetGenotypes

N_SAMPLES, N_TARGETS, N_SITES = 30, 12, 150
BASES = {"A": "C", "C": "A", "G": "T", "T": "G"}  # unambiguous pairs
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass
class Vcf:
    """A VCF as text in parts, for cases to spoil."""

    samples: list[str]
    rows: list[list[str]]  # chrom, pos, ref, alt, genotypes
    contig: str = "20"
    length: int = 63025520

    def text(self) -> str:
        header = f"##fileformat=VCFv4.2\n##contig=<ID={self.contig},length={self.length}>\n"
        header += '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        lines = ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *self.samples])]
        for chrom, pos, ref, alt, *gts in self.rows:
            lines.append("\t".join([chrom, pos, ".", ref, alt, ".", ".", ".", "GT", *gts]))
        return header + "\n".join(lines) + "\n"

    def each(self, change: Callable[[list[str]], list[str]], step: int = 1, first: int = 0) -> None:
        """Every `step`-th row becomes `change(row)`."""
        self.rows[first::step] = [change(row) for row in self.rows[first::step]]


def pair(seed: int = 3, n_sites: int = N_SITES) -> tuple[Vcf, Vcf]:
    """A phased panel at `n_sites`, and unphased targets of the same population at two sites of three."""
    generator = np.random.default_rng(seed)
    refs = generator.choice(list(BASES), size=n_sites).tolist()
    frequency = generator.uniform(0.1, 0.9, size=n_sites)
    alleles = (generator.random((n_sites, N_SAMPLES + N_TARGETS, 2)) < frequency[:, None, None]).astype(int)
    panel, targets = Vcf([f"R{i}" for i in range(N_SAMPLES)], []), Vcf([f"T{i}" for i in range(N_TARGETS)], [])
    for i, (ref, samples) in enumerate(zip(refs, alleles.tolist(), strict=True)):
        site = ["20", str(1_000_000 + 700 * i), ref, BASES[ref]]
        panel.rows.append([*site, *(f"{a}|{b}" for a, b in samples[:N_SAMPLES])])
        if i % 3:
            targets.rows.append([*site, *(f"{a}/{b}" for a, b in samples[N_SAMPLES:])])
    return panel, targets


def phased_at_random(panel, typed, genetic_map, **_) -> list[TargetGenotypes]:
    """Instead of Beagle, which takes seconds: missing alleles are REF, and heterozygotes stay as they are written."""
    alleles = np.maximum(typed.alleles, 0)
    return [
        dataclasses.replace(
            typed, alleles=alleles, phased=np.ones_like(typed.phased), filled=(typed.alleles < 0).any(axis=2)
        )
    ]


def swap(row):
    flipped = str.maketrans("01", "10")
    return [row[0], row[1], row[3], row[2], *(gt.translate(flipped) for gt in row[4:])]


def strand(row):
    return [row[0], row[1], row[2].translate(COMPLEMENT), row[3].translate(COMPLEMENT), *row[4:]]


def rename(chrom):
    def change(panel, targets):
        targets.contig = chrom
        targets.each(lambda row: [chrom, *row[1:]])

    return change


def in_targets(change, step=1, first=0):
    return lambda panel, targets: targets.each(change, step, first)


def in_panel(change, step=1, first=0):
    return lambda panel, targets: panel.each(change, step, first)


def with_genotypes(genotype, samples=None):
    """Rows in which all samples, or only so many, have `genotype`."""
    return lambda row: [*row[:4], *[genotype] * len(row[4:][:samples]), *(row[4:][samples:] if samples else [])]


def without_alt(row):
    """The record of samples that all carry REF."""
    return [*row[:3], ".", *["0/0"] * len(row[4:])]


def several_alleles(row):
    """The record with another ALT allele before its own."""
    other = next(base for base in "ACGT" if base not in (row[2], row[3]))
    return [*row[:3], f"{other},{row[3]}", *(gt.replace("1", "2") for gt in row[4:])]


def hom_ref_of_gvcf(row):
    return [*row[:3], "<NON_REF>", *["0/0"] * len(row[4:])]


def other_build(panel, targets):
    """Targets 333 bases further on, so that hardly a position matches."""
    targets.length = 64444167
    targets.each(lambda row: [row[0], str(int(row[1]) + 333), *row[2:]])


def same_samples(panel, targets):
    targets.samples = panel.samples[:N_TARGETS]
    targets.rows = [[*row[:4], *row[4 : 4 + N_TARGETS]] for row in panel.rows]


def one_sample(panel, targets):
    targets.samples = ["T0"]
    targets.each(lambda row: row[:5])


def on_x(haploid):
    def change(panel, targets):
        for vcf in (panel, targets):
            vcf.contig = "X"
            vcf.each(lambda row: ["X", *row[1:]])
        if haploid:
            targets.each(with_genotypes("1", 3), 1)

    return change


def duplicate(vcf):
    vcf.rows[10:10] = [vcf.rows[10]] * 2


def insert(vcf, *site, genotype="0|1"):
    vcf.rows.insert(5, [vcf.rows[5][0], vcf.rows[5][1], *site, *[genotype] * len(vcf.samples)])


# case: what it does to the pair; findings that must be there as 'level code file'; exit code. The readers must raise
# InputError when an error is about what they read, and read both files when there is none.
CASES = {
    "sound": (lambda p, t: None, ["info overlap t"], 0),
    "swapped alleles": (in_targets(swap, 4), ["warning recoded t"], 0),
    "all alleles swapped": (in_targets(swap), ["warning recoded t", "info frequencies t"], 0),
    "other strand": (in_targets(strand, 4), ["warning recoded t"], 0),
    "other strand and swapped": (in_targets(lambda row: strand(swap(row)), 4), ["warning recoded t"], 0),
    "genotypes recoded but not the alleles": (
        in_targets(lambda row: swap([*row[:2], row[3], row[2], *row[4:]])),
        ["warning frequencies t"],
        0,
    ),
    "ambiguous sites": (
        lambda p, t: [v.each(lambda r: [*r[:2], "A", "T", *r[4:]] if int(r[1]) % 5 == 0 else r) for v in (p, t)],
        ["info ambiguous t"],
        0,
    ),
    "chr prefix": (rename("chr20"), ["info renamed-chromosomes t", "info overlap t"], 0),
    "zero before the number": (rename("020"), ["info renamed-chromosomes t"], 0),
    "accession of NCBI": (rename("NC_000020.11"), ["info renamed-chromosomes t"], 0),
    "a name that says nothing": (rename("Chr.20"), ["error chromosome-names t"], 1),
    "both styles in the targets": (
        in_targets(lambda row: ["chr20", *row[1:]], 2),
        ["info renamed-chromosomes t", "info overlap t"],
        0,
    ),
    "both styles in the panel": (
        in_panel(lambda row: ["chr20" if int(row[1]) > 1_050_000 else "20", *row[1:]]),
        ["error chromosome-names p"],
        1,
    ),
    "another chromosome": (rename("21"), ["error chromosome-names t"], 1),
    "other build": (other_build, ["error build t", "error overlap t"], 1),
    "contig length only": (lambda p, t: setattr(t, "length", 5_000_000), ["warning build t"], 0),
    "zero overlap": (
        in_targets(lambda row: [row[0], str(int(row[1]) + 1), *row[2:]]),
        ["error overlap t"],
        1,
    ),
    "half of the sites typed elsewhere": (
        in_targets(lambda row: [row[0], str(int(row[1]) + 1), *row[2:]], 2),
        ["info overlap t"],
        0,
    ),
    "other alleles": (
        in_targets(lambda row: [*row[:2], row[2], f"{row[2]}{row[3]}", *row[4:]], 3),
        ["warning build t"],
        0,
    ),
    "targets are reference samples": (same_samples, ["warning same-names t", "warning duplicate-samples t"], 0),
    "one sample": (one_sample, ["info targets t"], 0),
    "one site": (lambda p, t: t.rows.__delitem__(slice(1, None)), ["info overlap t"], 0),
    "one panel site": (lambda p, t: p.rows.__delitem__(slice(2, None)) or p.rows.pop(0), ["info overlap t"], 0),
    "no targets' records": (lambda p, t: t.rows.clear(), ["error no-records t"], 1),
    "no panel records": (lambda p, t: p.rows.clear(), ["error no-records p"], 1),
    "no samples": (lambda p, t: t.samples.clear() or t.each(lambda row: row[:4]), ["error no-samples t"], 1),
    "sample twice": (lambda p, t: t.samples.__setitem__(1, "T0"), ["error unreadable t"], 1),
    "unsorted targets": (lambda p, t: t.rows.reverse(), ["warning unsorted t"], 0),
    "unsorted panel": (lambda p, t: p.rows.reverse(), ["error unsorted p"], 1),
    "duplicate target records": (lambda p, t: duplicate(t), ["warning duplicate-sites t"], 0),
    "merged multiallelic targets": (in_targets(several_alleles, 4), ["info overlap t"], 0),
    "gVCF targets": (in_targets(lambda row: [*row[:3], f"{row[3]},<NON_REF>", *row[4:]]), ["info overlap t"], 0),
    "hom-ref records of a gVCF": (in_targets(hom_ref_of_gvcf, 9), ["info overlap t"], 0),
    "duplicate panel records": (lambda p, t: duplicate(p), ["warning unusable-records p"], 0),
    "the same record in small letters": (
        lambda p, t: p.rows.insert(6, [*p.rows[5][:2], *map(str.lower, p.rows[5][2:4]), *p.rows[5][4:]]),
        ["warning unusable-records p"],
        0,
    ),
    "same position, other allele": (lambda p, t: insert(p, "A", "AT"), ["info overlap t"], 0),
    "multiallelic": (lambda p, t: insert(p, "A", "G,T"), ["warning unusable-records p"], 0),
    "symbolic": (lambda p, t: insert(p, "A", "<DEL>"), ["warning unusable-records p"], 0),
    "panel record without ALT": (lambda p, t: insert(p, "A", "."), ["warning unusable-records p"], 0),
    "monomorphic record": (in_targets(without_alt, 150), ["info overlap t"], 0),
    "a carrier of no ALT": (
        in_targets(lambda row: [*without_alt(row)[:-1], "0/1"], 9),
        ["error invalid-record t"],
        1,
    ),
    "all records monomorphic": (in_targets(without_alt), ["info overlap t"], 0),
    "monomorphic records of the other strand": (
        in_targets(lambda row: without_alt([*row[:2], row[2].translate(COMPLEMENT), *row[3:]])),
        ["error overlap t"],
        1,
    ),
    "unphased panel": (in_panel(lambda row: [g.replace("|", "/") for g in row]), ["error no-usable-site p"], 1),
    "some unphased": (in_panel(lambda row: [*row[:4], "0/1", *row[5:]], 9), ["warning phase p"], 0),
    "phased targets": (in_targets(lambda row: [g.replace("/", "|") for g in row]), ["info targets t"], 0),
    "missing in the panel": (in_panel(with_genotypes(".|.", 2), 9), ["warning missing p"], 0),
    "missing sites": (in_targets(with_genotypes("./."), 9), ["warning missing-sites t"], 0),
    "missing sites written short": (in_targets(with_genotypes("."), 9), ["warning missing-sites t"], 0),
    "missing sample": (in_targets(with_genotypes("./.", 1)), ["warning missing-samples t"], 0),
    "half missing": (in_targets(with_genotypes("./1", 4), 2), ["warning missing-samples t"], 0),
    "haploid in places": (in_targets(with_genotypes("1", 4), 9), ["warning unusable-records t"], 0),
    "polyploid": (in_targets(with_genotypes("0/1/1", 4), 9), ["warning unusable-records t"], 0),
    "X, diploid": (on_x(False), ["info overlap t"], 0),
    "X, haploid men": (on_x(True), ["error invalid-record t"], 1),
    "allele out of range": (in_targets(with_genotypes("0/2", 1), 50, 7), ["error invalid-record t"], 1),
    "position 0": (in_panel(lambda row: [row[0], "0", *row[2:]], 1000), ["error invalid-record p"], 1),
    "position is text": (in_targets(lambda row: [row[0], "x7", *row[2:]], 1000, 7), ["error unreadable t"], 1),
    "too few columns": (in_targets(lambda row: row[:6], 1000, 7), ["error unreadable t"], 1),
    "genotype is text": (in_targets(lambda row: [*row[:4], "z/1", *row[5:]], 1000, 7), ["error unreadable t"], 1),
}
# errors after which the files can be read all the same: the user has to judge them
READABLE = {"build", "map", "same-names", "duplicate-samples"}
