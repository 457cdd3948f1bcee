"""What the two scores are trained on: cross-entropy with or without DisCo, and expected CLs under constraints."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from neyman.abcd.gates import Cuts, steepness_at, templates_of
from neyman.abcd.methods import ClsAloneMethod, ClsMethod, ConstraintsConfig
from neyman.abcd.networks import Scores
from neyman.abcd.torch import expected_loss
from neyman.learning.closure import bin_closure, closure, minimum_yields, quantiles
from neyman.learning.distance_correlation import distance_correlation
from neyman.learning.multipliers import Constraint, Multipliers

Templates = tuple[Float[Tensor, "b 4"], Float[Tensor, "b 4"], Float[Tensor, "b 4"]]

_NOISIEST = 0.25  # variance of a closure of which nothing is known, between −1 and 1
_TINY = 1e-12  # under roots, which have no slope at zero, and under fractions


class Classification(nn.Module):
    """Cross-entropy of both scores, and the squared distance correlation of both in background.

    Double DisCo, arXiv:2007.14400, eq. 3.4. The scores are decorrelated as probabilities, as there.

    Args:
        scores: The networks.
        disco: Factor of the second term; zero leaves it out.
    """

    def __init__(self, scores: Scores, disco: float) -> None:
        super().__init__()
        self.scores, self.disco = scores, disco

    def loss(
        self, inputs: Float[Tensor, "n d"], weights: Float[Tensor, " n"], is_signal: Bool[Tensor, " n"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch."""
        logits = self.scores(inputs)
        entropy = cross_entropy(logits, weights, is_signal)
        if not self.disco:
            return entropy
        return entropy + self.disco * decorrelation(logits[~is_signal], weights[~is_signal])


def cross_entropy(
    logits: Float[Tensor, "n 2"], weights: Float[Tensor, " n"], is_signal: Bool[Tensor, " n"]
) -> Float[Tensor, ""]:
    """The sum of the binary cross-entropies of both scores, with classes of the same total weight."""
    total = torch.stack([weights[~is_signal].sum(), weights[is_signal].sum()])
    share = (0.5 * weights / total[is_signal.long()])[:, None]
    target = is_signal.double()[:, None].expand_as(logits)
    return nn.functional.binary_cross_entropy_with_logits(logits.double(), target, weight=share, reduction="sum")


