"""The IDs that are written: the panel's, the targets' where the panel has none, or all by a template."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ragimpute.errors import InputError
from ragimpute.panel.store import Sites, strings
from ragimpute.panel.text_column import TextBuilder

NONE = "."
BLOCK = 65536  # sites at a time, so that not all IDs are Python objects at once
WORDS = re.compile("CHROM|POS|REF|ALT")
ONLY_MISSING = "+"  # before a template, as in bcftools: for sites without an ID


def check_template(template: str) -> None:
    """Raise InputError for a template of --set-ids that cannot make IDs of a VCF."""
    if "POS" not in template or re.search(r"[\s;,]", template):
        raise InputError(
            f"--set-ids {template!r}: write it with the words CHROM, POS, REF and ALT, such as CHROM:POS:REF:ALT, and "
            "without blanks, commas and semicolons"
        )


def with_ids_of_targets(sites: Sites, ids: Mapping[int, str]) -> Sites:
    """The sites of a panel, those without an ID with that of the targets' record: `ids`, by the index of the site."""
    taken = {site: name for site, name in ids.items() if sites.id[site] == NONE}
    if not taken:
        return sites
    names = TextBuilder()
    for start in range(0, len(sites), BLOCK):
        for site, name in enumerate(sites.id[start : start + BLOCK].tolist(), start=start):
            names.add(taken.get(site, name))
    return replace(sites, id=names.column())


def with_ids_by_template(sites: Sites, template: str) -> Sites:
    """The sites with the IDs that `template` makes of their CHROM, POS, REF and ALT; after a '+' only where none is."""
    only_missing = template.startswith(ONLY_MISSING)
    pattern = template.removeprefix(ONLY_MISSING)
    columns = {"CHROM": sites.chrom, "POS": sites.pos, "REF": sites.ref, "ALT": sites.alt}
    texts = {word: [str(value) for value in np.asarray(column).tolist()] for word, column in columns.items()}
    made = [WORDS.sub(lambda found, row=row: texts[found[0]][row], pattern) for row in range(len(sites))]  # type: ignore[misc]
    if only_missing:
        made = [new if old == NONE else old for new, old in zip(made, sites.id.tolist(), strict=True)]
    return replace(sites, id=strings(made))
