"""The names of chromosomes: {chrom} in the names of files, lists of chromosomes, and the order of the genome."""

import re
from pathlib import Path

from ragimpute.errors import InputError

MARK = "{chrom}"
LAST = {"X_par1": 22.9, "X": 23, "X_par2": 23.1, "Y": 24, "XY": 25, "MT": 26, "M": 26}  # after 1 .. 22
NAME = r"[A-Za-z0-9_]+"


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
