"""What a run was made with: versions, seeds, hashes of the configuration and of every input file, hardware."""

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ragimpute import __version__
from ragimpute.artefacts import atomic_path, file_digest
from ragimpute.external import SAYS_VERSION, program_version
from ragimpute.study.configuration_paths import named_files

LIBRARIES = (
    *("numpy", "scipy", "torch", "numba", "scikit-allel", "cyvcf2", "pysam", "pandas", "snakemake"),
    "vl-convert-python",
)


def provenance_record(config: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance of a run of the effective configuration `config`, on this machine and now.

    Values are those of the process that calls: under SLURM or conda, of that job's node or environment. Raises OSError
    when an input file cannot be read.
    """
    now = datetime.now(UTC)
    settings = json.dumps(config, sort_keys=True)
    config_digest = hashlib.sha256(settings.encode())
    paths = sorted({path for _, path in named_files(config)})
    record: dict[str, Any] = {}
    record["time"] = now.isoformat(timespec="seconds")
    record["versions"] = versions()
    record["programs"] = programs()
    record["source_sha256"] = source_digest()
    record["config_sha256"] = config_digest.hexdigest()
    record["seeds"] = _seeds(config)
    record["inputs_sha256"] = {path: file_digest(path) for path in paths}
    record["python"] = {"executable": sys.executable, "prefix": sys.prefix}
    record["hardware"] = hardware()
    return record


def _seeds(config: Mapping[str, Any]) -> dict[str, Any]:
    training = list(config["seeds"])
    evaluation = config["evaluation"]["seed"]
    return {"training": training, "data": config["data_seed"], "evaluation": evaluation}


def write_provenance(config_path: Path, out: Path) -> None:
    """Write the record of a run of the effective configuration at `config_path` (YAML) to `out` (JSON)."""
    text = config_path.read_text(encoding="utf-8")
    record = provenance_record(yaml.safe_load(text))
    content = json.dumps(record, indent=2)
    with atomic_path(out) as temporary:
        temporary.write_text(f"{content}\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """Versions of ragimpute, Python and those of LIBRARIES that are installed."""
    found = {"ragimpute": __version__, "Python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def programs() -> dict[str, str]:
    """Versions of the programs that this machine, or this job's environment, has."""
    found = {name: program_version(name) for name in SAYS_VERSION}
    return {name: version for name, version in found.items() if version}


def source_digest() -> str:
    """SHA-256 over the names and contents of the package's modules: tells checkouts of one version apart."""
    digest = hashlib.sha256()
    folder = Path(__file__).parents[1]
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        entry = f"{name}\0{file_digest(path)}\n"
        digest.update(entry.encode())
    return digest.hexdigest()


def hardware() -> dict[str, Any]:
    """Processor, usable cores, memory and NVIDIA GPUs (none where nvidia-smi is not there or fails)."""
    usable_cores = os.sched_getaffinity(0)
    page_bytes, n_pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    memory_gb = page_bytes * n_pages / 1e9
    return {
        "processor": _processor(),
        "cores": len(usable_cores),
        "memory_gb": round(memory_gb, 1),
        "gpus": _gpus(),
        "system": platform.platform(),
    }


def _processor() -> str:
    """The processor's name in /proc/cpuinfo, which platform.processor() leaves out."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            _, _, name = line.partition(":")
            return name.strip()
    return platform.machine()


def _gpus() -> list[str]:
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    done = subprocess.run(query, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        return []
    return [line.strip() for line in done.stdout.splitlines()]
