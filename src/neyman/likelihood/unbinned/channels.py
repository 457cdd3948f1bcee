"""Unbinned channels as the likelihood reads them: density ratios at events, and which parameters move them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from neyman.core.errors import DataError
from neyman.likelihood.unbinned.calibration import calibrated
from neyman.likelihood.unbinned.density import LogDensity, Normaliser, normalised
from neyman.likelihood.unbinned.sums import Expectations, Kernel, expectations, mixture
from neyman.likelihood.unbinned.templates import Templates

_SOME_BLOCKS, _ALIKE = 100, 0.3


@dataclass(frozen=True, eq=False)
class Events:
    """Events of an unbinned channel.

    Attributes:
        templates: Density ratios at the events.
        weights: Shape (N,).
    """

    templates: Templates
    weights: Float[np.ndarray, " n"]

    @cached_property
    def packed(self) -> Float[np.ndarray, "m b"]:
        """The weights in the blocks of the templates."""
        return self.templates.pack(self.weights)

    @cached_property
    def total(self) -> float:
        """The sum of the weights."""
        return float(self.weights.sum())

    def take(self, rows: Int[np.ndarray, " m"], weights: Float[np.ndarray, " m"]) -> Events:
        """Some of the events, with other weights."""
        return Events(self.templates.take(rows), weights)


@dataclass(frozen=True, eq=False)
class UnbinnedChannel:
    """A channel whose events have a density, Σ_s y_s r_s(x) Π_k g_sk(x; α_k) / Z_s(α), relative to a reference.

    Attributes:
        name: Its name.
        samples: Names of the S samples.
        alphas: Names of the K parameters that change densities.
        places: Numbers of these parameters in the model's tables, shape (K,).
        reference: Events that stand for the reference density; None if there are none.
        normalise: Whether densities are normalised; if not, Z = 1.
        kernel: What computes the sums over events.
        notes: What was noticed when the arrays were read.
    """

    name: str
    samples: tuple[str, ...]
    alphas: tuple[str, ...]
    places: Int[np.ndarray, " k"]
    reference: Events | None
    normalise: bool
    kernel: Kernel
    notes: tuple[str, ...]

    @cached_property
    def nominal(self) -> Float[np.ndarray, " s"]:
        """I_s(0) = Σ_j v_j r_s(x_j) over the reference events.

        Raises:
            DataError: If one is not positive.
        """
        found: Float[np.ndarray, " s"] = self._integrals(np.zeros(len(self.alphas)), curvature=False).value
        if not (found > 0).all():
            bad = self.samples[int(np.flatnonzero(~(found > 0))[0])]
            raise DataError(
                f"channel '{self.name}': the density of '{bad}' integrates to {found.min():.3g} over the reference",
                expected="more than zero",
                hint="reference events without negative weights",
            )
        return found

    @cached_property
    def one_sided(self) -> Bool[np.ndarray, " k"]:
        """Which parameters change a density in much the same way up and down: fits look for two minima, shape (K,)."""
        found = np.zeros(len(self.alphas), bool)
        if self.reference is None:
            return found
        templates = self.reference.templates
        for q, k in enumerate(templates.pair_parameter):
            up, down = (templates.varied[:_SOME_BLOCKS, q, row].astype(float) for row in (1, 3))
            together = (up * down).sum() / max(np.sqrt((up**2).sum() * (down**2).sum()), 1e-300)
            found[k] |= together > _ALIKE
        return found

    def normaliser(self, alpha: Float[np.ndarray, " k"], *, curvature: bool = True) -> Normaliser:
        """Z(α) of each sample."""
        if not self.normalise or not len(alpha):
            return Normaliser.none(len(self.samples), len(alpha))
        return Normaliser.of(self._integrals(alpha, curvature=curvature), self.nominal)

    def drift(self, alpha: Float[np.ndarray, " k"]) -> Float[np.ndarray, " s"]:
        """What the density of each sample integrates to if it is not normalised: I_s(α) / I_s(0), shape (S,)."""
        found: Float[np.ndarray, " s"] = self._integrals(alpha, curvature=False).value / self.nominal
        return found

    def _integrals(self, alpha: Float[np.ndarray, " k"], *, curvature: bool) -> Expectations:
        assert self.reference is not None  # noqa: S101 - the workspace was checked
        return expectations(
            self.reference.templates, self.reference.packed, alpha, curvature=curvature, kernel=self.kernel
        )

    def log_density(
        self,
        events: Events,
        yields: Float[np.ndarray, " s"],
        alpha: Float[np.ndarray, " k"],
        *,
        exact: bool = True,
        curvature: bool = True,
    ) -> LogDensity:
        """Σ_i w_i ln p(x_i), with derivatives in yields and α.

        Args:
            events: The events.
            yields: Of each sample, shape (S,).
            alpha: Parameters, shape (K,).
            exact: Whether the Hessian is exact, or −Σ w ∇ln p ∇ln pᵀ.
            curvature: Whether the Hessian is wanted at all; else it is of no use.
        """
        z = self.normaliser(alpha, curvature=curvature)
        found = mixture(
            events.templates, events.packed, yields / z.value, alpha, curvature=curvature, kernel=self.kernel
        )
        return normalised(found, yields, z, exact=exact, curvature=curvature)

    def lowest_density(
        self, events: Events, yields: Float[np.ndarray, " s"], alpha: Float[np.ndarray, " k"]
    ) -> float | None:
        """The smallest density of an event that has a weight; None if there is no such event."""
        coefficients = yields / self.normaliser(alpha, curvature=False).value
        found = mixture(events.templates, events.packed, coefficients, alpha, curvature=False, kernel=self.kernel)
        return None if found.lowest == np.inf else found.lowest

    def densities(
        self, events: Events, yields: Float[np.ndarray, " s"], alpha: Float[np.ndarray, " k"]
    ) -> Float[np.ndarray, "s n"]:
        """Expected events of each sample per unit of the reference density, at each event, shape (S, N)."""
        z = self.normaliser(alpha, curvature=False).value
        found: Float[np.ndarray, "s n"] = events.templates.densities(alpha) * (yields / z)[:, None]
        return found

    def expected_weights(
        self, yields: Float[np.ndarray, " s"], alpha: Float[np.ndarray, " k"]
    ) -> Float[np.ndarray, "s n"]:
        """Weights that turn the reference events into what is expected of each sample, shape (S, N).

        Those of a sample have the sum of its yield, and a fit of all of them ends where they were made.
        """
        assert self.reference is not None  # noqa: S101 - who asks has looked
        templates, weights = self.reference.templates, self.reference.weights
        if self.normalise:
            z = self.normaliser(alpha, curvature=False)
            weights = calibrated(templates, weights, alpha, z)
        shapes = templates.densities(alpha) * weights
        found: Float[np.ndarray, "s n"] = shapes * (yields / shapes.sum(1))[:, None]
        return found
