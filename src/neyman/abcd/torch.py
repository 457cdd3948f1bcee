"""Expected CLs as a loss in torch: the one place where torch and JAX meet.

Networks, gates and histograms stay in torch on their device. Only templates cross, a kilobyte of float64. They are
copied through NumPy: that works from any device, and for so little is quicker than DLPack (40 µs there and back against
80). JAX gives value and gradient at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from neyman.abcd.gates import templates_of
from neyman.abcd.loss import Statistic, loss_and_gradients
from neyman.core.errors import InputError, NumericsError, near

DISCRIMINANT = "constraint_MT01FatJetMET"
"""The key of the final discriminant in `data_dict`, as the analysis that began this calls it."""


def expected_loss(
    background: Float[Tensor, "n 4"],
    signal: Float[Tensor, "n 4"],
    *,
    delta: Float[Tensor, " n"] | None = None,
    variance: Float[Tensor, "n 4"] | None = None,
    mu: float = 1.0,
    theta: str = "per_bin",
    statistic: Statistic = "cls",
) -> Float[Tensor, ""]:
    """What is to be minimised, as a function of templates; it has a gradient, but no second derivative.

    Args:
        background: Expected background of each bin in the regions A, B, C, D.
        signal: Expected signal.
        delta: Non-closure of each bin; None takes that of the background, with its gradient.
        variance: Σw² of the background; None for a simulation without statistical uncertainty.
        mu: Signal strength.
        theta: `per_bin` or `shared`.
        statistic: `cls`, `log_cls`, `q` or `q0`; see `neyman.abcd.loss`.

    Returns:
        A float64 scalar on the device of the background.

    Raises:
        NumericsError: If a fit does not converge; or, in the backward pass, if second derivatives are asked for.

    Examples:
        >>> background = torch.tensor([[400.0, 50, 4000, 500]], dtype=torch.float64)
        >>> signal = torch.tensor([[1, 15, 0.2, 1]], dtype=torch.float64)
        >>> print(f"{expected_loss(background, signal):.7f}")
        0.0762968
    """
    options = {"mu": mu, "theta": theta, "statistic": statistic}
    return cast("Tensor", _ExpectedLoss.apply(options, background, signal, delta, variance))  # type: ignore[no-untyped-call]


class _ExpectedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, options: dict[str, Any], *templates: Tensor | None) -> Tensor:  # noqa: ANN401 - torch's context
        background, signal = (_array(cast("Tensor", each)) for each in templates[:2])
        delta, variance = (None if each is None else _array(each) for each in templates[2:])
        found = loss_and_gradients(background, signal, delta=delta, variance=variance, **options)
        gradients = (found.background, found.signal, found.delta, found.variance)
        ctx.save_for_backward(
            *(None if t is None or g is None else torch.from_numpy(np.array(g)).to(t)
              for t, g in zip(templates, gradients, strict=True))
        )  # fmt: skip
        first = cast("Tensor", templates[0])
        return torch.tensor(found.value, dtype=torch.float64, device=first.device)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - torch's context
        if torch.is_grad_enabled():  # only with create_graph=True
            raise NumericsError("expected_loss has no second derivatives", hint="backward() without create_graph")
        return None, *(None if g is None else slopes[0].to(g) * g for g in ctx.saved_tensors)


def _array(tensor: Tensor) -> np.ndarray:
    return np.asarray(tensor.detach().cpu().double().numpy())


class CLsLoss(nn.Module):
    """Expected CLs of two scores, from networks and events.

    Events fall into hard bins of the discriminant and through soft gates into the regions; gates, cuts and networks
    are on the device of the features. The scores may be anything that grows towards signal, raw logits too.
    CLs alone does not enforce closure: add constraints of `neyman.learning.closure`, or the two scores become one.

    Args:
        mt_bin_edges: Edges of the bins of the discriminant, in its unit.
        mt_min: What a discriminant of 0 in `data_dict` stands for.
        mt_max: What 1 stands for.
        int_lumi: Luminosity, which turns cross-sections into events; pb⁻¹ for weights in pb.
        epsilon: Events that are added to each yield, so that empty regions can be fitted.
        steepness: Of the gates, per unit of score.
        num_retries: How often the fits are tried again with a tenfold `epsilon`, should one not converge.

    Raises:
        InputError: If the edges do not increase, or a number is not above zero.
    """

    def __init__(  # noqa: PLR0917 - the signature that its users know
        self,
        mt_bin_edges: Tensor | Sequence[float] | np.ndarray,
        mt_min: float,
        mt_max: float,
        int_lumi: float = 117_100.0,
        epsilon: float = 1e-6,
        steepness: float = 20.0,
        num_retries: int = 5,
    ) -> None:
        super().__init__()
        edges = torch.as_tensor(mt_bin_edges, dtype=torch.float64).detach().clone()
        if edges.ndim != 1 or len(edges) < 2 or not (edges[1:] > edges[:-1]).all():
            raise InputError(f"mt_bin_edges {edges.tolist()}"[:100], expected="two or more numbers that increase")
        if not mt_min < mt_max:
            raise InputError(f"mt_min {mt_min}, mt_max {mt_max}", expected="mt_min below mt_max")
        for name, number in (("int_lumi", int_lumi), ("epsilon", epsilon), ("steepness", steepness)):
            if not 0 < number < float("inf"):
                raise InputError(f"{name} {number}", expected="a finite number above zero")
        self.register_buffer("edges", edges)
        self.edges: Tensor
        self.mt_min, self.mt_max, self.int_lumi = float(mt_min), float(mt_max), float(int_lumi)
        self.epsilon, self.steepness, self.num_retries = float(epsilon), float(steepness), int(num_retries)

    def forward(  # noqa: PLR0917 - the signature that its users know
        self,
        models: tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]],
        features: Float[Tensor, "n d"],
        cuts: Sequence[float | Tensor] | Tensor,
        weights_xs: Tensor,
        weights_train: Tensor | None = None,
        target: Tensor | None = None,
        data_dict: Mapping[str, Tensor] | None = None,
    ) -> Float[Tensor, ""]:
        """The expected CLs of a signal strength of 1.

        Args:
            models: The two networks; each gives one score per event.
            features: What they see.
            cuts: Cut on each score; tensors may need a gradient.
            weights_xs: Cross-section that each event stands for, of either sign.
            weights_train: Weights of the classifiers' losses; yields do not depend on them, so they are not used.
            target: 1 for signal, 0 for background.
            data_dict: The discriminant, scaled to [0, 1], under `constraint_MT01FatJetMET`.

        Raises:
            InputError: If the target or the discriminant is missing, or lengths differ.
            NumericsError: If a fit does not converge, retries included.
        """
        background, signal = self.templates(models, features, cuts, weights_xs, target=target, data_dict=data_dict)
        floor = self.epsilon
        for _ in range(self.num_retries):
            try:
                return expected_loss(background + floor, signal + floor)
            except NumericsError:
                floor *= 10
        return expected_loss(background + floor, signal + floor)

    def templates(
        self,
        models: tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]],
        features: Float[Tensor, "n d"],
        cuts: Sequence[float | Tensor] | Tensor,
        weights_xs: Tensor,
        *,
        target: Tensor | None,
        data_dict: Mapping[str, Tensor] | None,
    ) -> tuple[Float[Tensor, "b 4"], Float[Tensor, "b 4"]]:
        """Expected background and signal of each bin in the regions A, B, C, D, for the arguments of a call."""
        given = data_dict or {}
        if target is None:
            raise InputError("no target", expected="1 for signal, 0 for background, one per event")
        if DISCRIMINANT not in given:
            found = ", ".join(given) or "nothing"
            raise InputError(f"data_dict holds {found}", expected=f"'{DISCRIMINANT}'", hint=near(DISCRIMINANT, given))
        n, device = len(features), features.device
        scores = torch.stack([_column(model(features), n, "a score") for model in models], dim=1)
        discriminant = (
            self.mt_min + (self.mt_max - self.mt_min) * _column(given[DISCRIMINANT], n, DISCRIMINANT).double()
        )
        at = cuts if isinstance(cuts, Tensor) else torch.stack([torch.as_tensor(c, dtype=torch.float64) for c in cuts])
        background, signal, _ = templates_of(
            scores.double(),
            discriminant.to(device),
            _column(weights_xs, n, "weights_xs").to(device).double() * self.int_lumi,
            _column(target, n, "target").to(device) > 0.5,
            edges=self.edges.to(device),
            cuts=at.to(device).double(),
            steepness=self.steepness,
        )
        return background, signal


def _column(values: Tensor, n: int, name: str) -> Tensor:
    """One number per event, from shape (n,) or (n, 1)."""
    if values.shape not in ((n,), (n, 1)):
        raise InputError(f"{name} has shape {tuple(values.shape)}", expected=f"({n},) or ({n}, 1)")
    return values.reshape(n)
