"""From scores of events to templates: the gates of the four regions, their cuts, the bins of the discriminant [torch].

Regions come in the order A (first score high, second low), B (both high: the signal region), C (both low), D (first
low, second high), on the last axis. Everything is float64, on the device of the events, and differentiable except
where a gate or a bin is hard. Evaluate with hard gates: soft ones leak from region to region.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from neyman.abcd.templates import REGIONS
from neyman.core.errors import DataError, InputError
from neyman.learning.closure import above, quantiles

_KNOTS = 65  # of the quantile function: its slope is averaged over a 64th of the background


def gates(scores: Float[Tensor, "n 2"], cuts: Float[Tensor, " 2"], *, steepness: float | None) -> Float[Tensor, "n 4"]:
    """The share of each event in each region; rows sum to one.

    Args:
        scores: Both scores of each event.
        cuts: The cut on either score; an event at the cut is below it.
        steepness: Of the sigmoid of (score − cut), in inverse units of the scores; None for hard gates.

    Raises:
        InputError: If the steepness is not above zero.

    Examples:
        >>> gates(torch.tensor([[0.9, 0.2], [0.7, 0.6]]), torch.tensor([0.5, 0.5]), steepness=None).tolist()
        [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]
    """
    if steepness is not None and not steepness > 0:
        raise InputError(f"steepness {steepness}", expected="a number above zero, or None for hard gates")
    first, second = above(scores, cuts, steepness).unbind(-1)
    return torch.stack([first * (1 - second), first * second, (1 - first) * (1 - second), (1 - first) * second], dim=-1)


def steepness_at(fraction: float, first: float, last: float) -> float:
    """The steepness after this fraction of the training: from `first` to `last` by equal factors.

    Raises:
        InputError: If the fraction is not between 0 and 1, or a steepness not above zero.

    Examples:
        >>> [steepness_at(fraction, 5, 80) for fraction in (0, 0.5, 1)]
        [5.0, 20.0, 80.0]
    """
    if not 0 <= fraction <= 1:
        raise InputError(f"fraction {fraction} of the training", expected="a number between 0 and 1")
    if not (0 < first < float("inf") and 0 < last < float("inf")):
        raise InputError(f"steepness from {first} to {last}", expected="numbers above zero")
    return float(first ** (1 - fraction) * last**fraction)


class Cuts(nn.Module):
    """Trainable cuts, as quantiles of the background.

    A cut is a number, but what should be learned slowly is the share of the background beyond it: the networks may
    squeeze their scores into a corner, and a quantile goes with them. The parameter is the logit of that quantile, so
    a cut stays inside the scores. `follow` tells where the quantiles are; until then scores count as uniform from 0
    to 1. The quantile function is linear between 65 knots, lest its slope be the gap between two events.

    Args:
        first: The share of the background below the first cut, at the start.
        second: The same for the second.

    Raises:
        InputError: If a share is not between 0 and 1.

    Examples:
        >>> Cuts(0.9, 0.5)().tolist()
        [0.9, 0.5]
    """

    knots: Tensor

    def __init__(self, first: float = 0.9, second: float = 0.9) -> None:
        super().__init__()
        if not (0 < first < 1 and 0 < second < 1):
            raise InputError(f"cuts at the quantiles {first}, {second}", expected="numbers between 0 and 1")
        self.logits = nn.Parameter(torch.logit(torch.tensor([first, second], dtype=torch.float64)))
        self.register_buffer("knots", torch.linspace(0, 1, _KNOTS, dtype=torch.float64).repeat(2, 1))

    @torch.no_grad()
    def follow(self, scores: Float[Tensor, "n 2"], weights: Float[Tensor, " n"]) -> None:
        """Take the quantiles from background events; the shares stay, the cuts move.

        Raises:
            DataError: If a score is not finite, or the weights do not sum to more than zero.
        """
        levels = torch.linspace(0, 1, _KNOTS, dtype=torch.float64, device=scores.device)
        self.knots.copy_(torch.stack([quantiles(scores[:, i], weights, levels) for i in range(2)]))

    def forward(self) -> Float[Tensor, " 2"]:
        """The cuts, with a gradient to the quantiles; through the scores there is none."""
        position = torch.sigmoid(self.logits) * (_KNOTS - 1)
        left = position.detach().long().clamp(max=_KNOTS - 2)[:, None]
        low, high = (self.knots.gather(1, left + i)[:, 0] for i in range(2))
        return torch.lerp(low, high, position - left[:, 0])


def bin_indices(discriminant: Float[Tensor, " n"], edges: Float[Tensor, " e"]) -> Int[Tensor, " n"]:
    """The bin of each event: lower edges belong to a bin, the last upper one too; −1 is outside.

    Examples:
        >>> bin_indices(torch.tensor([0.0, 1.0, 2.0, 2.1]), torch.tensor([0.0, 1.0, 2.0])).tolist()
        [0, 1, 1, -1]
    """
    discriminant, edges = discriminant.detach().double(), edges.double()
    index = torch.bucketize(discriminant, edges, right=True) - 1
    index = torch.where(discriminant == edges[-1], len(edges) - 2, index)
    return torch.where(index < len(edges) - 1, index, -1)


def bin_shares(
    discriminant: Float[Tensor, " n"], edges: Float[Tensor, " e"], *, smoothing: float
) -> Float[Tensor, "n m"]:
    """The share of each event in each bin, if its discriminant were smeared by a Gaussian; rows sum to one at most.

    Args:
        discriminant: One number an event; gets a gradient.
        edges: Edges of the bins, rising.
        smoothing: Standard deviation of the Gaussian, in units of the discriminant.

    Raises:
        InputError: If the smoothing is not above zero.
    """
    if not 0 < smoothing < float("inf"):
        raise InputError(f"smoothing {smoothing}", expected="a finite number above zero, or None for hard bins")
    below: Tensor = torch.special.ndtr((edges.double() - discriminant.double()[:, None]) / smoothing)
    return below.diff(dim=-1)


def templates_of(
    scores: Float[Tensor, "n 2"],
    discriminant: Float[Tensor, " n"],
    weights: Float[Tensor, " n"],
    is_signal: Bool[Tensor, " n"],
    *,
    edges: Float[Tensor, " e"],
    cuts: Float[Tensor, " 2"],
    steepness: float | None,
    smoothing: float | None = None,
) -> tuple[Float[Tensor, "m 4"], Float[Tensor, "m 4"], Float[Tensor, "m 4"]]:
    """Yields of each bin and region: of the background, of the signal, and Σw² of the background.

    An event that a soft gate divides puts the square of its share into Σw²: Σ w² g². Nothing is checked here, where
    training passes at every step; see `check_inputs`, `check_cuts` and `check_templates`.

    Args:
        scores: Both scores of each event.
        discriminant: What is binned; has a gradient only if `smoothing` is given.
        weights: Expected events each event stands for; negative ones are allowed.
        is_signal: Its class.
        edges: Edges of the m bins; the last belongs to the last bin, events outside count nowhere.
        cuts: The cut on either score.
        steepness: See `gates`.
        smoothing: See `bin_shares`; None for hard bins.

    Returns:
        `(background, signal, variance)`, each of shape (m, 4), float64.

    Raises:
        InputError: If steepness or smoothing is not above zero.
    """
    weighted = weights.double()[:, None] * gates(scores, cuts, steepness=steepness)
    if smoothing is None:
        bins, n_bins = bin_indices(discriminant, edges), len(edges) - 1
        # One table with a row for each bin of each class, and one for the events outside.
        row = torch.where(bins < 0, 2 * n_bins, bins + n_bins * is_signal)
        empty = weighted.new_zeros(2 * n_bins + 1, 4)
        sums = empty.index_add(0, row, weighted)
        return sums[:n_bins], sums[n_bins:-1], empty.index_add(0, row, weighted.square())[:n_bins]
    shares = bin_shares(discriminant, edges, smoothing=smoothing)
    background = weighted * ~is_signal[:, None]
    return shares.T @ background, shares.T @ (weighted - background), shares.square().T @ background.square()


def check_inputs(
    scores: Float[Tensor, "n 2"],
    discriminant: Float[Tensor, " n"],
    weights: Float[Tensor, " n"],
    is_signal: Bool[Tensor, " n"],
    *,
    edges: Float[Tensor, " e"],
) -> int:
    """Refuse events that cannot be trained on, before time is spent on them.

    Returns:
        The number of events outside the edges.

    Raises:
        DataError: If edges do not rise, lengths differ, a number is not finite, or a class has no events inside.
    """
    steps = edges.diff()
    if len(edges) < 2 or not torch.isfinite(edges).all() or not (steps > 0).all():
        shown = ", ".join(f"{edge:g}" for edge in edges[:8].tolist()) + (", ..." if len(edges) > 8 else "")
        raise DataError(f"edges {shown or 'missing'}", expected="two or more finite numbers, each above the last")
    lengths = {
        "scores": len(scores), "discriminant": len(discriminant), "weights": len(weights), "is_signal": len(is_signal)
    }  # fmt: skip
    if scores.shape != (len(scores), 2) or len(set(lengths.values())) > 1:
        found = f"scores of shape {tuple(scores.shape)}; lengths " + ", ".join(f"{k} {n}" for k, n in lengths.items())
        raise DataError(found, expected="two scores for each event, and all of one length")
    first, second = scores.unbind(-1)
    columns = {"first score": first, "second score": second, "discriminant": discriminant, "weights": weights}
    for name, values in columns.items():
        bad = (~torch.isfinite(values)).nonzero()
        if len(bad):
            found = f"{len(bad)} of {len(values)} numbers are not finite, the first at event {int(bad[0])}"
            raise DataError(found, where=name, expected="finite numbers")
    inside = bin_indices(discriminant, edges) >= 0
    for name, chosen in {"background": ~is_signal, "signal": is_signal}.items():
        if not (chosen & inside).any():
            found = f"no {name} events within the edges, {int(chosen.sum())} in all"
            raise DataError(found, expected="events of both classes", hint="check the labels and the edges")
    return int((~inside).sum())


def check_cuts(cuts: Float[Tensor, " 2"], scores: Float[Tensor, "n 2"]) -> None:
    """Refuse a cut that has no events on one of its sides.

    Args:
        cuts: The cut on either score.
        scores: Scores of events, or the two rows `[[low, low], [high, high]]` of the range that networks can give.

    Raises:
        DataError: If a cut is not inside the range of its scores.
    """
    low, high = scores.detach().aminmax(dim=0)
    for i, name in enumerate(("first", "second")):
        cut, least, most = float(cuts[i]), float(low[i]), float(high[i])
        if not least < cut < most:
            expected = f"a number between {least:g} and {most:g}, where the scores are"
            raise DataError(f"{cut:g} is outside the scores", where=f"cut on the {name} score", expected=expected)


def check_templates(background: Float[Tensor, "m 4"], signal: Float[Tensor, "m 4"]) -> None:
    """Refuse templates that no likelihood can be made of.

    Raises:
        DataError: If a yield is not finite or below zero, with its class, region and bin; if there is no signal in B.
    """
    for name, yields in {"background": background.detach(), "signal": signal.detach()}.items():
        bad = ~(torch.isfinite(yields) & (yields >= 0))
        if bad.any():
            index, region = (int(number) for number in bad.nonzero()[0])
            raise DataError(
                f"weights sum to {float(yields[index, region]):g}",
                where=f"{name}, region {REGIONS[region]}, bin {index}",
                expected="finite yields of zero or above",
                hint="wider bins, another cut, or more events: negative weights outweigh the positive ones here",
            )
    if not (signal.detach()[:, 1] > 0).any():
        raise DataError("no signal in B", expected="signal in the signal region", hint="lower cuts")
