"""The steps of container/Dockerfile and ragimpute.def, carried out in a minimal Debian by chroot.

No engine runs here: what Docker and Apptainer themselves do (layers, mounts of the user) is not shown by this.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from built_wheel import corner_by_checkout, impute_corner, run
from plink import EXAMPLE
from tiny_study import ROOT

DOCKERFILE = ROOT / "container" / "Dockerfile"
DEFINITION = ROOT / "container" / "ragimpute.def"
NOBODY = 65534
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# how this machine reaches its package registries; the image knows nothing of it
REGISTRIES = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/xdg/pip")
ALSO_REGISTRIES = re.compile(r"PIP_\w+|SSL_CERT_FILE|\w+_CA_BUNDLE|\w+_proxy", re.IGNORECASE)
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"  # Debian's package of Java writes this file of the image anew

pytestmark = [pytest.mark.xdist_group("wheel"), pytest.mark.slow, pytest.mark.ci]


@dataclass
class Steps:
    """What an image is built of."""

    base: str = ""
    copied: list[tuple[str, str]] = field(default_factory=list)  # a pattern in the checkout, a folder in the image
    commands: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    program: list[str] = field(default_factory=list)


def steps_of_dockerfile(text: str) -> Steps:
    """The steps of a Dockerfile with one instruction a line; WORKDIR, where a user's files are mounted, left out."""
    steps = Steps()
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        match word:
            case "FROM":
                steps.base = rest
            case "COPY":
                *sources, target = rest.split()
                steps.copied += [(source, target) for source in sources]
            case "RUN":
                steps.commands.append(rest)
            case "ENV":
                name, _, value = rest.partition("=")
                steps.environment[name] = value
            case "ENTRYPOINT":
                steps.program = re.findall(r'"([^"]+)"', rest)
            case "WORKDIR" | "#" | "":
                pass
            case other:
                raise ValueError(f"an instruction that this test does not know: {other}")
    return steps


def steps_of_definition(text: str) -> Steps:
    """The steps of an Apptainer definition whose runscript is one `exec PROGRAM "$@"`."""
    header, *sections = re.split(r"^%", text, flags=re.MULTILINE)
    lines = {section.split()[0]: [line.strip() for line in section.splitlines()[1:] if line] for section in sections}
    assert lines.keys() == {"files", "post", "environment", "runscript"}
    assert "Bootstrap: docker\n" in header
    [base] = re.findall(r"^From: (.+)$", header, re.MULTILINE)
    copied = [(source, target) for source, target in map(str.split, lines["files"])]
    exports = [line.removeprefix("export ").partition("=") for line in lines["environment"]]
    [script] = lines["runscript"]
    program = script.removeprefix("exec ").removesuffix(' "$@"').split()
    return Steps(base, copied, lines["post"], {name: value for name, _, value in exports}, program)


@dataclass(frozen=True)
class Image:
    """A root folder, and how commands run in it."""

    root: Path
    steps: Steps

    def run(self, *words: object, user: int = 0, **environment: str) -> str:
        """What a command says. It has its own /proc; the mount ends with it, whatever happens to the test."""
        enter = f'mount -t proc proc "$0/proc" && exec chroot --userspec={user}:{user} "$0" "$@"'
        words_of_command = [str(word) for word in words]
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", enter, str(self.root), *words_of_command],
            env={"PATH": PATH, **environment},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, f"{words_of_command}\n{done.stdout[-6000:]}"
        return done.stdout

    def command(self, *words: object) -> str:
        """What the image's command says to a user who is not root."""
        path = self.steps.environment["PATH"].replace("$PATH", PATH)
        return self.run(*self.steps.program, *words, user=NOBODY, **{**self.steps.environment, "PATH": path})


@pytest.fixture(scope="module")
def image(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs root and debootstrap")
    steps = steps_of_dockerfile(DOCKERFILE.read_text())
    place = tmp_path_factory.mktemp("image")
    image = Image(place / "root", steps)
    [suite] = re.findall(r"^debian:(\w+)-slim$", steps.base)
    # in a mount namespace of its own: debootstrap leaves /proc mounted, which would stand where the tests clean up
    run("unshare", "--mount", "debootstrap", "--variant=minbase", suite, image.root, cwd=place)
    context = place / "context"
    shutil.copytree(ROOT / "container", context / "container")
    shutil.copy2(ROOT / "requirements.lock", context)
    (context / "dist").mkdir()
    shutil.copy2(wheel, context / "dist")
    for pattern, folder in steps.copied:
        found = list(context.glob(pattern))
        assert found, pattern
        target = image.root / folder.lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        for path in found:
            shutil.copy2(path, target)
    settings = registry_settings(image.root)
    for command in steps.commands:
        print(image.run("sh", "-c", command, **settings))
    return image


def registry_settings(root: Path) -> dict[str, str]:
    """Copy this machine's settings of apt and pip into `root`; the environment variables that are among them."""
    copied = "/etc/registry.crt"
    for source, target in [*((name, name) for name in REGISTRIES), (CERTIFICATES, copied)]:
        copy = root / target.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_dir():
            shutil.copytree(source, copy, dirs_exist_ok=True)
        elif Path(source).exists():
            shutil.copy2(source, copy)
    known = {name: value for name, value in os.environ.items() if ALSO_REGISTRIES.fullmatch(name)}
    return {name: copied if value == CERTIFICATES else value for name, value in known.items()}


def test_both_definitions_have_the_same_steps() -> None:
    docker, apptainer = steps_of_dockerfile(DOCKERFILE.read_text()), steps_of_definition(DEFINITION.read_text())
    del docker.environment["HOME"]  # Apptainer has the user's
    assert docker == apptainer
    assert docker.commands
    assert docker.program == ["ragimpute"]


def test_the_image_imputes_the_example_with_the_bytes_of_the_checkout(image: Image, tmp_path: Path) -> None:
    data = image.root / "data"
    shutil.copytree(EXAMPLE, data)
    data.chmod(0o777)

    said = image.command(*impute_corner(Path("/data"), "/data/imputed.vcf.gz"))
    print(said)
    compiled = image.root / "var" / "cache" / "ragimpute"
    assert {path.owner() for path in compiled.rglob("*.nbi")} == {"root"}  # all that was needed was in the image
    assert (data / "imputed.vcf.gz").read_bytes() == corner_by_checkout(tmp_path)


def test_the_image_has_what_a_study_and_pgen_need(image: Image) -> None:
    for program in ("beagle", "minimac4", "plink2"):
        assert image.run("sh", "-c", f"command -v {program}")
    (image.root / "tmp" / "study.yaml").write_text("{study: [], baselines: [beagle]}")
    said = image.command("study", "/tmp/study.yaml", "--directory", "/tmp/study", "--", "--dry-run")
    assert re.search(r"^rule baseline:", said, re.MULTILINE)
