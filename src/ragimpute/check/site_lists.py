"""Lists of target records that deserve attention, as bcftools and PLINK take them."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.check.survey import Survey
from ragimpute.check.targets_against_reference import FAR, MIN_SAMPLES, alt_frequency, match_records
from ragimpute.tables import write_table
from ragimpute.targets.alleles import BOTH, FLIPPED, SWAPPED, SWAPS

KINDS = ("flipped", "swapped", "discordant", "duplicate", "unmatched", "unusable")  # by the survey
INVERTED = "inverted"  # by imputing each typed site from the others, on demand
EVERY_KIND = (*KINDS, INVERTED)
# bcftools reads the first three columns, of which the third has to be a number
COLUMNS = [
    "#chrom",
    "pos",
    "end",
    "ref",
    "alt",
    "id",
    "reason",
    "panel_ref",
    "panel_alt",
    "frequency",
    "panel_frequency",
]
DUPLICATE = "duplicate"
LOOKS_INVERTED = "genotypes look inverted"
NO_ID = "."


class SiteLists:
    """Tables of target records, by what is the matter with them (EVERY_KIND)."""

    def __init__(self) -> None:
        self._tables: dict[str, list[pd.DataFrame]] = {kind: [] for kind in EVERY_KIND}
        self._matched: list[pd.DataFrame] = []  # records that are of a site, with the panel's name of its chromosome

    def add(self, panel: Survey, samples: Survey) -> None:
        """Add the records of `samples` that are on the panel's chromosomes, by the names that their file has."""
        renamed, _ = samples.renamed(panel.spans)
        records = samples.records[renamed.records["chrom"].isin(panel.spans)].copy()
        records["panel_ref"] = records["panel_alt"] = ""
        records["panel_frequency"] = np.nan
        records["frequency"] = alt_frequency(records)
        matched = match_records(panel, renamed)
        relation = matched["relation"].reindex(records.index, fill_value="")
        site = matched["site"].reindex(records.index, fill_value=-1)
        has_site = site >= 0
        of_panel = panel.records.loc[site[has_site]]
        records.loc[has_site, "panel_ref"] = of_panel["ref"].to_numpy()
        records.loc[has_site, "panel_alt"] = of_panel["alt"].to_numpy()
        records.loc[has_site, "panel_frequency"] = alt_frequency(of_panel)
        panel_chrom = renamed.records.loc[records.index, "chrom"]
        self._matched.append(records.assign(panel_chrom=panel_chrom)[has_site])
        is_unusable = records["reason"] != ""
        records["reason"] = records["reason"].where(is_unusable, relation)
        as_panel = np.where(relation.isin(SWAPS), 1 - records["frequency"], records["frequency"])
        is_known = records["n_complete"] >= MIN_SAMPLES
        is_usable = records.index.isin(matched.index)
        chosen = {
            "flipped": relation.isin((FLIPPED, BOTH)) & has_site,
            "swapped": relation.isin((SWAPPED, BOTH)) & has_site,
            "discordant": has_site & is_known & (np.abs(as_panel - records["panel_frequency"]) > FAR),
            "duplicate": ~is_unusable & _occurs_again(records),
            "unmatched": is_usable & ~has_site,
            "unusable": is_unusable,
        }
        for kind, rows in chosen.items():
            table = records[rows].rename(columns={"chrom": "#chrom"})
            table = table.assign(end=table["pos"])
            if kind == "discordant":
                table = table.assign(reason=f"frequencies differ by more than {FAR}")
            if kind == "duplicate":
                table = table.assign(reason=DUPLICATE)
            self._tables[kind].append(table[COLUMNS])

    def add_inverted(self, sites: pd.DataFrame) -> None:
        """Add the records of `sites` of the panel, chrom, pos, ref, alt and er2, whose genotypes look inverted."""
        if sites.empty or not self._matched:
            return
        of_sites = {"panel_chrom": sites["chrom"], "panel_ref": sites["ref"], "panel_alt": sites["alt"]}
        keyed = sites[["pos", "er2"]].assign(**of_sites)
        records = pd.concat(self._matched, ignore_index=True).merge(keyed)
        table = records.rename(columns={"chrom": "#chrom"}).assign(end=records["pos"], reason=LOOKS_INVERTED)
        self._tables[INVERTED].append(table[[*COLUMNS, "er2"]])

    def table(self, kind: str) -> pd.DataFrame:
        """The records of a kind: COLUMNS, frequencies those of ALT; of inverted ones also er2."""
        tables = self._tables[kind]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)

    def write(self, prefix: str | os.PathLike) -> list[Path]:
        """Write PREFIX.KIND.tsv (for bcftools -T or -R) and PREFIX.KIND.ids (for PLINK) of each kind that occurs.

        Of any other kind no file is left, as bcftools refuses one without records.

        A record without ID is CHROM:POS:REF:ALT, as `plink2 --set-missing-var-ids '@:#:$r:$a'` calls it.
        """
        written = []
        for kind in EVERY_KIND:
            table = self.table(kind)
            of_sites, of_ids = paths_of(prefix, kind)
            if table.empty:
                of_sites.unlink(missing_ok=True)
                of_ids.unlink(missing_ok=True)
                continue
            write_table(table, of_sites)
            columns = (table[name] for name in ("#chrom", "pos", "ref", "alt", "id"))
            names = [
                name if name != NO_ID else f"{chrom}:{pos}:{ref}:{alt}"
                for chrom, pos, ref, alt, name in zip(*columns, strict=True)
            ]
            of_ids.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
            written += [of_sites, of_ids]
        return written


def paths_of(prefix: str | os.PathLike, kind: str) -> tuple[Path, Path]:
    """Where the records of a kind are listed: for bcftools, and for PLINK."""
    return Path(f"{prefix}.{kind}.tsv"), Path(f"{prefix}.{kind}.ids")


def _occurs_again(records: pd.DataFrame) -> pd.Series:
    """Which records of a survey have the position and the alleles of one before them."""
    alleles = {name: records[name].str.upper() for name in ("ref", "alt")}
    key = records[["chrom", "pos"]].assign(**alleles)
    return key.duplicated()
