import math
from itertools import pairwise

import pytest
import torch

from neyman.core.errors import InputError, NumericsError
from neyman.learning.multipliers import Constraint, Multipliers, optimiser

F64 = torch.float64


def vector(*numbers):
    return torch.tensor(numbers, dtype=F64, requires_grad=True)


def descend(loss, values, constraints, start, *, steps=400, rate=0.05, ascent=0.05, watch=None, **options):
    """Train a vector; return it and the multipliers."""
    x, multipliers = vector(*start), Multipliers(constraints)
    step = optimiser([x], multipliers, learning_rate=rate, ascent_rate=ascent, **({"make": torch.optim.SGD} | options))
    for _ in range(steps):
        step.zero_grad()
        multipliers(loss(x), {name: value(x) for name, value in values.items()}).backward()
        step.step()
        if watch is not None:
            watch.append(multipliers.state()[constraints[0].name])
    return x.detach(), multipliers


def shallow(x):
    """A valley that damps next to nothing across the constraint x₁ + x₂ = 1."""
    along, across = x[0] - x[1], x[0] + x[1]
    return 0.5 * (along - 4).square() + 0.005 * (across - 2).square()


LINE = {"sum": lambda x: x.sum()}


def test_converges_to_the_kkt_point_where_plain_descent_and_ascent_circle():
    """On x₁ + x₂ = 1 the minimum is x = (2.5, −1.5), where 0.01 (x₁ + x₂ − 2) + λ = 0."""
    plain, damped = [], []
    descend(shallow, LINE, [Constraint("sum", 1.0, damping=0)], (0.0, 0.0), watch=plain)
    x, multipliers = descend(shallow, LINE, [Constraint("sum", 1.0, damping=1)], (0.0, 0.0), watch=damped)
    assert sum((one.value > 1) != (other.value > 1) for one, other in pairwise(plain)) > 6
    assert max(state.violation for state in plain[-100:]) > 0.5
    assert x.tolist() == pytest.approx([2.5, -1.5], abs=1e-4)
    assert multipliers.values["sum"].item() == pytest.approx(0.01, abs=1e-4)
    assert all(state.satisfied for state in damped[-100:])


def test_an_inactive_inequality_has_no_multiplier_and_no_pull():
    constraints = [Constraint("sum", 5.0, "at_most"), Constraint("first", -4.0, "at_least")]
    values = LINE | {"first": lambda x: x[0]}
    x, multipliers = descend(lambda x: x.square().sum(), values, constraints, (1.0, 2.0))
    assert x.abs().max() < 1e-12
    for state in multipliers.state().values():
        assert (state.multiplier, state.violation, state.satisfied) == (0, 0, True)


@pytest.mark.parametrize(("kind", "target"), [("at_most", -1.0), ("at_least", 1.0)])
def test_an_active_inequality_is_met_with_equality(kind, target):
    """Minimum of |x|² with x₁ + x₂ beyond ±1: x = ±(½, ½), λ = 1."""
    x, multipliers = descend(lambda x: x.square().sum(), LINE, [Constraint("sum", target, kind)], (0.0, 0.0))
    assert x.tolist() == pytest.approx([target / 2] * 2, abs=1e-5)
    assert multipliers.state()["sum"].multiplier == pytest.approx(1, abs=1e-5)


def test_a_multiplier_is_given_back_when_its_constraint_is_no_longer_active():
    x, multipliers = vector(0.0), Multipliers([Constraint("x", 1.0, "at_least")])
    step = optimiser([x], multipliers, make=torch.optim.SGD, learning_rate=0.1, ascent_rate=0.1)
    for centre in [0.0] * 150 + [3.0] * 150:
        step.zero_grad()
        multipliers((x - centre).square().sum(), {"x": x[0]}).backward()
        step.step()
        if centre == 0:
            highest = multipliers.state()["x"].multiplier
        assert multipliers.values["x"] >= 0
    assert highest == pytest.approx(2, abs=0.01)
    assert multipliers.state()["x"].multiplier < 1e-5
    assert x.item() == pytest.approx(3)


def test_the_scale_changes_the_unit_of_the_multiplier_alone():
    ends = {}
    for scale in (0.1, 1.0):
        constraint = Constraint("sum", 1.0, scale=scale, damping=scale**2)
        x, multipliers = descend(lambda x: x.square().sum(), LINE, [constraint], (0.0, 0.0), ascent=0.1 * scale**2)
        ends[scale] = (x.tolist(), multipliers.values["sum"].item() / scale)
    assert ends[0.1][0] == pytest.approx(ends[1.0][0])
    assert ends[0.1][1] == pytest.approx(ends[1.0][1])
    assert ends[1.0][1] == pytest.approx(-1)


def test_a_constraint_that_cannot_be_met_is_reported():
    values = {"square": lambda x: x.square().sum(), "sum": lambda x: x.sum()}
    constraints = [Constraint("square", -1.0, "at_most"), Constraint("sum", 1.0)]
    x, multipliers = descend(lambda x: 0 * x.sum(), values, constraints, (1.0, 1.0), steps=300, rate=0.01, ascent=0.01)
    state = multipliers.state()["square"]
    assert not state.satisfied
    assert state.violation == pytest.approx(state.value + 1)
    assert state.violation >= 1
    assert state.multiplier > 1
    assert torch.isfinite(x).all()


