"""One loss of the configuration, and all that can be wrong with it. No torch: configurations are checked here too.

The schema of the configuration says which keys there are and of which type; ranges, names and keys that need each other
are judged here alone, for the configuration and for `ragimpute train --loss`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ragimpute.errors import InputError, suggestion
from ragimpute.training.extra_terms import EXTRA_TERMS

WEIGHTS = ("hap", "genotype", "recon")
RECON_TARGETS = ("before", "truth", "truth_detached")
OTHER_KEYS = ("gamma", "recon_target", "switch_threshold", "after_switch", "temperature", "terms")
MIN_SAMPLES_CONTRASTIVE = 8  # InfoNCE needs enough other samples as negatives


@dataclass(frozen=True)
class Weights:
    """`hap` counts for each of the two haplotypes, `recon` for each of the two reconstructions."""

    hap: float
    genotype: float
    recon: float

    def vector(self) -> tuple[float, float, float, float, float]:
        """In the order hap1, hap2, genotype, recon1, recon2."""
        return self.hap, self.hap, self.genotype, self.recon, self.recon


@dataclass(frozen=True)
class LossSpec:
    """One loss of the configuration."""

    weights: Weights
    gamma: float = 0.0
    recon_target: str = "before"  # one of RECON_TARGETS
    switch_threshold: float | None = None
    after_switch: Weights | None = None
    extra: Mapping[str, float] = field(default_factory=dict)  # name of an extra term -> weight
    temperature: float = 0.1

    @property
    def min_samples(self) -> int:
        """The smallest batch that the loss makes sense with."""
        weight = self.extra.get("contrastive", 0.0)
        return MIN_SAMPLES_CONTRASTIVE if weight > 0 else 1

    @classmethod
    def from_config(cls, config: Mapping[str, Any], name: str = "loss") -> "LossSpec":
        """Read the entry `name` of the configuration; None stands for a default.

        Raises InputError with all of `loss_problems`.
        """
        problems = loss_problems(name, config)
        if problems:
            raise InputError("\n".join(problems))
        given = {key: value for key, value in config.items() if value is not None}
        after = given.get("after_switch")
        threshold = given.get("switch_threshold")
        weights = {**given, **given.get("terms", {})}
        extra = {term: float(weights[term]) for term in weights if term in EXTRA_TERMS and weights[term]}
        gamma = float(given.get("gamma", cls.gamma))
        temperature = float(given.get("temperature", cls.temperature))
        recon_target = given.get("recon_target", cls.recon_target)
        switch_threshold = None if threshold is None else float(threshold)
        after_switch = None if after is None else _weights(after)
        return cls(
            weights=_weights(given),
            gamma=gamma,
            recon_target=recon_target,
            switch_threshold=switch_threshold,
            after_switch=after_switch,
            extra=extra,
            temperature=temperature,
        )


def loss_problems(name: str, config: Mapping[str, Any]) -> list[str]:
    """All that is wrong with the entry `name` of the configuration's losses: for each its key, and what is right."""
    where = f"losses.{name}"
    known = (*WEIGHTS, *OTHER_KEYS, *EXTRA_TERMS)
    given = {key: value for key, value in config.items() if value is not None}
    terms = given.get("terms", {})
    problems = _unknown_keys(where, given, known)
    problems += _weight_problems(where, given)
    problems += _negative_numbers(where, given, ("gamma", "switch_threshold", *EXTRA_TERMS))
    for term in sorted(terms.keys() - EXTRA_TERMS.keys()):
        hint = suggestion(term, list(EXTRA_TERMS))
        problems.append(f"{where}.terms.{term}: no such term in extra_terms.py{hint}")
    problems += _negative_numbers(f"{where}.terms", terms, list(terms))
    temperature = given.get("temperature", 1)
    if not _is_number(temperature) or temperature <= 0:
        problems.append(f"{where}.temperature: {temperature!r} must be a number above 0")
    target = given.get("recon_target", "before")
    if target not in RECON_TARGETS:
        hint = suggestion(str(target), RECON_TARGETS)
        problems.append(f"{where}.recon_target: unknown value {target!r}{hint}")
    if ("switch_threshold" in given) != ("after_switch" in given):
        problems.append(f"{where}: switch_threshold and after_switch need each other; give both or neither")
    if "after_switch" in given:
        of_switch = f"{where}.after_switch"
        weights = given["after_switch"]
        problems += _unknown_keys(of_switch, weights, WEIGHTS)
        problems += _weight_problems(of_switch, weights)
    return problems


def _unknown_keys(where: str, given: Mapping[str, Any], known: Sequence[str]) -> list[str]:
    unknown = [key for key in given if key not in known]
    return [f"{where}.{key}: unknown key{suggestion(key, known)}" for key in unknown]


def _weight_problems(where: str, given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the three weights; one of hap and genotype is needed, as reconstruction has no labels."""
    problems = _negative_numbers(where, given, WEIGHTS)
    if not problems and not given.get("hap") and not given.get("genotype"):
        problems.append(f"{where}: hap or genotype must be above 0")
    return problems


def _negative_numbers(where: str, given: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """A problem for each of `keys` whose value is not a number of at least 0."""
    problems = []
    for key in keys:
        value = given.get(key, 0)
        if not (_is_number(value) and value >= 0):
            problems.append(f"{where}.{key}: {value!r} must be a number of at least 0")
    return problems


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _weights(given: Mapping[str, Any]) -> Weights:
    weights = [given.get(key) or 0.0 for key in WEIGHTS]
    return Weights(*map(float, weights))
