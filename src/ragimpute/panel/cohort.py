"""A panel with the roles of its samples and its typed sites, from their files."""

from dataclasses import dataclass
from pathlib import Path

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.panel.folds import Fold, SampleRole, load_fold
from ragimpute.panel.roles import read_roles
from ragimpute.panel.store import Panel
from ragimpute.targets.mask import read_phased, read_typed


@dataclass(frozen=True)
class Cohort:
    """A panel with roles and typed sites, from their files."""

    panel_path: Path
    roles_path: Path
    typed_path: Path
    panel: Panel
    samples: list[SampleRole]

    @classmethod
    def load(cls, panel: Path, roles: Path, typed: Path) -> "Cohort":
        """Raises InputError when a file is missing, damaged or of another panel."""
        samples = [SampleRole(*row) for row in read_roles(roles).itertuples(index=False)]
        return cls(panel, roles, typed, Panel.load(panel), samples)

    def fold(self, name: str, phased: Path | None = None) -> Fold:
        """The fold `name`; `phased` is the VCF of its samples' phased typed genotypes.

        Fold targets needs it. Fold validation has the panel's phase without it; training folds always have that.
        """
        column = name if name.startswith("random") else "typed"
        typed = read_typed(self.typed_path, self.panel.sites, column)
        if name == "targets" and phased is None:
            raise InputError("fold targets needs --targets, the phased typed genotypes of the samples to impute")
        if phased is None:
            return load_fold(self.panel, self.samples, {column: typed}, name)
        names = [sample.sample for sample in self.samples if sample.fold == name]
        found = read_phased(phased, self.panel.sites, names, self.typed_path)
        return load_fold(self.panel, self.samples, {column: typed}, name, found.haplotypes(), names)

    def provenance(self, validation: Path | None = None) -> dict[str, str]:
        """SHA-256 of the files that a training depends on, for the metadata of what comes from them.

        `validation` is the VCF that fold validation was made with, if any.
        """
        paths = {"panel": self.panel_path, "roles": self.roles_path, "typed": self.typed_path}
        if validation is not None:
            paths["validation"] = validation
        return {f"{name}_sha256": artefacts.file_digest(path) for name, path in paths.items()}
