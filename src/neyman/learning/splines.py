r"""Monotone splines from the line to itself, with closed inverse and analytic derivative.

Between −B and B each is made of pieces, whose shape comes from *raw* numbers, any real ones, that a network gives for
each event; beyond, it is the identity, which it meets with slope one. Raw numbers of zero make the identity.

- `RationalQuadraticSpline`: positions, heights and slopes of the knots are free (Durkan et al., arXiv:1906.04032).
- `QuadraticSpline`: the slope is a polygon, so that the density is one (Müller et al., arXiv:1808.03856): fewer raw
  numbers, and a density without the bumps between knots that a ratio of polynomials can have.

Here is the plain torch version, for any device. On a CPU rational-quadratic splines are computed by
`neyman.learning.compiled_splines`, if Numba is installed.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from types import ModuleType

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from neyman.core.errors import InputError

LEAST = 1e-3
"""The smallest width and height of a bin, in units of 2B."""

STEEPEST = math.log(1000.0)
"""The logarithm of the largest slope at a knot, of whose inverse it is the smallest: both ways stay finite."""

MOST_BINS = 200


@dataclass(frozen=True)
class RationalQuadraticSpline:
    r"""Each piece is a ratio of two quadratic polynomials (arXiv:1906.04032, eqs. 4-8).

    The raw numbers are K for widths, K for heights, K − 1 for the slopes at the inner knots.

    Args:
        bins: K.
        bound: B.

    Raises:
        InputError: If bins or bound cannot be used.

    Examples:
        >>> spline = RationalQuadraticSpline(bins=4, bound=6.0)
        >>> u, log_slope = spline.forward(torch.tensor([-7.0, 1.5]), torch.zeros(2, spline.parameters))
        >>> u.tolist()
        [-7.0, 1.5]
    """

    bins: int = 16
    bound: float = 6.0

    def __post_init__(self) -> None:
        _check(self.bins, self.bound)

    @property
    def parameters(self) -> int:
        """How many raw numbers a value needs."""
        return 3 * self.bins - 1

    def forward(
        self, x: Float[Tensor, "*n"], raw: Float[Tensor, "*n p"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """The value u, and log du/dx."""
        return self._evaluate(x, raw, inverse=False)

    def inverse(
        self, u: Float[Tensor, "*n"], raw: Float[Tensor, "*n p"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """The value x, and log dx/du."""
        return self._evaluate(u, raw, inverse=True)

    def _evaluate(self, value: Tensor, raw: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        compiled = _compiled() if value.device.type == "cpu" else None
        if compiled is None:
            return rational_quadratic(value, raw, self.bins, self.bound, inverse=inverse)
        found: tuple[Tensor, Tensor] = compiled.rational_quadratic(value, raw, self.bins, self.bound, inverse=inverse)
        return found


def rational_quadratic(
    value: Float[Tensor, "*n"], raw: Float[Tensor, "*n p"], bins: int, bound: float, *, inverse: bool
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """The spline or its inverse, and the logarithm of its derivative, by torch alone.

    Args:
        value: Where.
        raw: Widths, heights and slopes, all before they are made positive.
        bins: K.
        bound: B.
        inverse: Whether the value is on the vertical axis.
    """
    across, up = _edges(_shares(raw[..., :bins])), _edges(_shares(raw[..., bins : 2 * bins]))
    slopes = pad(_positive(raw[..., 2 * bins :]), (1, 1), value=1.0)
    inside, v = _unit(value, bound)
    k = _bin(up if inverse else across, v)
    x, y, d0, d1 = _at(across, k), _at(up, k), _at(slopes, k), _at(slopes, k + 1)
    width, height = _at(across, k + 1) - x, _at(up, k + 1) - y
    s = height / width
    bend = d0 + d1 - 2 * s
    if inverse:
        # Eqs. 6-8 in the form without a difference of nearly equal numbers.
        b = height * d0 - (v - y) * bend
        discriminant = b**2 + 4 * s * (v - y) * (height * (s - d0) + (v - y) * bend)
        t = 2 * s * (v - y) / (b + discriminant.clamp(min=torch.finfo(v.dtype).tiny).sqrt())
    else:
        t = (v - x) / width
    both = t * (1 - t)
    below = s + bend * both
    found = x + width * t if inverse else y + height * (s * t**2 + d0 * both) / below
    log_slope = torch.log(s**2 * (d1 * t**2 + 2 * s * both + d0 * (1 - t) ** 2) / below**2)
    return _back(value, found, -log_slope if inverse else log_slope, inside, bound)


@dataclass(frozen=True)
class QuadraticSpline:
    r"""Each piece is a quadratic polynomial: the slope is a polygon (arXiv:1808.03856, section 4.2).

    The raw numbers are K for widths and K − 1 for the slopes at the inner knots, up to the factor that makes the
    spline end at B; at ±B the slope is one.

    Args:
        bins: K.
        bound: B.

    Raises:
        InputError: If bins or bound cannot be used.

    Examples:
        >>> spline = QuadraticSpline(bins=4, bound=6.0)
        >>> u, log_slope = spline.forward(torch.tensor([-7.0, 1.5]), torch.zeros(2, spline.parameters))
        >>> u.tolist()
        [-7.0, 1.5]
    """

    bins: int = 16
    bound: float = 6.0

    def __post_init__(self) -> None:
        _check(self.bins, self.bound)

    @property
    def parameters(self) -> int:
        """How many raw numbers a value needs."""
        return 2 * self.bins - 1

    def forward(
        self, x: Float[Tensor, "*n"], raw: Float[Tensor, "*n p"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """The value u, and log du/dx."""
        across, up, slopes = self._knots(raw)
        inside, v = _unit(x, self.bound)
        k = _bin(across, v)
        left, d0, d1 = _at(across, k), _at(slopes, k), _at(slopes, k + 1)
        width = _at(across, k + 1) - left
        t = (v - left) / width
        u = _at(up, k) + width * t * (d0 + 0.5 * (d1 - d0) * t)
        return _back(x, u, torch.log(d0 + (d1 - d0) * t), inside, self.bound)

    def inverse(
        self, u: Float[Tensor, "*n"], raw: Float[Tensor, "*n p"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """The value x, and log dx/du."""
        across, up, slopes = self._knots(raw)
        inside, v = _unit(u, self.bound)
        k = _bin(up, v)
        left, d0, d1 = _at(across, k), _at(slopes, k), _at(slopes, k + 1)
        width = _at(across, k + 1) - left
        area = (v - _at(up, k)) / width
        slope = (d0**2 + 2 * (d1 - d0) * area).clamp(min=torch.finfo(v.dtype).tiny).sqrt()
        return _back(u, left + width * 2 * area / (d0 + slope), -slope.log(), inside, self.bound)

    def _knots(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where the knots are on either axis, and the slopes there, in units of 2B; each of length K + 1."""
        widths, inner = _shares(raw[..., : self.bins]), _positive(raw[..., self.bins :])
        ends = 0.5 * (widths[..., :1] + widths[..., -1:])  # what the slopes of one at both ends take of the area of one
        area = (0.5 * inner * (widths[..., 1:] + widths[..., :-1])).sum(dim=-1, keepdim=True)
        slopes = pad(inner * (1 - ends) / area, (1, 1), value=1.0)
        return _edges(widths), _edges(0.5 * widths * (slopes[..., 1:] + slopes[..., :-1])), slopes


