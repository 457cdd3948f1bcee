r"""Hard constraints while training, by the modified differential method of multipliers (MDMM).

To minimise f(x) subject to g(x) = 0, J. Platt and A. Barr ("Constrained differential optimization", NIPS 1987) let
the weights descend and a multiplier climb the same Lagrangian,

\[ \dot x = -\nabla f - \lambda \nabla g - c\, g \nabla g, \qquad \dot\lambda = g, \]

that is L = f + λ g + c g²/2. Without the damping c the pair circles around the solution; with it the circle becomes a
spiral that ends there, and λ ends at the price of the constraint, whatever number a penalty would have needed.

For an inequality g ≤ 0 Platt and Barr add a slack, g + s² = 0. Minimised over s, L is

\[ f + \frac{\max(0, \lambda + c g)^2 - \lambda^2}{2c} \]

(R. T. Rockafellar, J. Optim. Theory Appl. 12 (1973) 555), so no slack has to be learned: a constraint that is met
with room to spare neither pulls nor collects a multiplier.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neyman.core.errors import InputError, NumericsError, near

Kind = Literal["equal", "at_most", "at_least"]


@dataclass(frozen=True)
class Constraint:
    """What a number is to be when training ends.

    Attributes:
        name: What it is called; it names the multiplier in the state_dict.
        target: The number, in its own unit.
        kind: Whether the value is to be equal to the target, at most, or at least that.
        damping: c. Larger is stiffer; inequalities need one above zero.
        scale: The unit of a violation, g = (value − target)/scale (or minus that for `at_least`). The target itself
            is a good one: g = 1 is then a constraint that is off by a factor of two.
        tolerance: A violation, in units of `scale`, that still counts as none.

    Raises:
        InputError: If a number is out of its range or the kind is unknown.
    """

    name: str
    target: float
    kind: Kind = "equal"
    damping: float = 1.0
    scale: float = 1.0
    tolerance: float = 0.01

    def __post_init__(self) -> None:
        where = f"constraint {self.name!r}"
        if not self.name or "." in self.name:
            raise InputError(f"a constraint named {self.name!r}", expected="a name without dots")
        if self.kind not in get_args(Kind):
            raise InputError(f"kind {self.kind!r}", where=where, expected=f"one of {', '.join(get_args(Kind))}")
        if not math.isfinite(self.target):
            raise InputError(f"target {self.target}", where=where, expected="a finite number")
        if not (0 < self.scale < math.inf and 0 <= self.tolerance < math.inf):
            found = f"scale {self.scale}, tolerance {self.tolerance}"
            raise InputError(found, where=where, expected="a scale above zero, a tolerance of zero or above")
        if not 0 <= self.damping < math.inf or (self.damping == 0 and self.kind != "equal"):
            expected = "a number of zero or above" if self.kind == "equal" else "a number above zero"
            raise InputError(f"damping {self.damping}", where=where, expected=expected)

    def gap(self, value: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """g, which is to be zero for `equal` and at most zero for the others."""
        gap = (value - self.target) / self.scale
        return -gap if self.kind == "at_least" else gap

    def term(self, value: Float[Tensor, ""], multiplier: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """What the constraint adds to the Lagrangian."""
        gap = self.gap(value)
        if self.kind == "equal":
            return multiplier * gap + 0.5 * self.damping * gap.square()
        pull = (multiplier + self.damping * gap).clamp_min(0)
        return (pull.square() - multiplier.square()) / (2 * self.damping)


@dataclass(frozen=True)
class ConstraintState:
    """Where a constraint stands; what a learning curve shows.

    Attributes:
        value: The number that is constrained, when it was last given.
        target: What it is to be.
        multiplier: λ. With the violation in units of `scale`, the loss could gain λ for each such unit given away.
        violation: How far the value is on the wrong side, in units of `scale`; 0 if it is on the right one.
        satisfied: Whether the violation is within the tolerance.
    """

    value: float
    target: float
    multiplier: float
    violation: float
    satisfied: bool


class Multipliers(nn.Module):
    """The multipliers of a set of constraints: one parameter each, in the state_dict, so that runs resume.

    They climb while the weights descend, so they must stay out of the optimiser of the weights: after `backward()`
    and beside its step call `ascend`, or let `optimiser` see to it. The climb is the plain one of the paper and has
    no memory of its own; what is in the state_dict is all there is to resume.

    Args:
        constraints: What has to hold.

    Raises:
        InputError: If there is no constraint or two have one name.

    Examples:
        Minimise x² subject to x ≥ 1, where the multiplier is 2:

        >>> x = torch.zeros((), dtype=torch.float64, requires_grad=True)
        >>> multipliers = Multipliers([Constraint("x", 1.0, "at_least")])
        >>> steps = optimiser([x], multipliers, make=torch.optim.SGD, learning_rate=0.1, ascent_rate=0.1)
        >>> for _ in range(300):
        ...     steps.zero_grad()
        ...     multipliers(x.square(), {"x": x}).backward()
        ...     _ = steps.step()
        >>> state = multipliers.state()["x"]
        >>> round(state.value, 3), round(state.multiplier, 3), state.satisfied
        (1.0, 2.0, True)
    """

    def __init__(self, constraints: Sequence[Constraint]) -> None:
        super().__init__()
        self.constraints = {constraint.name: constraint for constraint in constraints}
        if not constraints or len(self.constraints) < len(constraints):
            names = ", ".join(constraint.name for constraint in constraints)
            raise InputError(f"constraints: {names or 'none'}", expected="at least one, each with a name of its own")
        self.values = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros((), dtype=torch.float64)) for name in self.constraints}
        )
        self._latest: dict[str, Tensor] = {}

    def forward(self, loss: Float[Tensor, ""], values: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """The Lagrangian: backpropagate this in place of the loss.

        Args:
            loss: f, a scalar.
            values: The number of each constraint, a scalar with a gradient.

        Raises:
            InputError: If a constraint has no value, or a value no constraint.
        """
        for name in values.keys() ^ self.constraints.keys():
            what = "no constraint of that name" if name in values else "a constraint without a value"
            raise InputError(f"{name!r}: {what}", hint=near(name, (values.keys() | self.constraints.keys()) - {name}))
        lagrangian = loss
        for name, constraint in self.constraints.items():
            lagrangian = lagrangian + constraint.term(values[name], self.values[name])
            self._latest[name] = values[name].detach()
        return lagrangian

    @torch.no_grad()
    def ascend(self, rate: float) -> None:
        """One step up, λ ← λ + rate · ∂L/∂λ, with the gradients of the last `backward()`, which are used up.

        Multipliers of inequalities are kept at zero or above; at rates up to the damping they are so by themselves.

        Raises:
            NumericsError: If a value was not finite.
        """
        for name, multiplier in self.values.items():
            if multiplier.grad is None:
                continue
            if not torch.isfinite(multiplier.grad):
                raise NumericsError(f"constraint {name!r} is {self._latest[name].item()}", expected="a finite number")
            multiplier.add_(multiplier.grad, alpha=rate)
            multiplier.grad = None
            if self.constraints[name].kind != "equal":
                multiplier.clamp_(min=0)

    def state(self) -> dict[str, ConstraintState]:
        """Where each constraint stands, with the values that were given last.

        Raises:
            InputError: If no values were given yet.
        """
        if not self._latest:
            raise InputError("no values of the constraints yet", hint="call the multipliers with a loss first")
        return {name: self._state(constraint) for name, constraint in self.constraints.items()}

    def _state(self, constraint: Constraint) -> ConstraintState:
        value = self._latest[constraint.name]
        gap = float(constraint.gap(value))
        violation = abs(gap) if constraint.kind == "equal" else max(gap, 0.0)
        satisfied = violation <= constraint.tolerance  # false for NaN
        multiplier = float(self.values[constraint.name].detach())
        return ConstraintState(float(value), constraint.target, multiplier, violation, satisfied)


def optimiser(
    parameters: Iterable[nn.Parameter | Tensor],
    multipliers: Multipliers,
    *,
    learning_rate: float,
    ascent_rate: float,
    make: type[torch.optim.Optimizer] = torch.optim.AdamW,
) -> torch.optim.Optimizer:
    """An optimiser whose `step()` moves the weights down and the multipliers up, from the same gradients.

    Args:
        parameters: The weights, without the multipliers.
        multipliers: The multipliers.
        learning_rate: Of the weights.
        ascent_rate: Of the multipliers: how much a violation of one `scale` adds to λ in one step.
        make: The optimiser of the weights.

    Raises:
        InputError: If a multiplier is among the parameters.
    """
    weights = list(parameters)
    climbing = {id(multiplier) for multiplier in multipliers.parameters()}
    if any(id(weight) in climbing for weight in weights):
        raise InputError("multipliers among the parameters that descend", expected="the weights of the networks alone")
    steps = make(weights, lr=learning_rate)  # type: ignore[call-arg]
    steps.register_step_post_hook(lambda *_: multipliers.ascend(ascent_rate))
    return steps
