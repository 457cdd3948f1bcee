"""Conditional normalising flows for parameters that live in a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
import zuko
from jaxtyping import Float
from torch import Tensor, nn

from neyman.learning.truncated import TruncatedNormalTransform


class ConditionalFlow(nn.Module):
    r"""p(θ | summary, N): a normalising flow inside a box, with the scaling of statistics built in.

    First comes the posterior of a normal likelihood: θ is mapped to a standard normal by the distribution
    function of a normal with location \(\mu(s)\) and width \(\sigma(s)/\sqrt{N}\) that is cut off at the edges
    of the box. Then rational-quadratic splines (Durkan et al., arXiv:1906.04032), conditional on s and N,
    learn how the likelihood differs from that. The location is not told N: the mean of a statistic says the
    same about θ at every N. So one flow serves sets of any size, and all of them teach it.

    Args:
        low: Lower edges of the box, shape `(d,)`.
        high: Upper edges.
        summaries: Length of the summary.
        transforms: Number of spline transforms; 0 leaves location and scale alone.
        bins: Bins of each spline.
        hidden: Widths of the hidden layers.
    """

    def __init__(
        self,
        low: Sequence[float],
        high: Sequence[float],
        *,
        summaries: int,
        transforms: int = 3,
        bins: int = 8,
        hidden: Sequence[int] = (64, 64),
    ) -> None:
        super().__init__()
        features, context = len(low), summaries + 1
        self.register_buffer("low", torch.tensor(low, dtype=torch.float32))
        self.register_buffer("high", torch.tensor(high, dtype=torch.float32))
        self.register_buffer("shift", torch.zeros(summaries))
        self.register_buffer("rotation", torch.eye(summaries))
        shapes = [(bins,), (bins,), (bins - 1,)]
        spline = zuko.transforms.MonotonicRQSTransform
        options = {"context": context, "univariate": spline, "shapes": shapes, "hidden_features": tuple(hidden)}
        splines = [
            # With one parameter there is nothing to be autoregressive in, and this is many times cheaper.
            zuko.flows.ElementWiseTransform(features, **options, activation=nn.SiLU)
            if features == 1
            else zuko.flows.MaskedAutoregressiveTransform(
                features, **options, activation=nn.SiLU, order=torch.arange(features).roll(index)
            )
            for index in range(transforms)
        ]
        self.flow = zuko.lazy.Flow(
            [Likelihood(low, high, summaries, hidden=hidden), *splines],
            zuko.lazy.UnconditionalDistribution(
                zuko.distributions.DiagNormal, torch.zeros(features), torch.ones(features), buffer=True
            ),
        )

    def standardise(self, summaries: Float[np.ndarray, "m s"], *, rotate: bool = True, floor: float = 0.2) -> None:
        """Fix the linear map that gives summaries mean zero and unit spread, from examples.

        Args:
            summaries: Examples.
            rotate: Whether to make them uncorrelated as well.
            floor: Directions whose spread is below this part of the widest are not blown up further.
        """
        mean, spread = summaries.mean(axis=0), summaries.std(axis=0)
        # What varies less than single precision resolves is a constant, and its spread is rounding.
        matrix = np.diag(1 / np.where(spread > 1e-7 * np.abs(mean), spread, 1.0))
        if rotate:
            scaled = (summaries - mean) @ matrix
            values, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
            matrix = (vectors / np.sqrt(np.maximum(values, floor**2 * values.max()))).T @ matrix
        cast("Tensor", self.shift).copy_(torch.from_numpy(mean))
        cast("Tensor", self.rotation).copy_(torch.from_numpy(matrix))

    @torch.no_grad()
    def start_from_regression(
        self, theta: Float[Tensor, "m d"], summaries: Float[Tensor, "m s"], sizes: Float[Tensor, " m"]
    ) -> None:
        """Set location and width to those of a linear regression of θ on the standardised summaries.

        The networks start at zero, so that training begins at the regression and learns what is not linear.
        """
        likelihood = cast("Likelihood", self.flow.transform.transforms[0])
        likelihood.start_from_regression(theta, self._context(summaries, sizes))

    def log_prob(
        self, theta: Float[Tensor, "... b d"], summaries: Float[Tensor, "b s"], sizes: Float[Tensor, " b"]
    ) -> Float[Tensor, "... b"]:
        """Logarithm of the density in θ; −∞ outside the box."""
        inside = ((theta >= cast("Tensor", self.low)) & (theta <= cast("Tensor", self.high))).all(dim=-1)
        log_density = self.flow(self._context(summaries, sizes)).log_prob(theta)
        return torch.where(inside, log_density, -math.inf)

    def sample(
        self, noise: Float[Tensor, "n b d"], summaries: Float[Tensor, "b s"], sizes: Float[Tensor, " b"]
    ) -> Float[Tensor, "n b d"]:
        """Draws of θ, made from standard normal noise."""
        theta: Tensor = self.flow(self._context(summaries, sizes)).transform.inv(noise)
        return theta

    def loss(
        self, theta: Float[Tensor, "b d"], summaries: Float[Tensor, "b s"], sizes: Float[Tensor, " b"]
    ) -> Float[Tensor, ""]:
        """Mean of −log p(θ | summary, N): the loss of neural posterior estimation (arXiv:1605.06376)."""
        return -self.log_prob(theta, summaries, sizes).mean()

    def _context(self, summaries: Float[Tensor, "b s"], sizes: Float[Tensor, " b"]) -> Float[Tensor, "b c"]:
        standardised = (summaries - cast("Tensor", self.shift)) @ cast("Tensor", self.rotation).T
        return torch.cat([standardised, log_size(sizes)[:, None]], dim=-1)


def log_size(sizes: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """The size of a set as a network sees it: of order one between tens and tens of thousands of events."""
    return 0.5 * torch.log(sizes / 1000)


class Likelihood(zuko.lazy.LazyTransform):  # type: ignore[misc]
    """The posterior of a normal likelihood in a box, with learned location and width."""

    def __init__(self, low: Sequence[float], high: Sequence[float], summaries: int, *, hidden: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(low, dtype=torch.float32))
        self.register_buffer("high", torch.tensor(high, dtype=torch.float32))
        self.location = zuko.nn.MLP(summaries, len(low), tuple(hidden), activation=nn.SiLU)
        self.log_scale = zuko.nn.MLP(summaries + 1, len(low), tuple(hidden), activation=nn.SiLU)
        self.shortcut = nn.Linear(summaries, len(low))

    def forward(self, c: Float[Tensor, "b c"] | None = None) -> TruncatedNormalTransform:
        """The transform for these contexts: summaries, then the logarithm of the size."""
        assert c is not None  # noqa: S101 - the flow always passes its context
        summary, log_n = c[..., :-1], c[..., -1:]
        width = self.high - self.low
        location = self.low + width * (0.5 + self.shortcut(summary) + self.location(summary))
        scale = width * torch.exp((self.log_scale(c) - log_n).clamp(-12, 6))
        return TruncatedNormalTransform(location, scale, self.low, self.high)

    def start_from_regression(self, theta: Float[Tensor, "m d"], c: Float[Tensor, "m c"]) -> None:
        """See `ConditionalFlow.start_from_regression`."""
        summary, log_n = c[:, :-1].double(), c[:, -1:].double()
        target = (theta.double() - self.low) / (self.high - self.low) - 0.5
        weight = torch.exp(log_n)  # √N: the variance of what is left goes with 1/N
        design = torch.cat([summary, torch.ones_like(log_n)], dim=1)
        # Through the pseudo-inverse: statistics may repeat each other.
        found = torch.linalg.pinv(design * weight) @ (target * weight)
        spread = ((target - design @ found) * weight).abs().median(dim=0).values / 0.6745
        self.shortcut.weight.copy_(found[:-1].T)
        self.shortcut.bias.copy_(found[-1])
        for network, bias in ((self.location, torch.zeros_like(spread)), (self.log_scale, spread.log())):
            last = network[-1]
            last.weight.zero_()
            last.bias.copy_(bias)
