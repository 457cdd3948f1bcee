"""Simulators from the configs that manifests keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from neyman.core.errors import ConfigError
from neyman.simulation.eos import BToKstarMuMu, BToKstarMuMuMarkovChain
from neyman.simulation.protocol import Simulator
from neyman.simulation.toys import GaussianToy

KINDS: dict[str, Callable[..., Simulator]] = {
    "BToKstarMuMu": BToKstarMuMu,
    "BToKstarMuMuMarkovChain": BToKstarMuMuMarkovChain,
    "GaussianToy": GaussianToy,
}
"""The simulators whose configs neyman writes, by their names there."""


def rebuild(config: Mapping[str, Any]) -> Simulator:
    """The simulator whose `config()` this is.

    Raises:
        ConfigError: If the kind is unknown or an option does not fit.

    Examples:
        >>> rebuild({"kind": "GaussianToy", "sigma": 2.0}).parameters
        ('mu',)
    """
    options = dict(config)
    kind = options.pop("kind", None)
    if kind not in KINDS:
        raise ConfigError(f"found kind {kind!r}", where="simulator", expected=f"one of {', '.join(KINDS)}")
    try:
        return KINDS[kind](**options)
    except TypeError as error:
        raise ConfigError(f"{kind}: {error}", where="simulator", expected="the options that config() wrote") from error
