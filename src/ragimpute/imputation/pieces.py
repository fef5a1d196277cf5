"""The finished pieces of an output that is not complete, kept beside it: the same command goes on from there."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.panel.chromosome_names import MARK

REQUEST = "request.json"
COSTLY = ("*.phasings.safetensors", "*.records")  # pieces that take long to make


class Pieces:
    """The folder OUT.parts ({chrom} and suffix cut off), made when this is opened and removed by `remove`."""

    def __init__(self, out: str, request: Mapping[str, Any], restart: bool) -> None:
        """`request`: all that decides on the result, JSON. `restart`: pieces of an earlier run are thrown away.

        Raises InputError when the folder has pieces of another request.
        """
        self.folder = parts_folder(out)
        wanted = json.dumps(request, indent=1, sort_keys=True)
        made_for = self.folder / REQUEST
        if restart and self.folder.exists():
            shutil.rmtree(self.folder)
        if self.folder.exists():
            found = made_for.read_text(encoding="utf-8") if made_for.exists() else None
            if found is not None and found != wanted:
                differing = _difference(json.loads(found), json.loads(wanted))
                raise InputError(
                    f"{self.folder}: holds what an unfinished run with other inputs or options left ({differing}); "
                    "give --restart to begin anew, or the same command to go on"
                )
            if found is None:  # stopped before it had begun, or not ours
                self._refuse_strange()
            self._remove_unfinished()
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(made_for) as temporary:
            temporary.write_text(wanted, encoding="utf-8")

    def path(self, name: str) -> Path:
        """Where the piece `name` lies, or will lie."""
        return self.folder / name

    def save_json(self, name: str, content: Any) -> None:
        """Keep `content` as the piece `name`."""
        with atomic_path(self.path(name)) as temporary:
            text = json.dumps(content)
            temporary.write_text(text, encoding="utf-8")

    def load_json(self, name: str) -> Any:
        """The content of a piece of `save_json`, None where there is none."""
        path = self.path(name)
        if not path.exists():
            return None
        text = path.read_text(encoding="utf-8")
        return json.loads(text)

    def remove(self) -> None:
        """Remove the folder: the output is complete."""
        shutil.rmtree(self.folder)

    @contextmanager
    def kept_if_costly(self) -> Iterator[None]:
        """Where an InputError ends what is done within, keep the folder only if phasings or records are in it.

        With another input, which the error asks for, nobody could go on from the rest.
        """
        try:
            yield
        except InputError:
            if not any(path for pattern in COSTLY for path in self.folder.glob(pattern)):
                self.remove()
            raise

    def _refuse_strange(self) -> None:
        names = [path.name for path in self.folder.iterdir()]
        strange = [name for name in names if not name.startswith(".")]
        if strange:
            example = strange[0]
            raise InputError(
                f"{self.folder}: is there and holds {example}, which no run of ragimpute has left; move it away"
            )

    def _remove_unfinished(self) -> None:
        """Remove what a run that was killed was writing: names that begin with a dot."""
        for path in self.folder.glob(".*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def parts_folder(out: str) -> Path:
    """The folder of an output's pieces: `out` without {chrom} and suffix, and .parts."""
    path = Path(out)
    stem = re.sub(r"\.(vcf\.gz|bcf|pgen)$", "", path.name)
    stem = stem.replace(MARK, "")
    return path.with_name(f"{stem}.parts")


def file_state(path: Path) -> dict[str, Any]:
    """What tells one state of a file from another: its name, size and time of change."""
    status = path.stat()
    name = str(path.absolute())
    return {"path": name, "size": status.st_size, "changed": status.st_mtime_ns}


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The names of the entries that differ."""
    names = sorted({*found, *wanted})
    differing = [name for name in names if found.get(name) != wanted.get(name)]
    return ", ".join(differing)
