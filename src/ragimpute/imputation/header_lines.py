"""What the header of an imputed file says of the run: all that decides on its content, and nothing that does not."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragimpute import __version__
from ragimpute.artefacts import file_digest
from ragimpute.imputation.chromosome_files import ChromosomeFiles
from ragimpute.models import pretrained
from ragimpute.targets.plink_files import find_fileset

if TYPE_CHECKING:
    from ragimpute.imputation.stretch_run import GenomeRequest

FILES = ("reference", "targets", "genetic_map", "exclude_samples", "sex", "model", "keep_samples")
NO_EFFECT = ("device", "threads", "memory_mb", "max_lost_sites")
NAMES = {"regions": "region"}  # of options, where they are not those of the fields
OF_FILES = ("target_samples",)  # follows from files and other options


def header_lines(request: "GenomeRequest", files: Sequence[ChromosomeFiles], weights: Iterable[str]) -> list[str]:
    """Lines ##ragimpute=<ID=..>: version, seed, the options that were given, and the files by name and SHA-256.

    `files`: of the chromosomes that are written. `weights`: names of the networks' files.
    """
    lines = [_value("version", __version__)]
    for name, value in asdict(request.inputs).items():
        is_given = value is not None and value is not False and value != ()
        if name not in (*FILES, *NO_EFFECT, *OF_FILES) and is_given:
            lines.append(_value(NAMES.get(name, name), ",".join(value) if isinstance(value, tuple) else value))
    if request.min_r2 is not None:
        lines.append(_value("min_r2", request.min_r2))
    if request.work.core_cm is not None:
        lines.append(_value("core_cm", request.work.core_cm))
    return lines + [_file(name, path) for name, path in _files(request, files, weights).items()]


def _files(request: "GenomeRequest", files: Sequence[ChromosomeFiles], weights: Iterable[str]) -> dict[str, Path]:
    """All files that were read, by what each is: 'reference', or where there are several 'reference_20'."""
    named: dict[str, Path] = {}
    for kind in ("reference", "targets", "genetic_map"):
        of_kind = {one.name: getattr(one, kind) for one in files if getattr(one, kind) is not None}
        if len(set(of_kind.values())) == 1:
            named[kind] = next(iter(of_kind.values()))
        else:
            named |= {f"{kind}_{name}": path for name, path in of_kind.items()}
    for name, path in list(named.items()):
        fileset = find_fileset(path) if name.startswith("targets") else None
        others = () if fileset is None else fileset.paths
        named |= {f"{name}_{other.suffix[1:]}": other for other in others if other != path}
    for one in files:
        named |= {f"genetic_map_{one.name}_{part}": path for part, path in one.par_maps.items()}
    for name in weights:
        of_network = request.inputs.model or pretrained.FOLDER / name
        named["weights" if "weights" not in named else f"weights_{Path(name).stem}"] = of_network
    for kind in ("exclude_samples", "sex", "keep_samples"):
        of_option = getattr(request.inputs, kind)
        if of_option is not None:
            named[kind] = of_option
    return named


def _value(name: str, value: Any) -> str:
    return f'##ragimpute=<ID={name},Value="{_quotable(value)}">'


def _file(name: str, path: Path) -> str:
    return f'##ragimpute=<ID={_quotable(name)},File="{_quotable(path.name)}",SHA256="{file_digest(path)}">'


def _quotable(value: Any) -> str:
    """The text of a value without what would end a quoted text in a header."""
    text = str(value)
    return "".join(letter if letter.isprintable() and letter not in '"\\<>' else "_" for letter in text)
