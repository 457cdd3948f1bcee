"""The parameters of a binned model: which there are, where they start, what bounds and what constrains them.

Names, order and defaults are pyhf's, so that a vector of parameters means the same in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from neyman.core.errors import WorkspaceError, near

Constraint = Literal["none", "normal", "poisson"]
Spec = Mapping[str, Any]

# pyhf walks its modifier types in this order, and so parameters are numbered.
ORDER = ("histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror", "polynomial")


@dataclass(frozen=True)
class ParameterSet:
    """One name of the workspace: a single parameter, or one for each bin.

    Attributes:
        name: The name.
        scalar: Whether it is a single parameter.
        inits: Where a fit begins, shape (n,).
        bounds: Lowest and highest values, shape (n, 2).
        fixed: Which are held at their start, shape (n,).
        constraint: The density of the auxiliary data, given the parameter.
        auxdata: Auxiliary data, shape (n,), or (0,) without a constraint.
        widths: Standard deviation of a normal constraint, or the rate factor τ of a Poisson one, shape of `auxdata`.
    """

    name: str
    scalar: bool
    inits: Float[np.ndarray, " n"]
    bounds: Float[np.ndarray, "n 2"]
    fixed: Bool[np.ndarray, " n"]
    constraint: Constraint = "none"
    auxdata: Float[np.ndarray, " m"] = field(default_factory=lambda: np.zeros(0))
    widths: Float[np.ndarray, " m"] = field(default_factory=lambda: np.zeros(0))

    @property
    def size(self) -> int:
        """How many parameters."""
        return len(self.inits)

    @property
    def labels(self) -> list[str]:
        """A name for each parameter, as `gamma[3]`."""
        return [self.name] if self.scalar else [f"{self.name}[{index}]" for index in range(self.size)]


def build_parameter_sets(channels: Sequence[Spec], configs: Sequence[Spec]) -> list[ParameterSet]:
    """All parameters of the channels, with the settings of a measurement.

    Args:
        channels: The channels of a workspace, sorted by name.
        configs: The entries of `parameters` of a measurement.

    Raises:
        WorkspaceError: If a setting does not fit its parameter.
    """
    settings = {config["name"]: config for config in configs}
    sets: dict[str, ParameterSet] = {}
    for kind in ORDER:
        for name in _names(channels, kind):
            for found in _required(kind, name, channels):
                if found.name not in sets:
                    sets[found.name] = _configured(found, settings.get(found.name, {}))
    return list(sets.values())


def _names(channels: Sequence[Spec], kind: str) -> list[str]:
    """Names of the modifiers of one type, in the order in which pyhf meets them."""
    samples = sorted({sample["name"] for channel in channels for sample in channel["samples"]})
    met: dict[str, None] = {}
    for channel in channels:
        by_name = {sample["name"]: sample for sample in channel["samples"]}
        for name in samples:
            here = [m["name"] for m in by_name.get(name, {}).get("modifiers", ()) if m["type"] == kind]
            met.update(dict.fromkeys(sorted(here)))
    # A staterror is complete only after all channels, where pyhf goes by the sorted names.
    return sorted(met) if kind == "staterror" else list(met)


def users(channels: Sequence[Spec], kind: str, name: str) -> list[tuple[Spec, Spec, Spec]]:
    """All `(channel, sample, modifier)` with a modifier of a type and name."""
    return [
        (channel, sample, modifier)
        for channel in channels
        for sample in channel["samples"]
        for modifier in sample["modifiers"]
        if modifier["type"] == kind and modifier["name"] == name
    ]


def _required(kind: str, name: str, channels: Sequence[Spec]) -> list[ParameterSet]:
    found = users(channels, kind, name)
    _, sample, modifier = found[0]
    if kind == "polynomial":
        parameters = dict.fromkeys(p for _, _, modifier in found for p in modifier["data"]["parameters"])
        return [_one(parameter, 1.0, (-10.0, 10.0)) for parameter in parameters]
    if kind == "shapefactor":
        made = _each(name, max(len(sample["data"]) for _, sample, _ in found), lowest=0.0)
    elif kind == "shapesys":
        made = _shapesys(name, np.asarray(sample["data"], float), np.asarray(modifier["data"], float))
    elif kind == "staterror":
        made = _staterror(name, channels)
    elif kind == "normfactor":
        made = _one(name, 1.0, (0.0, 10.0))
    elif kind == "lumi":  # its values have no defaults; a workspace that lacks them is refused when it is read
        made = _one(name, np.nan, (np.nan, np.nan), constraint="normal", auxdata=np.nan, width=np.nan)
    else:
        made = _one(name, 0.0, (-5.0, 5.0), constraint="normal", auxdata=0.0, width=1.0)
    return [made]


def _one(
    name: str,
    init: float,
    bounds: tuple[float, float],
    *,
    constraint: Constraint = "none",
    auxdata: float | None = None,
    width: float | None = None,
) -> ParameterSet:
    aux = np.zeros(0) if auxdata is None else np.array([auxdata])
    widths = np.zeros(0) if width is None else np.array([width])
    scalar = True
    return ParameterSet(name, scalar, np.array([init]), np.array([bounds]), np.zeros(1, bool), constraint, aux, widths)


def _each(
    name: str,
    size: int,
    *,
    lowest: float = 1e-10,
    fixed: Bool[np.ndarray, " n"] | None = None,
    constraint: Constraint = "none",
    auxdata: Float[np.ndarray, " m"] | None = None,
    widths: Float[np.ndarray, " m"] | None = None,
) -> ParameterSet:
    scalar = False
    return ParameterSet(
        name,
        scalar,
        np.ones(size),
        np.tile([lowest, 10.0], (size, 1)),
        np.zeros(size, bool) if fixed is None else fixed,
        constraint,
        np.zeros(0) if auxdata is None else auxdata,
        np.zeros(0) if widths is None else widths,
    )


def _shapesys(name: str, nominal: Float[np.ndarray, " n"], error: Float[np.ndarray, " n"]) -> ParameterSet:
    """τ = (nominal / error)², the events of a control region that would measure the bin as well."""
    valid = (nominal > 0) & (error > 0)
    tau = np.where(valid, nominal, 1.0) ** 2 / np.where(valid, error, 1.0) ** 2
    return _each(name, len(nominal), fixed=~valid, constraint="poisson", auxdata=tau, widths=tau.copy())


def _staterror(name: str, channels: Sequence[Spec]) -> ParameterSet:
    """Relative errors of the sum of all samples that share the modifier, bin by bin."""
    found = users(channels, "staterror", name)
    sharing = {sample["name"] for _, sample, _ in found}
    affected = {channel["name"]: channel for channel, _, _ in found}
    relative = []
    for channel in affected.values():
        # pyhf sums a sample that has the modifier in any channel, here too
        nominal = np.sum([s["data"] for s in channel["samples"] if s["name"] in sharing], axis=0, dtype=float)
        square = np.sum([np.square(m["data"]) for c, _, m in found if c["name"] == channel["name"]], axis=0)
        positive = nominal > 0
        relative.append(np.where(positive, np.sqrt(square) / np.where(positive, nominal, 1.0), 0.0))
    sigma = np.concatenate(relative)
    exact = sigma == 0
    return _each(
        name,
        len(sigma),
        fixed=exact,
        constraint="normal",
        auxdata=np.ones(len(sigma)),
        widths=np.where(exact, 1.0, sigma),
    )


def _configured(found: ParameterSet, setting: Spec) -> ParameterSet:
    def values(key: str, default: Float[np.ndarray, ...]) -> Float[np.ndarray, ...]:
        if key not in setting:
            return default
        given = np.asarray(setting[key], float)
        if len(given) != len(default):
            raise WorkspaceError(
                f"{len(given)} values for '{key}' of parameter '{found.name}'",
                expected=str(len(default)) if len(default) else f"none: nothing constrains '{found.name}'",
            )
        return given

    width = "factors" if found.constraint == "poisson" else "sigmas"
    fixed = np.full(found.size, setting["fixed"]) if "fixed" in setting else found.fixed
    return ParameterSet(
        found.name,
        found.scalar,
        values("inits", found.inits),
        values("bounds", found.bounds),
        fixed,
        found.constraint,
        values("auxdata", found.auxdata),
        values(width, found.widths),
    )


def find(name: str, names: Sequence[str], *, what: str = "parameter") -> int:
    """The place of a name in a list.

    Raises:
        WorkspaceError: If it is not there, with the nearest that is.
    """
    if name not in names:
        shown = ", ".join(names[:8]) + (f", and {len(names) - 8} more" if len(names) > 8 else "")
        raise WorkspaceError(f"no {what} '{name}'", expected=f"one of {shown}", hint=near(name, names))
    return list(names).index(name)
