"""The cohort of a study: a panel with its samples' roles and the typed sites, read from their files."""

from dataclasses import dataclass
from pathlib import Path

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.panel.folds import Fold, SampleRole, load_fold
from ragimpute.panel.roles import COLUMNS, read_roles
from ragimpute.panel.store import Panel
from ragimpute.targets.mask import read_phased, read_typed


@dataclass(frozen=True)
class Cohort:
    """A panel, the roles of its samples and of the targets, and which sites are typed."""

    panel_path: Path
    roles_path: Path
    typed_path: Path
    panel: Panel
    samples: list[SampleRole]  # one for each row of roles.tsv, in its order

    @classmethod
    def load(cls, panel: Path, roles: Path, typed: Path) -> "Cohort":
        """Read panel.safetensors and roles.tsv; typed.tsv is read when a fold is asked for.

        Raises InputError when a file is missing or damaged, or the panel has haploid samples.
        """
        table = read_roles(roles)[COLUMNS]
        samples = [SampleRole(*row) for row in table.itertuples(index=False)]
        found = Panel.load(panel)
        found.refuse_haploid(f"{panel}: a study")
        return cls(panel, roles, typed, found.in_memory(), samples)

    def fold(self, name: str, phased: Path | None = None) -> Fold:
        """The fold `name`; `phased` is the VCF of its samples' phased typed genotypes.

        Fold targets needs it. Fold validation has the panel's phase without it; training folds always have that.
        Raises InputError when a file is of another panel, and as `load_fold` does.
        """
        column = name if name.startswith("random") else "typed"
        typed = read_typed(self.typed_path, self.panel.sites, column)
        if name == "targets" and phased is None:
            raise InputError("fold targets needs the phased typed genotypes of the samples to impute")
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
