r"""One pair of conditional flows for two samples of the same variables: simulation and data.

Each takes the variables x of its sample, given the conditions c, to a standard normal u. Going forth with one and back
with the other, z = T_data⁻¹(T_simulation(x | c) | c), gives simulated events the distribution of the data at the same
conditions (arXiv:2403.18582); the distribution of the conditions is not touched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Literal, cast

import torch
import zuko
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from neyman.core.errors import InputError
from neyman.learning.splines import QuadraticSpline, RationalQuadraticSpline, Spline

SampleName = Literal["simulation", "data"]
SplineName = Literal["rational_quadratic", "quadratic"]

BOUND = 6.0
"""Standard deviations: beyond, the flows are the identity."""

_SPLINES: dict[str, type[Spline]] = {"rational_quadratic": RationalQuadraticSpline, "quadratic": QuadraticSpline}
Map = Callable[[Tensor], tuple[Tensor, Tensor]]
_Counts = tuple[int, int]  # of rows that belong to the simulation, and of those after them that belong to the data


class PairedFlow(nn.Module):
    """Two conditional flows, of simulation and of data, from standardised variables to a standard normal.

    One variable is transformed by splines whose shape depends on the conditions alone; with several, it also depends
    on the variables before (autoregressive, arXiv:1705.07057), in an order that alternates over the transforms. The
    last layers of the networks begin at zero: before training all maps are the identity.

    Args:
        variables: Number of variables, d.
        inputs: Length of the conditions as the networks see them, k; 0 is allowed.
        bins: Bins of each spline.
        hidden: Widths of the hidden layers.
        transforms: Number of spline transforms, one after the other.
        spline: Which splines.
        shared: Whether simulation and data share the hidden layers, and differ in the last alone: what is common to
            both is then learned from both.

    Raises:
        InputError: If a size makes no sense.

    Examples:
        >>> flow = PairedFlow(variables=1, inputs=2)
        >>> z, log_slope = flow.transport(torch.tensor([[0.5]]), torch.zeros(1, 2))
        >>> z.tolist()
        [[0.5]]
    """

    def __init__(
        self,
        variables: int,
        inputs: int,
        *,
        bins: int = 16,
        hidden: Sequence[int] = (64, 64),
        transforms: int = 1,
        spline: SplineName = "rational_quadratic",
        shared: bool = True,
    ) -> None:
        super().__init__()
        for name, size, least in (("variables", variables, 1), ("inputs", inputs, 0), ("transforms", transforms, 1)):
            if size < least:
                raise InputError(f"{size} {name}", expected=f"at least {least}", where="PairedFlow")
        if not hidden or min(hidden) < 1:
            raise InputError(f"hidden layers {tuple(hidden)}", expected="at least one, of width 1 or more")
        self.variables, self.inputs = variables, inputs
        shape = _SPLINES[spline](bins, BOUND)
        order = list(range(variables))
        self.layers = nn.ModuleList(
            _Layer(order if index % 2 == 0 else order[::-1], inputs, shape, hidden, shared=shared)
            for index in range(transforms)
        )

    def to_latent(
        self, x: Float[Tensor, "n d"], c: Float[Tensor, "n k"], sample: SampleName
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]:
        """The latent u = T(x | c) of a sample, and log |du/dx|.

        Raises:
            InputError: If shapes do not fit.
        """
        self._check(x, c)
        return self._to_latent(x, c, _all_of(sample, len(x)))

    def from_latent(
        self, u: Float[Tensor, "n d"], c: Float[Tensor, "n k"], sample: SampleName
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]:
        """The variables x = T⁻¹(u | c) of a sample, and log |dx/du|.

        Raises:
            InputError: If shapes do not fit.
        """
        self._check(u, c)
        counts, total = _all_of(sample, len(u)), u.new_zeros(len(u))
        for layer in reversed(self._layers):
            u, log_det = layer.inverse(u, c, counts)
            total = total + log_det
        return u, total

    def transport(
        self,
        x: Float[Tensor, "n d"],
        c: Float[Tensor, "n k"],
        *,
        source: SampleName = "simulation",
        between: Map | None = None,
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]:
        """The corrected z = T_target⁻¹(T_source(x | c) | c), and log |dz/dx|; the target is the other sample.

        With one variable the networks are evaluated once for both directions.

        Args:
            x: Variables of the source.
            c: Conditions.
            source: The sample that x belongs to.
            between: A map of u and the logarithm of its Jacobian determinant, applied on the way.

        Raises:
            InputError: If shapes do not fit.
        """
        self._check(x, c)
        if self.variables > 1:
            u, forth = self.to_latent(x, c, source)
            u, on_the_way = _identity(u) if between is None else between(u)
            z, back = self.from_latent(u, c, "data" if source == "simulation" else "simulation")
            return z, forth + on_the_way + back
        here = 0 if source == "simulation" else 1
        raw = [layer.both(c) for layer in self._layers]
        total = x.new_zeros(len(x))
        for layer, shapes in zip(self._layers, raw, strict=True):
            x, log_slope = layer.spline.forward(x, shapes[here])
            total = total + log_slope.sum(dim=-1)
        x, on_the_way = _identity(x) if between is None else between(x)
        total = total + on_the_way
        for layer, shapes in zip(reversed(self._layers), reversed(raw), strict=True):
            x, log_slope = layer.spline.inverse(x, shapes[1 - here])
            total = total + log_slope.sum(dim=-1)
        return x, total

    def log_prob(self, x: Float[Tensor, "n d"], c: Float[Tensor, "n k"], sample: SampleName) -> Float[Tensor, " n"]:
        """The logarithm of p(x | c) of a sample, a density in the standardised variables.

        Raises:
            InputError: If shapes do not fit.
        """
        return _log_normal(*self.to_latent(x, c, sample))

    def loss(  # noqa: PLR0917 - a batch is a tuple
        self,
        x_simulation: Float[Tensor, "n d"],
        c_simulation: Float[Tensor, "n k"],
        w_simulation: Float[Tensor, " n"],
        x_data: Float[Tensor, "m d"],
        c_data: Float[Tensor, "m k"],
        w_data: Float[Tensor, " m"],
    ) -> Float[Tensor, ""]:
        """The weighted mean of −log p(x | c), averaged over the samples; one pass of the networks for both.

        Weights may be negative (sWeights): those of a sample are divided by the sum of the positive ones in the batch,
        which neither vanishes nor changes sign. A sample without a positive weight adds nothing.

        Raises:
            InputError: If shapes do not fit.
        """
        self._check(x_simulation, c_simulation)
        self._check(x_data, c_data)
        x, c = torch.cat([x_simulation, x_data]), torch.cat([c_simulation, c_data])
        log_prob = _log_normal(*self._to_latent(x, c, (len(x_simulation), len(x_data))))
        return -0.5 * torch.dot(torch.cat([_normalised(w_simulation), _normalised(w_data)]), log_prob)

    @property
    def _layers(self) -> list[_Layer]:
        return cast("list[_Layer]", list(self.layers))

    def _to_latent(self, x: Tensor, c: Tensor, counts: _Counts) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(len(x))
        for layer in self._layers:
            x, log_det = layer(x, c, counts)
            total = total + log_det
        return x, total

    def _check(self, x: Tensor, c: Tensor) -> None:
        expected = (len(x), self.variables), (len(x), self.inputs)
        if (x.shape, c.shape) != expected:
            raise InputError(
                f"variables of shape {tuple(x.shape)} and conditions of shape {tuple(c.shape)}",
                expected=f"{expected[0]} and {expected[1]}",
                where="PairedFlow",
            )


class _Layer(nn.Module):
    """One spline transform of both samples: networks that give raw numbers, and the spline these shape."""

    def __init__(
        self, order: Sequence[int], inputs: int, spline: Spline, hidden: Sequence[int], *, shared: bool
    ) -> None:
        super().__init__()
        self.order, self.spline = tuple(order), spline
        networks = [_network(order, max(inputs, 1), spline.parameters, hidden) for _ in range(1 if shared else 2)]
        self.trunks = nn.ModuleList(nn.Sequential(*network[:-1]) for network in networks)
        self.heads = nn.ModuleList([networks[0][-1], deepcopy(networks[-1][-1])])
        for parameter in self.heads.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, c: Tensor, counts: _Counts) -> tuple[Tensor, Tensor]:
        """The latent u, and log |du/dx|."""
        u, log_slope = self.spline.forward(x, self._raw(x, c, counts))
        return u, log_slope.sum(dim=-1)

    def inverse(self, u: Tensor, c: Tensor, counts: _Counts) -> tuple[Tensor, Tensor]:
        """The variables, and log |dx/du|: one after the other, since each shapes those that are later in the order."""
        columns = [torch.zeros_like(u[:, 0]) for _ in self.order]
        total = u.new_zeros(len(u))
        for j in self.order:
            raw = self._raw(torch.stack(columns, dim=-1), c, counts)
            columns[j], log_slope = self.spline.inverse(u[:, j], raw[:, j])
            total = total + log_slope
        return torch.stack(columns, dim=-1), total

    def both(self, c: Tensor) -> tuple[Tensor, Tensor]:
        """The raw numbers of a single variable, for simulation and for data, at the same conditions."""
        seen = self._seen(None, c)
        hidden = [cast(Tensor, trunk(seen)) for trunk in self.trunks]
        first, second = (cast(Tensor, head(h)) for head, h in zip(self.heads, (hidden[0], hidden[-1]), strict=True))
        return first[:, None], second[:, None]

    def _raw(self, x: Tensor, c: Tensor, counts: _Counts) -> Float[Tensor, "n d p"]:
        seen = self._seen(x, c)
        if len(self.trunks) == 1:
            hidden = torch.split(self.trunks[0](seen), list(counts))
        else:
            parts = torch.split(seen, list(counts))
            hidden = tuple(trunk(part) for trunk, part in zip(self.trunks, parts, strict=True))
        raw = [head(part) for head, part in zip(self.heads, hidden, strict=True) if len(part) or not len(x)]
        numbers = raw[0] if len(raw) == 1 else torch.cat(raw)
        return numbers.view(len(x), len(self.order), self.spline.parameters)

    def _seen(self, x: Tensor | None, c: Tensor) -> Tensor:
        """What networks see. Far out in x the splines are the identity, so they need not know how far."""
        if c.shape[1] == 0:
            c = c.new_ones(len(c), 1)
        if x is None or len(self.order) == 1:
            return c
        return torch.cat([x.clamp(-self.spline.bound, self.spline.bound), c], dim=-1)


class _SiLU(nn.SiLU):
    """In place where nothing is differentiated: for so small layers memory takes longer than arithmetic."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        return silu(input, inplace=not torch.is_grad_enabled())


def _network(order: Sequence[int], inputs: int, outputs: int, hidden: Sequence[int]) -> list[nn.Module]:
    """Layers from the conditions, and with several variables those before each in the order, to raw numbers of all."""
    if len(order) == 1:
        return list(zuko.nn.MLP(inputs, outputs, tuple(hidden), activation=_SiLU))
    rank = torch.tensor(order).argsort()
    sees = torch.cat([rank[None] < rank[:, None], torch.ones(len(order), inputs, dtype=torch.bool)], dim=1)
    adjacency = sees.repeat_interleave(outputs, dim=0)
    return list(zuko.nn.MaskedMLP(adjacency, tuple(hidden), activation=_SiLU))


def _all_of(sample: SampleName, count: int) -> _Counts:
    return (count, 0) if sample == "simulation" else (0, count)


def _identity(u: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]:
    return u, u.new_zeros(len(u))


def _log_normal(u: Float[Tensor, "n d"], log_det: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    return log_det - 0.5 * (u**2).sum(dim=-1) - 0.5 * u.shape[-1] * math.log(2 * math.pi)


def _normalised(weights: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    total = weights.clamp(min=0).sum()
    return torch.where(total > 0, weights / total, 0)
