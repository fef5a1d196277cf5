"""The survey of a panel that `read-panel` has prepared."""

import os
from collections.abc import Container

import numpy as np
import pandas as pd

from ragimpute.check.survey import COLUMNS, Survey, unreadable, without_path
from ragimpute.errors import InputError
from ragimpute.panel.chromosome_names import plain_name
from ragimpute.panel.store import Panel
from ragimpute.vcf.source import Header, Region


def survey_of_panel(path: str | os.PathLike, region: Region | None, wanted: Container[tuple[str, int]]) -> Survey:
    """What `survey` finds in a prepared panel, all of whose records are usable. Dosages are those at `wanted` sites."""
    name = os.fspath(path)
    try:
        panel = Panel.load(path)
    except InputError as error:
        return unreadable(name, without_path(error, path))
    sites = panel.sites
    counts = panel.allele_count
    if panel.ploidy is not None:  # as many alleles as diploid samples have
        counts = np.rint(2 * len(panel.samples) * panel.allele_frequency).astype(np.int64)
    columns = {name: getattr(sites, name).tolist() for name in ("chrom", "pos", "id", "ref", "alt")}
    records = pd.DataFrame(columns)
    records["number"] = np.arange(1, len(records) + 1)
    records["reason"] = ""
    records["alt_count"] = counts
    records["n_complete"] = len(panel.samples)
    records["n_het"] = 0
    records["n_unphased"] = 0
    rows = np.arange(len(records))  # of the panel
    if region is not None:
        is_inside = region.holds(records["chrom"], records["pos"]).to_numpy()
        rows = rows[is_inside]
        records = records[is_inside].reset_index(drop=True)
    places = zip(map(plain_name, records["chrom"]), records["pos"], strict=True)
    is_wanted = [place in wanted for place in places]
    dosages = {}
    for record in np.flatnonzero(is_wanted).tolist():
        alleles = panel.alleles[rows[[record]]][0]
        of_samples = np.bincount(panel.sample_of_haplotype, weights=alleles, minlength=len(panel.samples))
        dosages[record] = of_samples.astype(np.int8)
    header = Header(panel.samples, panel.contigs, frozenset(["GT"]))
    none_missing = np.zeros(len(panel.samples), dtype=np.int64)
    return Survey(name, header, "", "", records[COLUMNS], none_missing, 0.0, "", dosages)