Spline = RationalQuadraticSpline | QuadraticSpline


def _shares(raw: Float[Tensor, "*n k"]) -> Float[Tensor, "*n k"]:
    """Positive numbers whose sum is one, none below the least."""
    return LEAST + (1 - LEAST * raw.shape[-1]) * torch.softmax(raw, dim=-1)


def _positive(raw: Float[Tensor, "*n k"]) -> Float[Tensor, "*n k"]:
    """Slopes at knots."""
    return raw.clamp(-STEEPEST, STEEPEST).exp()


def _edges(sizes: Float[Tensor, "*n k"]) -> Float[Tensor, "*n k+1"]:
    """Where bins begin and end."""
    return pad(sizes.cumsum(dim=-1), (1, 0))


def _unit(value: Float[Tensor, "*n"], bound: float) -> tuple[Bool[Tensor, "*n"], Float[Tensor, "*n"]]:
    """Whether a value is between −B and B, and where, as a number between 0 and 1."""
    return value.abs() <= bound, (0.5 * (value / bound + 1)).clamp(0, 1)


def _bin(edges: Float[Tensor, "*n k1"], v: Float[Tensor, "*n"]) -> Int[Tensor, "*n"]:
    return (edges[..., 1:-1] <= v[..., None]).sum(dim=-1)


def _at(table: Float[Tensor, "*n k"], k: Int[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    return table.gather(-1, k[..., None])[..., 0]


def _back(
    value: Tensor, found: Tensor, log_slope: Tensor, inside: Bool[Tensor, "*n"], bound: float
) -> tuple[Tensor, Tensor]:
    """From the unit interval to (−B, B), and the identity outside."""
    return torch.where(inside, bound * (2 * found - 1), value), torch.where(inside, log_slope, 0)


def _check(bins: int, bound: float) -> None:
    if not 2 <= bins <= MOST_BINS:
        raise InputError(f"{bins} bins", expected=f"2 to {MOST_BINS}", where="spline")
    if not 0 < bound < math.inf:
        raise InputError(f"a bound of {bound}", expected="a positive number", where="spline")


@functools.cache
def _compiled() -> ModuleType | None:
    """The compiled version, if Numba is installed."""
    try:
        from neyman.learning import compiled_splines
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        return None
    return compiled_splines
