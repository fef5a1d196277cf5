"""The record of a run: what it was made with, and the digests of what it read."""

import hashlib
import json
from pathlib import Path

from ragimpute.artefacts import file_digest
from ragimpute.study.configuration import configuration_text, load_configuration
from ragimpute.study.provenance import write_provenance

ROOT = Path(__file__).parents[2]


def test_the_record_holds_seeds_versions_and_a_digest_of_each_input_file(tmp_path: Path) -> None:
    config = load_configuration(ROOT, [ROOT / "config" / "dev.yaml"])
    config_path, out = tmp_path / "config.yaml", tmp_path / "provenance.json"
    config_path.write_text(configuration_text(config))
    write_provenance(config_path, out)
    record = json.loads(out.read_text())
    assert record["seeds"] == {"training": config["seeds"], "data": 1, "evaluation": 1}
    assert record["config_sha256"] == hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    panel = config["panels"]["dev"]
    sites = [mask["sites"] for mask in config["masks"].values()]
    inputs = {panel["reference"], panel["targets"]["holdout"], panel["genetic_map"], *sites}
    assert record["inputs_sha256"] == {path: file_digest(path) for path in sorted(inputs)}
    assert record["versions"]["ragimpute"]
    assert record["hardware"]["cores"] >= 1