@pytest.mark.parametrize("kind", ["equal", "at_most", "at_least"])
@pytest.mark.parametrize("value", [-0.7, 0.2, 1.9])
def test_gradients_of_the_lagrangian(kind, value):
    constraint = Constraint("x", 0.4, kind, damping=1.7, scale=0.6)
    inputs = (torch.tensor(value, dtype=F64, requires_grad=True), torch.tensor(0.9, dtype=F64, requires_grad=True))
    assert torch.autograd.gradcheck(constraint.term, inputs)


def test_the_term_of_an_inequality_is_the_best_one_over_the_slack():
    constraint = Constraint("x", 0.0, "at_most", damping=2.0)
    squares = torch.linspace(0, 10, 100_001, dtype=F64)
    for gap in (-1.5, -0.1, 0.0, 0.8):
        for multiplier in (0.0, 0.5, 3.0):
            slack = gap + squares
            best = (multiplier * slack + slack.square()).min().item()
            term = constraint.term(torch.tensor(gap, dtype=F64), torch.tensor(multiplier, dtype=F64)).item()
            assert term == pytest.approx(best, abs=1e-7)


def test_a_run_resumes_from_the_state_dict():
    def loss(multipliers, x):
        return multipliers(shallow(x), {"sum": x.sum()})

    def run(x, multipliers, steps):
        step = optimiser([x], multipliers, make=torch.optim.SGD, learning_rate=0.1, ascent_rate=0.1)
        for _ in range(steps):
            step.zero_grad()
            loss(multipliers, x).backward()
            step.step()

    whole, first, second = (Multipliers([Constraint("sum", 1.0)]) for _ in range(3))
    x, y = vector(0.0, 0.0), vector(0.0, 0.0)
    run(x, whole, 20)
    run(y, first, 8)
    second.load_state_dict(first.state_dict())
    run(y, second, 12)
    assert list(first.state_dict()) == ["values.sum"]
    assert torch.equal(x, y)
    assert torch.equal(whole.values["sum"], second.values["sum"])


def test_adam_moves_the_weights_and_plain_ascent_the_multiplier():
    x, multipliers = descend(
        lambda x: x.square().sum(), LINE, [Constraint("sum", 1.0, damping=10)], (0.0, 0.0), rate=0.01,
        steps=800, make=torch.optim.AdamW,
    )  # fmt: skip
    assert x.tolist() == pytest.approx([0.5, 0.5], abs=0.02)
    assert multipliers.state()["sum"].multiplier == pytest.approx(-1, abs=0.05)


def test_single_precision_networks():
    x, multipliers = torch.zeros(2, requires_grad=True), Multipliers([Constraint("sum", 1.0)])
    multipliers(x.square().sum(), {"sum": x.sum()}).backward()
    assert x.grad.dtype == torch.float32
    assert x.grad.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": ""}, ["named ''"]),
        ({"name": "a.b"}, ["'a.b'", "without dots"]),
        ({"kind": "below"}, ["kind 'below'", "at_most"]),
        ({"target": math.nan}, ["target nan", "finite"]),
        ({"scale": 0.0}, ["scale 0.0", "above zero"]),
        ({"tolerance": -1.0}, ["tolerance -1.0"]),
        ({"damping": -1.0}, ["damping -1.0"]),
        ({"damping": 0.0, "kind": "at_most"}, ["constraint 'x'", "damping 0.0", "above zero"]),
    ],
)
def test_bad_constraints(message, options, words):
    arguments = {"name": "x", "target": 1.0} | options
    if options.get("kind") == "below":
        # Shapes and types are enforced while testing; a user has the check alone.
        constraint = Constraint("x", 1.0)
        object.__setattr__(constraint, "kind", "below")
        with pytest.raises(InputError) as error:
            constraint.__post_init__()
    else:
        with pytest.raises(InputError) as error:
            Constraint(**arguments)
    message(error, *words)


@pytest.mark.parametrize("constraints", [[], [Constraint("x", 1.0), Constraint("x", 2.0)]], ids=["none", "two"])
def test_bad_sets_of_constraints(message, constraints):
    with pytest.raises(InputError) as error:
        Multipliers(constraints)
    message(error, "at least one, each with a name of its own")


def test_bad_values(message):
    multipliers, one = Multipliers([Constraint("closure", 1.0)]), torch.tensor(1.0)
    with pytest.raises(InputError) as error:
        multipliers.state()
    message(error, "no values")
    with pytest.raises(InputError) as error:
        multipliers(one, {"closure": one, "disco": one})
    message(error, "'disco'", "no constraint of that name")
    with pytest.raises(InputError) as error:
        multipliers(one, {})
    message(error, "'closure'", "without a value")


def test_a_value_that_is_not_finite_never_reaches_a_multiplier(message):
    multipliers = Multipliers([Constraint("closure", 1.0)])
    multipliers(torch.tensor(1.0), {"closure": torch.tensor(math.nan)}).backward()
    assert not multipliers.state()["closure"].satisfied
    with pytest.raises(NumericsError) as error:
        multipliers.ascend(0.1)
    message(error, "'closure' is nan")
    assert multipliers.values["closure"] == 0


def test_multipliers_do_not_descend(message):
    multipliers = Multipliers([Constraint("x", 1.0)])
    with pytest.raises(InputError) as error:
        optimiser(multipliers.parameters(), multipliers, learning_rate=0.1, ascent_rate=0.1)
    message(error, "descend")
