"""Records of chromosomes that another file calls otherwise: chr20 for 20, 23 for X."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ragimpute.panel.chromosome_names import equal_name

if TYPE_CHECKING:
    from ragimpute.vcf.source import Region


LISTED = 5  # names in a message


class Renamed:
    """A record whose chromosome has another name; all else is that of the record."""

    def __init__(self, record: Any, chrom: str) -> None:
        self.CHROM = chrom
        self.name_in_file = record.CHROM
        self._record = record

    def __getattr__(self, name: str) -> Any:
        return getattr(self._record, name)


class Renaming:
    """What the chromosomes of a file are called where the `known` names are used; all others keep their names."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = set(known)
        self._names: dict[str, str] = {}

    def name_of(self, chrom: str) -> str:
        """The known name that means the chromosome `chrom` of the file, or `chrom`."""
        if chrom not in self._names:
            self._names[chrom] = equal_name(chrom, self._known) or chrom
        return self._names[chrom]

    def places(self, region: "Region", chroms: Sequence[str]) -> list[str]:
        """A known `region` by the file's names, of which `chroms` are all: what to look up in its index."""
        same = [name for name in chroms if self.name_of(name) == region.chrom]
        return [str(replace(region, chrom=name)) for name in same or [region.chrom]]


def renamed_chromosomes(names: Mapping[str, str]) -> str:
    """What to say of a file some of whose chromosomes have other names: name in the file -> name here."""
    pairs = [f"{name} is {other}" for name, other in names.items()]
    listed = ", ".join(pairs[:LISTED])
    more = ", .." if len(pairs) > LISTED else ""
    return f"its chromosomes are named otherwise than the panel's, and taken for the same: {listed}{more}"
