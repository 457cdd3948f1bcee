"""The correction of simulated events: T_data⁻¹ ∘ T_sim given conditions, as an object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from neyman.calibration.polish import Polish
from neyman.calibration.sample import Which
from neyman.calibration.scaling import Scaling, takes
from neyman.core.errors import DataError
from neyman.learning.paired_flows import PairedFlow

CHUNK = 16_384
"""Events at a time: what networks make of so many fits into a cache."""

Variables = Float[np.ndarray, "n d"]
Conditions = Float[np.ndarray, "n k"]


@dataclass(frozen=True)
class Correction:
    """A map z(x | c) under which simulation becomes data (arXiv:2403.18582, section 2).

    The flow of simulation takes x to a standard normal u at each c, the one of data takes u back to a value that data
    has at the same c. So p(x|c) is corrected, and p(c) never. All arrays are in physical units, in double precision.

    Attributes:
        scaling: How the flow sees events.
        flow: The pair of flows, in double precision, so that the inverse is one.
        polish: The tables of the tails.
    """

    scaling: Scaling
    flow: PairedFlow
    polish: Polish

    def __call__(self, x: Variables, c: Conditions) -> Variables:
        """The corrected values of simulated events.

        Args:
            x: Variables of simulation.
            c: Conditions; outside the range of the training, see `Scaling.outside`, those of its edge are taken.

        Raises:
            DataError: If a value is not finite, or its transform cannot take it.
        """
        return self._map(x, c, "simulation", "data")[0]

    def inverse(self, z: Variables, c: Conditions) -> Variables:
        """The simulated values of which corrected ones were made.

        Raises:
            DataError: As above.
        """
        return self._map(z, c, "data", "simulation")[0]

    def log_abs_det(self, x: Variables, c: Conditions) -> Float[np.ndarray, " n"]:
        """log|det dz/dx|, with which a density moves along.

        Raises:
            DataError: As above.
        """
        return self._map(x, c, "simulation", "data")[1]

    def displacement(self, x: Variables, c: Conditions) -> Variables:
        """How far each event is moved, z − x.

        Raises:
            DataError: As above.
        """
        return np.asarray(self(x, c) - x)

    @torch.no_grad()
    def to_latent(self, x: Variables, c: Conditions, sample: Which) -> Variables:
        """T: the standard normal u of events of a sample.

        Raises:
            DataError: As above.
        """
        self._check(x, c)

        def of(rows: slice) -> Variables:
            y, inputs = _tensor(self.scaling.standardise(x[rows])), _tensor(self.scaling.network_inputs(c[rows]))
            return self.polish.forward(self.flow.to_latent(y, inputs, sample)[0].numpy(), sample)

        return _joined(of, x)

    @torch.no_grad()
    def from_latent(self, u: Variables, c: Conditions, sample: Which) -> Variables:
        """T⁻¹: events of a sample, of standard normal u.

        Raises:
            DataError: If a value is not finite.
        """
        self._check_shape(u, c)

        def of(rows: slice) -> Variables:
            latent, inputs = (
                _tensor(self.polish.inverse(u[rows], sample)),
                _tensor(self.scaling.network_inputs(c[rows])),
            )
            return self.scaling.restore(self.flow.from_latent(latent, inputs, sample)[0].numpy())

        return _joined(of, u)

    def _map(
        self, x: Variables, c: Conditions, origin: Which, goal: Which
    ) -> tuple[Variables, Float[np.ndarray, " n"]]:
        self._check(x, c)
        moved, log_det = np.empty(x.shape), np.empty(len(x))
        for rows in _chunks(len(x)):
            moved[rows], log_det[rows] = self._transported(x[rows], c[rows], origin, goal)
        return moved, log_det

    @torch.no_grad()
    def _transported(
        self, x: Variables, c: Conditions, origin: Which, goal: Which
    ) -> tuple[Variables, Float[np.ndarray, " n"]]:
        def polished(latent: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            u = latent.numpy()
            there = self.polish.inverse(self.polish.forward(u, origin), goal)
            slopes = self.polish.log_slope(u, origin) - self.polish.log_slope(there, goal)
            return torch.from_numpy(there), torch.from_numpy(slopes)

        y, inputs = _tensor(self.scaling.standardise(x)), _tensor(self.scaling.network_inputs(c))
        z, log_det = self.flow.transport(y, inputs, source=origin, between=polished)
        moved = self.scaling.restore(z.numpy())
        return moved, self.scaling.log_slope(x) + log_det.numpy() - self.scaling.log_slope(moved)

    def _check(self, x: Variables, c: Conditions) -> None:
        self._check_shape(x, c)
        for number, scale in enumerate(self.scaling.variables):
            good = takes(x[:, number], scale.transform)
            if not good.all():
                row = int(np.argmin(good))
                raise DataError(
                    f"{x[row, number]:g} in row {row} ({int((~good).sum())} of {len(x)} rows)",
                    where=f"variable '{scale.name}'",
                    expected="between 0 and 1" if scale.transform == "logit" else "above zero, as in the training",
                    hint="select such events away before",
                )

    def _check_shape(self, x: Variables, c: Conditions) -> None:
        expected = (len(x), len(self.scaling.variables)), (len(x), len(self.scaling.conditions))
        if (x.shape, c.shape) != expected:
            raise DataError(f"arrays of shapes {x.shape} and {c.shape}", expected=f"{expected[0]} and {expected[1]}")
        for what, array, scales in (("variable", x, self.scaling.variables), ("condition", c, self.scaling.conditions)):
            bad = ~np.isfinite(array)
            if bad.any():
                row, column = np.argwhere(bad)[0].tolist()
                raise DataError(
                    f"{array[row, column]} in row {row} ({int(bad.any(axis=1).sum())} of {len(array)} rows)",
                    where=f"{what} '{scales[column].name}'",
                    expected="finite numbers",
                    hint="select such events away before, or find out why they are there",
                )


def _joined(of: Callable[[slice], Variables], like: Variables) -> Variables:
    result = np.empty(like.shape)
    for rows in _chunks(len(like)):
        result[rows] = of(rows)
    return result


def _chunks(events: int) -> Iterator[slice]:
    for start in range(0, events, CHUNK):
        yield slice(start, min(start + CHUNK, events))


def _tensor(array: Float[np.ndarray, "n m"]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))
