"""requirements.lock: what it pins is what is installed, and Debian 12's own Python takes it."""

from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

LOCK = Path(__file__).parents[2] / "requirements.lock"
PINS = [line.split("==") for line in LOCK.read_text().splitlines() if line and not line.startswith("#")]
DEBIAN_12 = "3.11.2"


@pytest.mark.parametrize(("name", "version"), PINS)
def test_each_pin_is_installed_and_accepts_the_python_of_debian_12(name, version):
    installed = distribution(name)

    assert installed.version.split("+")[0] == version  # torch's build follows a +
    assert SpecifierSet(installed.metadata.get("Requires-Python", "")).contains(DEBIAN_12)
