"""The sex of samples, from a table or from a file of PLINK (.fam or .psam)."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ragimpute.errors import InputError

Sex = Literal["M", "F"]
CODES: dict[str, Sex | None] = {
    **dict.fromkeys(("1", "m", "male"), "M"),
    **dict.fromkeys(("2", "f", "female"), "F"),
    **dict.fromkeys(("", "0", "-9", ".", "na", "nan", "u", "unknown"), None),
}
SAMPLE_NAMES = ("sample", "iid", "id", "sample_id")  # of columns, in small letters, without '#'
FAM_COLUMNS = 6  # FID IID father mother SEX phenotype


def read_sexes(path: str | os.PathLike) -> dict[str, Sex]:
    """Sample -> M or F; samples whose sex is not known (0, NA, .) are left out.

    The file has the columns sample and sex (1, M or male; 2, F or female) with or without a header line, or a header
    line that names them among others, as in a .psam; six columns without a header are those of a .fam. Columns are
    separated by tabs, or by blanks in a file without tabs.

    Raises InputError with file and line for another layout, another code or a sample with two sexes.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable table of samples and their sex ({error})") from None
    separator = "\t" if any("\t" in line for line in lines) else None
    columns: tuple[int, int] | None = None
    sexes: dict[str, Sex] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        fields = [field.strip() for field in line.split(separator)]
        if columns is None:
            named = _named_columns(fields)
            columns = named or _columns_without_header(where, fields)
            if named:
                continue
        n_needed = max(columns) + 1
        if len(fields) < n_needed:
            raise InputError(f"{where}: {len(fields)} columns where {n_needed} are expected")
        sample_column, sex_column = columns
        sample = fields[sample_column]
        written = fields[sex_column]
        code = written.lower()
        if code not in CODES:
            raise InputError(f"{where}: sex {written!r} of {sample}: write 1 or M, 2 or F")
        sex = CODES[code]
        if sex is not None and sexes.setdefault(sample, sex) != sex:
            raise InputError(f"{where}: sample {sample!r} has two sexes")
    return sexes


def _named_columns(fields: Sequence[str]) -> tuple[int, int] | None:
    """Where the header line `fields` has sample and sex; None when it is not a header."""
    names = [field.lower().lstrip("#") for field in fields]
    of_sample = next((name for name in SAMPLE_NAMES if name in names), None)
    if of_sample is None or "sex" not in names:
        return None
    return names.index(of_sample), names.index("sex")


def _columns_without_header(where: str, fields: Sequence[str]) -> tuple[int, int]:
    """Where a line of a file without a header has sample and sex."""
    if len(fields) == FAM_COLUMNS:
        return 1, 4
    if len(fields) == len(("sample", "sex")):
        return 0, 1
    raise InputError(f"{where}: expected the columns sample and sex, or a header line that names them")
