"""Sites as a user names them: CHROM:POS, CHROM:POS:REF:ALT, or the ID of a record of the panel, such as rs123."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ragimpute.artefacts import is_safetensors
from ragimpute.errors import InputError
from ragimpute.panel.chromosome_names import equal_name
from ragimpute.panel.store import Panel, Sites
from ragimpute.vcf.source import records

ID = re.compile(r"[A-Za-z][^:\s;]*")


def parse_site(text: str) -> tuple[str, int, str | None, str | None]:
    """CHROM, POS, REF and ALT of 'CHROM:POS' or 'CHROM:POS:REF:ALT'. Raises InputError for another text."""
    match = re.fullmatch(r"(.+?):(\d+)(?::([^:]+):([^:]+))?", text)
    if not match:
        raise InputError(f"--site {text!r}: write it as CHROM:POS or CHROM:POS:REF:ALT, or give an ID such as rs123")
    chrom, pos, ref, alt = match.groups()
    return chrom, int(pos), ref, alt


def is_id(text: str) -> bool:
    """Whether a site is named by its ID. Raises InputError for a text that names no site at all."""
    if ID.fullmatch(text):
        return True
    parse_site(text)
    return False


def find_site(sites: Sites, text: str) -> int:
    """Panel index of 'CHROM:POS' or 'CHROM:POS:REF:ALT'. The chromosome may be called otherwise.

    Raises InputError unless it is exactly one of `sites`.
    """
    named, pos, ref, alt = parse_site(text)
    chrom = equal_name(named, sites.extents()) or named
    found = (sites.chrom == chrom) & (sites.pos == pos)
    if ref is not None:
        found &= (sites.ref == ref) & (sites.alt == alt)
    index = np.flatnonzero(found)
    if len(index) > 1:
        several = ", ".join(_texts(sites, index))
        raise InputError(f"--site {text}: {len(index)} sites of the panel lie there; choose from {several}")
    if not len(index):
        raise InputError(f"--site {text}: no such site among the {len(sites)} of the panel that are imputed")
    return int(index[0])


def sites_of_ids(reference: Path, ids: Sequence[str]) -> dict[str, str]:
    """The sites, as CHROM:POS:REF:ALT, of the panel's records with these IDs; one pass over its records.

    Raises InputError for an ID that no record, or more than one, has.
    """
    found: dict[str, list[str]] = {name: [] for name in ids}
    if not found:
        return {}
    if is_safetensors(reference):
        sites = Panel.load(reference).sites
        for place, name in enumerate(sites.id.tolist()):
            if name in found:
                found[name] += _texts(sites, np.array([place]))
    else:
        for record in records(reference, samples=[]):
            if record.ID in found and len(record.ALT) == 1:
                found[record.ID].append(f"{record.CHROM}:{record.POS}:{record.REF}:{record.ALT[0]}")
    for name, places in found.items():
        if not places:
            raise InputError(f"--site {name}: no biallelic record of {reference} has this ID")
        if len(places) > 1:
            several = ", ".join(places)
            raise InputError(f"--site {name}: {len(places)} sites of the panel have this ID; choose from {several}")
    return {name: places[0] for name, places in found.items()}


def _texts(sites: Sites, index: np.ndarray) -> list[str]:
    keys = sites.take(index).keys()
    return [":".join(map(str, key)) for key in keys]
