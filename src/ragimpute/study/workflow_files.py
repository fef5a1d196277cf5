"""Where the workflow's files are: at the top of a checkout, or in the package where that was installed from a wheel."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
OF_CHECKOUT = PACKAGE.parents[1]
OF_WHEEL = PACKAGE / "workflow_files"  # setup.py copies them there


def workflow_folder() -> Path:
    """The folder of Snakefile, config.yaml, workflow/, envs/ and profiles/."""
    return OF_WHEEL if OF_WHEEL.is_dir() else OF_CHECKOUT


def source_folder(folder: Path) -> Path:
    """A folder that holds this package and nothing else, which a conda environment can have on its import path.

    A checkout has src/. For a wheel one is made in `folder`, with a link to the package.
    """
    if not OF_WHEEL.is_dir():
        return PACKAGE.parent
    link = folder / PACKAGE.name
    folder.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink() or link.readlink() != PACKAGE:
        link.unlink(missing_ok=True)
        link.symlink_to(PACKAGE)
    return folder
