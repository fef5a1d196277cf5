"""Feed the readers and the check with a small VCF whose bytes are mutated: `python fuzz_reader.py FOLDER SECONDS SEED`.

Run in a process of its own, because what is looked for is a crash in C code. FOLDER keeps the last input.
"""

import faulthandler
import gzip
import sys
import time
from pathlib import Path

import numpy as np
import pysam

from ragimpute.check.all_checks import check_inputs
from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Sites
from ragimpute.targets.genotypes import read_genotypes
from vcf_text import HEADER, refusal, write_vcf

HANGS_AFTER = 20  # seconds for one input
TOKENS = [
    b"\t",
    b"\n",
    b"\r\n",
    b"\0",
    b"|",
    b"/",
    b".",
    b"0",
    b"-1",
    b"99999999999",
    b"1e9",
    b"<DEL>",
    b"##",
    b"#CHROM",
]
TOKENS += [b"chr20", b"GT", b":", b",", b";", b"\xff\xfe", b"=", b"##contig=<ID=20>\n", b"0|1", b"nan", b'"', b" "]


def mutated(content: bytes, generator: np.random.Generator) -> bytes:
    """One to four edits: a byte changed, a stretch deleted, repeated or moved, a token put in, or the end cut off."""
    data = bytearray(content)
    for _ in range(generator.integers(1, 5)):
        at, length = int(generator.integers(len(data) + 1)), int(generator.integers(1, 40))
        kind = generator.integers(6)
        if kind == 0 and at < len(data):
            data[at] = int(generator.integers(256))
        elif kind == 1:
            del data[at : at + length]
        elif kind == 2:
            data[at:at] = data[at : at + length]
        elif kind == 3:
            data[at : at + length] = TOKENS[int(generator.integers(len(TOKENS)))]
        elif kind == 4:
            data[at:at] = TOKENS[int(generator.integers(len(TOKENS)))]
        elif generator.random() < 0.2:
            del data[at:]
    return bytes(data)


def sources(folder: Path) -> dict[str, bytes]:
    """The same small file in every container: name -> content."""
    rows = [f"20 {100 + 10 * i} A C 0|1 {i % 2}|0 1/1 .|0" for i in range(8)]
    rows += ["20 200 AT A 0|0 0|1 1|1 0|0", "20 210 G <DEL> 0|1 0|0 0|0 0|0", "20 220 C T,G 0|2 1|0 0|0 0|0"]
    plain = write_vcf(folder / "sound.vcf", ["a", "b", "c", "d"], rows)
    pysam.tabix_compress(str(plain), str(folder / "sound.vcf.gz"), force=True)
    with (
        pysam.VariantFile(str(plain)) as read,
        pysam.VariantFile(str(folder / "sound.bcf"), "wb", header=read.header) as bcf,
    ):
        for record in read:
            bcf.write(record)
    text = plain.read_bytes()
    undeclared = text.replace(HEADER.encode().splitlines(keepends=True)[1], b"")
    contents = {"text.vcf": text, "undeclared.vcf": undeclared, "gzip.vcf.gz": text}
    # htslib trusts the body of a BCF whose checksums are right, so that only a crafted one crashes it: not tried here
    contents |= {name: (folder / name).read_bytes() for name in ("sound.vcf.gz", "sound.bcf")}
    return contents


def feed(path: Path, sites: Sites) -> int:
    """How many of the three readers accept `path`; whatever they accept must be consistent."""

    def panel() -> None:
        read, _ = read_panel(path, None, GeneticMap({}))
        assert read.alleles.shape == (len(read.sites), 2 * len(read.samples))
        assert (np.diff(read.sites.pos)[read.sites.chrom[1:] == read.sites.chrom[:-1]] >= 0).all()

    def targets() -> None:
        read = read_genotypes(path, sites, require_match=False)
        assert set(np.unique(read.alleles)) <= {-1, 0, 1}
        assert (np.diff(read.index) > 0).all()

    sound = not [finding for finding in check_inputs(path, path) if finding.level == "error"]
    return [refusal(path, panel), refusal(path, targets)].count("") + sound


def main() -> None:
    folder, seconds, seed = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    contents = sources(folder)
    sites = read_panel(folder / "sound.vcf", None, GeneticMap({}))[0].sites
    generator = np.random.default_rng(seed)
    started, count, accepted = time.monotonic(), 0, 0
    while time.monotonic() - started < seconds:
        name = list(contents)[count % len(contents)]
        content = mutated(contents[name], generator)
        if name == "gzip.vcf.gz":
            content = gzip.compress(content, compresslevel=1)
        path = folder / f"mutated.{name}"
        path.write_bytes(content)
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
        accepted += feed(path, sites)
        faulthandler.cancel_dump_traceback_later()
        count += 1
    print(f"{count} inputs, {accepted} of {3 * count} readings accepted")


if __name__ == "__main__":
    faulthandler.enable()
    main()
