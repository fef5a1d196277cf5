"""Writing what was imputed: the VCF or BCF, and the tables of records that were left out or recoded beside it."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ragimpute.imputation.work_size import WorkSize
from ragimpute.nouns import with_noun
from ragimpute.panel.dropped_records import DROPPED_COLUMNS
from ragimpute.panel.store import Panel
from ragimpute.tables import read_table, write_table
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.plink_files import UNKNOWN_FAMILY

if TYPE_CHECKING:
    from ragimpute.imputation.back_ends import BackEnd

logger = logging.getLogger(__name__)


def write_imputation(
    path: Path,
    panel: Panel,
    phasings: list[TargetGenotypes],
    imputer: "BackEnd",
    records_of: slice | None = None,
    threads: int = 1,
    work: WorkSize | None = None,
) -> None:
    """Impute the sites of the panel from the targets' phasings, and write a VCF.gz or BCF, with index, part by part.

    `records_of`: write the records of these sites alone, a piece for `vcf.writer.join_pieces`.
    Temporary files lie beside `path`.
    """
    from ragimpute.imputation.engine import imputed_parts
    from ragimpute.progress import share_of_work
    from ragimpute.vcf.writer import write_parts, write_piece

    wanted = records_of or slice(0, len(panel.sites))
    sites = panel.sites.take(wanted)
    path.parent.mkdir(parents=True, exist_ok=True)
    with share_of_work("imputing") as progress:
        parts = imputed_parts(
            panel, phasings, imputer, wanted, work, threads=threads, on_progress=progress, folder=path.parent
        )
        samples = phasings[0].samples
        if records_of is None:
            write_parts(path, sites, panel.contigs, samples, parts, threads=threads)
        else:
            write_piece(path, sites, samples, parts, threads=threads)


def write_records(out: Path, kind: str, records: pd.DataFrame) -> None:
    """Write `records` beside `out` as OUT.KIND.tsv, suffix cut off; no file, and none left over, when there is none."""
    path = _table_path(out, kind)
    if records.empty:
        path.unlink(missing_ok=True)
        return
    write_table(records, path)
    logger.info("%s listed in %s", with_noun(len(records), f"{kind} record is", f"{kind} records are"), path)


def read_records(outs: Sequence[Path], kind: str) -> pd.DataFrame:
    """The tables of `write_records` beside all of `outs`; none is empty records. Column pos is int, the others str."""
    columns = {**dict.fromkeys(DROPPED_COLUMNS, str), "pos": int}
    paths = [_table_path(out, kind) for out in outs]
    tables = [read_table(path, columns) for path in paths if path.exists()]
    if tables:
        return pd.concat(tables, ignore_index=True)
    return pd.DataFrame({name: [] for name in columns})


def write_psam(out: Path, psam: pd.DataFrame) -> None:
    """Write a table of `psam_table` beside `out` as OUT.psam, suffix cut off, as PLINK 2 reads it."""
    write_table(psam, _psam_path(out))


def files_beside(out: Path) -> dict[str, Path]:
    """All files that imputing to `out` may write: what they are called in messages, and where they lie."""
    files = {"--out": out}
    for kind in ("dropped", "recoded"):
        files[f"the table of {kind} records"] = _table_path(out, kind)
    files["the table of discordant sites"] = _table_path(out, "discordant")
    files["the table of uncalled samples"] = _table_path(out, "uncalled")
    files["the table of the samples' sex"] = _psam_path(out)
    if out.suffix == ".pgen":
        files["the table of variants"] = out.with_suffix(".pvar")
        return files
    for suffix in (".tbi", ".csi"):
        files[f"the index ({suffix})"] = out.with_name(f"{out.name}{suffix}")
    return files


def _psam_path(out: Path) -> Path:
    return out.with_name(f"{_stem(out)}.psam")


def psam_table(samples: Sequence[str], families: Mapping[str, str], sex_codes: Sequence[str]) -> pd.DataFrame:
    """The samples, their families and their sex (1, 2 or NA) as PLINK 2's .psam has them.

    `families`: FID by sample; others have none. The column is there all the same: regenie reads no .psam without it.
    """
    fids = [families.get(sample, UNKNOWN_FAMILY) for sample in samples]
    return pd.DataFrame({"#FID": fids, "IID": samples, "SEX": sex_codes})


def _table_path(out: Path, kind: str) -> Path:
    return out.with_name(f"{_stem(out)}.{kind}.tsv")


def _stem(out: Path) -> str:
    stem = out.name.removesuffix(".vcf.gz")
    return stem.removesuffix(".bcf").removesuffix(".pgen")
