"""Conda channels on this disk, made from what this Python has installed, so that --use-conda is tested offline.

Three kinds of package: python itself, copied from sys.base_prefix; each installed distribution that the environments
ask for, with all that it requires; and links to the programs that apt installed. Names, versions and requirements are
the true ones, so that a solver has real work and an environment holds what it names and nothing else. What this does
not prove is that conda-forge and bioconda still have these versions.
"""

import hashlib
import importlib.metadata
import io
import json
import os
import platform
import re
import shutil
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from conda_package_streaming.create import conda_builder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from ragimpute.external import program_version

SUBDIR = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}[platform.machine()]
BIOCONDA = {"beagle", "bcftools", "cyvcf2", "htslib", "minimac4", "pgenlib", "pysam"}
CONDA_NAMES = {"torch": "pytorch", "zlib-ng": "python-zlib-ng"}  # those that conda-forge calls otherwise
NOT_PACKAGED = {"site-packages", "dist-packages", "test", "idlelib", "ensurepip", "lib2to3", "tkinter"}
LIBRARY = f"lib/python{sysconfig.get_python_version()}"

# package -> its programs
PROGRAMS = {
    "bcftools": ["bcftools"],
    "beagle": ["beagle"],
    "htslib": ["tabix", "bgzip"],
    "minimac4": ["minimac4"],
}


@dataclass(frozen=True)
class Package:
    """A conda package: `files` maps each path in it to a file of this machine; `links` to what a symbolic link says."""

    name: str
    version: str
    depends: list[str]
    files: dict[str, Path] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-0"

    @property
    def channel(self) -> str:
        return "bioconda" if self.name in BIOCONDA else "conda-forge"

    @property
    def index(self) -> dict[str, object]:
        names = {"name": self.name, "version": self.version, "build": "0", "build_number": 0}
        return {**names, "depends": self.depends, "subdir": SUBDIR}


def build_channels(folder: Path, specs: Iterable[str]) -> None:
    """Write folder/conda-forge and folder/bioconda with all packages that `specs` need, such as `numpy >=2.1`."""
    wanted = {re.split(r"[ =<>!]", spec, maxsplit=1)[0] for spec in specs}
    records: dict[str, dict[str, dict]] = {"conda-forge": {}, "bioconda": {}}
    for package in packages(wanted):
        subdir = folder / package.channel / SUBDIR
        subdir.mkdir(parents=True, exist_ok=True)
        records[package.channel][f"{package.stem}.conda"] = write_package(package, subdir)
    for channel, found in records.items():
        for name, content in ((SUBDIR, found), ("noarch", {})):
            repodata = {"info": {"subdir": name}, "packages": {}, "packages.conda": content, "repodata_version": 1}
            (folder / channel / name).mkdir(parents=True, exist_ok=True)
            (folder / channel / name / "repodata.json").write_text(json.dumps(repodata))


def packages(names: Iterable[str]) -> Iterator[Package]:
    """The packages of these conda names and, in turn, of all that they require."""
    queue, done = list(names), set[str]()
    while queue:
        name = queue.pop()
        if name not in done:
            done.add(name)
            package = make_package(name)
            queue += [spec.split()[0] for spec in package.depends]
            yield package


def make_package(name: str) -> Package:
    if name == "python":
        return python_package()
    return program_package(name) if name in PROGRAMS else distribution_package(name)


def python_package() -> Package:
    """The interpreter and the standard library of sys.base_prefix."""
    library = Path(sysconfig.get_path("stdlib"))
    files = {
        f"{LIBRARY}/{path.relative_to(library)}": path
        for path in library.rglob("*")
        if path.is_file() and not NOT_PACKAGED & set(path.relative_to(library).parts[:1])
    }
    program = f"bin/python{sysconfig.get_python_version()}"
    files[program] = Path(os.path.realpath(sys.executable))
    shared = Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "")
    if shared.suffix != ".a" and shared.is_file():
        files[f"lib/{shared.name}"] = shared
    links = {"bin/python": Path(program).name, "bin/python3": Path(program).name}
    return Package("python", platform.python_version(), [], files, links)


def site_packages() -> str:
    """Where this kind of Python looks for packages, below its prefix: Debian's has a place of its own."""
    debian = (Path(sys.base_prefix) / "lib" / "python3" / "dist-packages").is_dir() and sys.base_prefix == "/usr"
    return f"{LIBRARY}/{'dist' if debian else 'site'}-packages"


def distribution_package(name: str) -> Package:
    """An installed distribution, without its scripts."""
    pip_name = {conda: pip for pip, conda in CONDA_NAMES.items()}.get(name, name)
    found = importlib.metadata.distribution(pip_name)
    requirements = [Requirement(text) for text in found.requires or []]
    depends = [
        f"{conda_name(needed.name)} {str(needed.specifier).replace(' ', '')}".strip()
        for needed in requirements
        if needed.marker is None or needed.marker.evaluate({"extra": ""})
    ]
    files = {
        f"{site_packages()}/{path}": Path(str(path.locate()))
        for path in found.files or []
        if ".." not in path.parts and Path(str(path.locate())).is_file()
    }
    python = f"python {sysconfig.get_python_version()}.*"
    return Package(name, Version(found.version).public, [python, *sorted(depends)], files)


def conda_name(pip_name: str) -> str:
    name = canonicalize_name(pip_name)
    return CONDA_NAMES.get(name, name)


def program_package(name: str) -> Package:
    """Links to installed programs, under the version that they print (bioconda's Beagle: 5.4_22Jul22.46e)."""
    version = program_version(name)
    if version is None:
        raise LookupError(f"{name} is not installed, or does not say its version")
    return Package(
        name, version, [], links={f"bin/{program}": str(shutil.which(program)) for program in PROGRAMS[name]}
    )


def write_package(package: Package, folder: Path) -> dict[str, object]:
    """Write folder/{stem}.conda; its entry in repodata.json."""
    paths = []
    with conda_builder(package.stem, folder, compression_level=1, compression_threads=2) as archive:
        for name, source in sorted(package.files.items()):
            information = archive.gettarinfo(str(source.resolve()), name)
            information.type = tarfile.REGTYPE  # a second name of the same file is not to become a hard link
            with open(source, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
                information.size = os.fstat(file.fileno()).st_size
                archive.addfile(information, file)
            entry = {"_path": name, "path_type": "hardlink", "sha256": digest, "size_in_bytes": information.size}
            paths.append(entry)
        for name, target in sorted(package.links.items()):
            information = tarfile.TarInfo(name)
            information.type, information.linkname = tarfile.SYMTYPE, target
            archive.addfile(information)
            paths.append({"_path": name, "path_type": "softlink"})
        for name, content in (("index", package.index), ("paths", {"paths": paths, "paths_version": 1})):
            text = json.dumps(content).encode()
            information = tarfile.TarInfo(f"info/{name}.json")
            information.size = len(text)
            archive.addfile(information, io.BytesIO(text))
    path = folder / f"{package.stem}.conda"
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {**package.index, "sha256": digest, "size": path.stat().st_size}
