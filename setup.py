"""The build step of the wheel: the workflow's files, at the top of the repository, go into the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FILES = ("Snakefile", "config.yaml", "workflow", "envs", "profiles", "resources/example")
PLACE = Path("ragimpute", "workflow_files")  # ragimpute.study.workflow_files looks there


class BuildWithWorkflow(build_py):
    """`build_py`, which also copies FILES; an editable install reads them where they lie."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / PLACE
        shutil.rmtree(target, ignore_errors=True)
        for name in FILES:
            source, copy = Path(name), target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", ".snakemake"))
            else:
                shutil.copyfile(source, copy)


setup(cmdclass={"build_py": BuildWithWorkflow})
