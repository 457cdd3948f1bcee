"""From a nominal histogram and its variations to HistFactory's modifiers.

A variation of yield and shape is split into a factor of the yield (`normsys`, which is interpolated so that it never
turns negative) and a histogram of the nominal yield (`histosys`), both of one parameter: K. Cranmer et al.,
CERN-OPEN-2012-016, sections 4.1.2 and 4.1.3; the split is cabinetry's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError
from neyman.fit.settings import PruningConfig
from neyman.fit.variations import SIDES, SystematicConfig

Bins = Float[np.ndarray, " bins"]


@dataclass(frozen=True)
class Variation:
    """One side of a systematic: the yield relative to nominal, and a histogram of the nominal yield."""

    norm: float
    shape: Bins


@dataclass(frozen=True)
class Effect:
    """What a systematic does to a sample in a region; a part that is pruned or does not exist is None."""

    norms: tuple[float, float] | None
    shapes: tuple[Bins, Bins] | None

    def modifiers(self, parameter: str) -> list[dict[str, Any]]:
        """The modifiers in pyhf's JSON."""
        found: list[dict[str, Any]] = []
        if self.norms is not None:
            up, down = self.norms
            found.append({"name": parameter, "type": "normsys", "data": {"hi": up, "lo": down}})
        if self.shapes is not None:
            hi, lo = (shape.tolist() for shape in self.shapes)
            found.append({"name": parameter, "type": "histosys", "data": {"hi_data": hi, "lo_data": lo}})
        return found


def split(varied: Bins, nominal: Bins) -> Variation:
    """Split a varied histogram into factor and shape.

    Examples:
        >>> split(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
        Variation(norm=2.0, shape=array([1., 2.]))
    """
    norm = float(np.sum(varied) / np.sum(nominal))
    return Variation(norm, varied / norm)


def mirror(side: Variation, nominal: Bins) -> Variation:
    """The mirror image of a side about the nominal histogram, of factor and shape each."""
    return Variation(2 - side.norm, 2 * nominal - side.shape)


def average(up: Variation, down: Variation, nominal: Bins) -> tuple[Variation, Variation]:
    """Nominal plus and minus half of the difference of two sides."""
    half = Variation(1 + (up.norm - down.norm) / 2, nominal + (up.shape - down.shape) / 2)
    return half, mirror(half, nominal)


def normalisation(systematic: SystematicConfig, *, where: str = "") -> Effect:
    """The effect of a systematic of `Type: Normalization`.

    Raises:
        DataError: If the mirror image of a side has no positive yield.
    """
    nominal = np.ones(1)
    sides = [
        None if side.derived else Variation(1 + (side.Normalization or 0.0), nominal)
        for side in map(systematic.side, SIDES)
    ]
    up, down = complete(systematic, sides[0], sides[1], nominal, where=where)
    return Effect((up.norm, down.norm), None)


def complete(
    systematic: SystematicConfig, up: Variation | None, down: Variation | None, nominal: Bins, *, where: str = ""
) -> tuple[Variation, Variation]:
    """Both sides, the derived one from the other, made symmetric if the systematic says so.

    Args:
        systematic: The systematic.
        up: The side of its own, None if it is derived.
        down: Likewise; not both are None.
        nominal: Nominal histogram.
        where: Where the systematic stands, for errors.

    Raises:
        DataError: If the mirror image of a side has no positive yield.
    """
    if up is not None and down is not None:
        both = average(up, down, nominal) if systematic.Symmetrize else (up, down)
    elif up is not None:
        both = up, _derive(up, nominal, one_sided=systematic.side("Down").OneSided)
    else:
        assert down is not None  # noqa: S101 - the config refuses two derived sides
        both = _derive(down, nominal, one_sided=systematic.side("Up").OneSided), down
    if min(side.norm for side in both) <= 0:
        factors = " and ".join(f"{side.norm:.3g}" for side in both)
        raise DataError(
            f"systematic '{systematic.Name}' changes the yield by factors {factors}",
            where=where,
            expected="positive factors",
            hint="OneSided in place of Symmetrize, or a free NormFactor",
        )
    return both


def _derive(side: Variation, nominal: Bins, *, one_sided: bool) -> Variation:
    return Variation(1.0, nominal) if one_sided else mirror(side, nominal)


def effect(up: Variation, down: Variation) -> Effect:
    """The effect of two histograms; a single bin has no shape."""
    shapes = (up.shape, down.shape) if len(up.shape) > 1 else None
    return Effect((up.norm, down.norm), shapes)


def norm_size(found: Effect) -> float:
    """The largest relative change of the yield."""
    return 0.0 if found.norms is None else max(abs(norm - 1) for norm in found.norms)


def shape_size(found: Effect, nominal: Bins) -> float:
    """The largest relative change of a bin at the nominal yield; infinite where an empty bin is filled."""
    if found.shapes is None:
        return 0.0
    change = np.abs(np.array(found.shapes) - nominal)
    size = np.divide(change, np.abs(nominal), out=np.where(change > 0, np.inf, 0.0), where=nominal != 0)
    return float(size.max())


def prune(found: Effect, nominal: Bins, limits: PruningConfig) -> Effect:
    """The effect without the parts that are below the limits."""
    if found.norms is not None and norm_size(found) < limits.Norm:
        found = replace(found, norms=None)
    if found.shapes is not None and shape_size(found, nominal) < limits.Shape:
        found = replace(found, shapes=None)
    return found
