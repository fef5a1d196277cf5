"""The names of chromosomes: {chrom} in the names of files, lists of chromosomes, and the order of the genome."""

import os
import re
from collections.abc import Collection
from pathlib import Path

from ragimpute.errors import InputError

MARK = "{chrom}"
LAST = {"X_par1": 22.9, "X": 23, "X_par2": 23.1, "Y": 24, "XY": 25, "MT": 26, "M": 26}  # after 1 .. 22
NAME = r"[A-Za-z0-9_]+"
CODES = {"23": "X", "24": "Y", "25": "X", "XY": "X", "26": "MT", "M": "MT"}  # PLINK's numbers, and UCSC's chrM
PART_OF_X = re.compile(r"(X[._-]?)?PAR[._-]?[12]|X[._-]?NON[._-]?PAR")
ACCESSION = re.compile(r"NC_0000(\d\d)\.\d+")  # of NCBI, of the chromosomes 1 .. 24


def plain_name(name: str) -> str:
    """The one name of a human chromosome that is called 20, chr20, 020 or NC_000020.11; X for 23 and XY, MT for 26.

    A name that is none of these is its own plain name. PAR1 and PAR2 are parts of X, and XY is both of them.
    """
    accession = ACCESSION.fullmatch(name)
    if accession:
        number = int(accession[1])
        return CODES.get(str(number), str(number))
    bare = bare_name(name)
    unpadded = bare.lstrip("0") or bare
    upper = unpadded.upper()
    if PART_OF_X.fullmatch(upper):
        return "X"
    known = CODES.get(upper, upper)
    is_human = known in ("X", "Y", "MT") or (known.isdigit() and 1 <= int(known) <= 22)
    return known if is_human else name


def is_part_of_x(name: str) -> bool:
    """Whether a name is that of a part of X, such as PAR1."""
    return PART_OF_X.fullmatch(bare_name(name).upper()) is not None


def bare_name(name: str) -> str:
    """A name without chr before it."""
    return re.sub(r"^chr_?", "", name, flags=re.IGNORECASE)


def equal_name(name: str, known: Collection[str]) -> str | None:
    """The one of `known` names that means the chromosome `name`; None where none does, or several do."""
    if name in known:
        return name
    plain = plain_name(name)
    found = [other for other in known if plain_name(other) == plain]
    return found[0] if len(found) == 1 else None


def named_twice(names: Collection[str]) -> tuple[str, str] | None:
    """Two of the names that mean one chromosome; None where there are none."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(plain_name(name), name)
        if other != name:
            return other, name
    return None


def two_names(names: Collection[str], path: str | os.PathLike) -> str:
    """What to say of a file, with chromosomes of these names, that calls one of them in two ways; '' of any other."""
    twice = named_twice(names)
    if twice is None:
        return ""
    name, other = twice
    if is_part_of_x(name):
        name, other = other, name
    return (
        f"{name} and {other} are one chromosome; give it one name: zcat -f {path} | sed 's/^{other}\\t/{name}\\t/' | "
        "bcftools sort --output renamed.vcf.gz"
    )


def existing_chromosomes(pattern: str) -> list[str]:
    """The chromosomes for which the file `pattern`, a name with {chrom}, exists. Raises InputError when none does."""
    path = Path(pattern)
    if MARK not in path.name:
        raise InputError(f"{pattern}: {MARK} must stand in the file's name, not in a folder's")
    fixed = [re.escape(part) for part in path.name.split(MARK)]
    again = r"\1".join(fixed[1:])  # {chrom} may stand in the name several times
    wanted = re.compile(f"{fixed[0]}({NAME}){again}")
    matches = [wanted.fullmatch(other.name) for other in sorted(path.parent.glob("*"))]
    names = [match[1] for match in matches if match]
    if not names:
        raise InputError(f"{pattern}: no such file for any chromosome")
    return sorted(names, key=place_in_genome)


def list_chromosomes(text: str) -> list[str]:
    """The chromosomes of a list such as '1-22,X', each once, in the order given. Raises InputError for another text."""
    names: list[str] = []
    for part in text.split(","):
        span = re.fullmatch(r"\s*(\d+)-(\d+)\s*", part)
        if span and int(span[1]) <= int(span[2]):
            names += [str(number) for number in range(int(span[1]), int(span[2]) + 1)]
        elif re.fullmatch(rf"\s*{NAME}\s*", part):
            names.append(part.strip())
        else:
            raise InputError(f"chromosomes {text!r}: write names and spans with commas, such as 1-22,X")
    return list(dict.fromkeys(names))


def place_in_genome(name: str) -> tuple[float, str]:
    """A key that sorts the names of chromosomes in the order of the genome: 1 .. 22, X, Y, MT, then all others."""
    plain = name.removeprefix("chr")
    number = float(plain) if plain.isdigit() else LAST.get(plain, 100.0)
    return number, name