def decorrelation(logits: Float[Tensor, "n 2"], weights: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """Squared distance correlation of the two probabilities."""
    first, second = torch.sigmoid(logits.double()).unbind(dim=1)
    return distance_correlation(first, second, weights)


class ConstrainedCls(nn.Module):
    """Expected CLs, and what must hold while it falls.

    Args:
        scores: The networks.
        options: What to minimise, and the constraints if there are any.
        edges: Edges of the bins of the discriminant.
    """

    edges: Tensor

    def __init__(self, scores: Scores, options: ClsMethod | ClsAloneMethod, edges: tuple[float, ...]) -> None:
        super().__init__()
        self.scores, self.options = scores, options
        self.cuts = Cuts(*options.cuts)
        self.cuts.logits.requires_grad_(options.train_cuts)
        self.limits = options.constraints if isinstance(options, ClsMethod) else ConstraintsConfig()
        constraints = _constraints(self.limits) if isinstance(options, ClsMethod) else []
        self.multipliers = Multipliers(constraints) if constraints else None
        self.register_buffer("edges", torch.tensor(edges, dtype=torch.float64))

    def loss(  # noqa: PLR0917 - a batch, as the training loop unpacks it
        self,
        inputs: Float[Tensor, "n d"],
        discriminant: Float[Tensor, " n"],
        weights: Float[Tensor, " n"],
        is_signal: Bool[Tensor, " n"],
        fraction: Float[Tensor, ""],
        levels: Float[Tensor, "m 2"],
        some: Int[Tensor, " k"],
    ) -> Float[Tensor, ""]:
        """The Lagrangian of a batch.

        Args:
            inputs: Standardised features.
            discriminant: The final discriminant.
            weights: Expected events.
            is_signal: The class.
            fraction: How much of the training is done: how steep the gates are.
            levels: Random quantiles of the background, at which closure is asked for.
            some: Numbers of background events, in which distance correlation is computed.
        """
        steepness = steepness_at(float(fraction), *self.options.steepness)
        scores = self.scores(inputs).double()
        templates = self.templates(scores, discriminant, weights, is_signal, steepness=steepness)
        objective = self.objective(templates)
        if self.multipliers is None:
            return objective
        values = self.values(templates, scores[~is_signal], weights[~is_signal], levels, some, steepness=steepness)
        return self.multipliers(objective, values)  # type: ignore[no-any-return]

    def templates(
        self,
        scores: Float[Tensor, "n 2"],
        discriminant: Float[Tensor, " n"],
        weights: Float[Tensor, " n"],
        is_signal: Bool[Tensor, " n"],
        *,
        steepness: float | None,
    ) -> Templates:
        """Background, signal and Σw² of the background, at cuts that keep their share of this background."""
        self.cuts.follow(scores[~is_signal].detach(), weights[~is_signal])
        cuts = self.cuts()
        events = (scores, discriminant, weights, is_signal)
        soft = templates_of(*events, edges=self.edges, cuts=cuts, steepness=steepness)
        if self.options.gates == "soft" or steepness is None:
            return soft
        hard = templates_of(*events, edges=self.edges, cuts=cuts, steepness=None)
        background, signal, variance = (_straight_through(s, h) for s, h in zip(soft, hard, strict=True))
        return background, signal, variance

    def objective(self, templates: Templates) -> Float[Tensor, ""]:
        """What is minimised."""
        background, signal, variance = templates
        one = one_event(background, variance)
        return expected_loss(
            background.clamp_min(one),
            signal.clamp_min(0.0),
            variance=torch.where(background < one, one**2, variance) if self.options.mc_statistics else None,
            mu=self.options.mu,
            theta=self.options.theta,
            statistic=self.options.statistic,
        )

    def values(
        self,
        templates: Templates,
        scores: Float[Tensor, "n 2"],
        weights: Float[Tensor, " n"],
        levels: Float[Tensor, "m 2"],
        some: Int[Tensor, " k"],
        *,
        steepness: float | None,
    ) -> dict[str, Float[Tensor, ""]]:
        """What is constrained, from the templates and the scores of the background."""
        values, limits = {}, self.limits
        background, _, variance = templates
        if limits.closure is not None:
            values["closure"] = _beyond_noise(bin_closure(background), background.detach(), variance.detach())
        if limits.random_closure is not None:
            cuts = [quantiles(scores[:, i].detach(), weights, levels[:, i]) for i in range(2)]
            at = torch.stack(cuts, dim=1)
            found = closure(scores, weights, at, steepness=steepness)
            if self.options.gates == "straight_through":
                found = _straight_through(found, closure(scores.detach(), weights, at, steepness=None))
            values["random_closure"] = _root_mean_square(found)
        if limits.disco is not None:
            values["disco"] = decorrelation(scores[some], weights[some])
        if limits.least_yield is not None:
            least = max(limits.least_yield, limits.least_simulated * float(one_event(background, variance)))
            values["least_yield"] = minimum_yields(background, least)
        return values


def one_event(background: Float[Tensor, "b 4"], variance: Float[Tensor, "b 4"]) -> Float[Tensor, ""]:
    """What a typical simulated event stands for, Σw²/Σw. An empty region counts as one: it is not known to be empty."""
    return (variance.sum() / background.sum().clamp_min(_TINY)).clamp_min(_TINY).detach()


def _constraints(limits: ConstraintsConfig) -> list[Constraint]:
    """In units of their targets: a violation of one is a factor of two."""
    targets = {"closure": limits.closure, "random_closure": limits.random_closure, "disco": limits.disco}
    found = [
        Constraint(name, target, kind="at_most", scale=target, tolerance=0.05)
        for name, target in targets.items()
        if target is not None
    ]
    if limits.least_yield is not None:
        found.append(Constraint("least_yield", 0.0, kind="at_most", scale=0.1, tolerance=0.05))
    return found


def _straight_through(soft: Tensor, hard: Tensor) -> Tensor:
    """The value of one with the gradient of the other (arXiv:1308.3432, section 4)."""
    return soft + (hard - soft).detach()


def _beyond_noise(
    closures: Float[Tensor, " b"], background: Float[Tensor, "b 4"], variance: Float[Tensor, "b 4"]
) -> Float[Tensor, ""]:
    """Root mean square of what the closure of bins is beyond the statistics of the simulation.

    Those of a region with few events leave its closure uncertain by more than any target; to train the fluctuation of
    one sample away would be to learn it by heart. With c = tanh(ln(1+δ)/2), the variance of c is that of ln(1+δ),
    Σ σ²/n², times (1 − c²)²/4.
    """
    spread = (variance / background.clamp_min(one_event(background, variance)) ** 2).sum(dim=1)
    noise = (0.25 * (1 - closures.detach() ** 2) ** 2 * spread).clamp_max(_NOISIEST)
    return ((closures**2 - noise).mean().clamp_min(0.0) + _TINY).sqrt()


def _root_mean_square(values: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    return (values.square().mean() + _TINY).sqrt()
