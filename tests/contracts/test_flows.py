"""What every flow in `learning` does: it comes back, and its log-determinant is that of the derivative. One line each.

A flow is here a map with fixed conditions, x to (u, log |du/dx|), and the way back.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from neyman.learning.flows import ConditionalFlow
from neyman.learning.paired_flows import PairedFlow

EVENTS = 12


@dataclass(frozen=True)
class Case:
    x: torch.Tensor
    forward: Callable
    inverse: Callable
    log_det_to: float = 1e-5


def initialised(make, spread=0.15):
    """With random weights also where training begins at zero."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        flow = make()
        with torch.no_grad():
            for parameter in flow.parameters():
                parameter.add_(spread * torch.randn_like(parameter))
    return flow


def normal(*shape, seed=2):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def in_box(features):
    """The flow of posteriors; it works in single precision."""
    flow = initialised(
        lambda: ConditionalFlow([-1.0] * features, [2.0] * features, summaries=3, transforms=2, bins=5, hidden=(16,)),
        spread=0.0,
    )
    context = flow._context(normal(EVENTS, 3).float(), torch.full((EVENTS,), 50.0))
    transform = flow.flow(context).transform
    x = 0.5 + 0.4 * torch.tanh(normal(EVENTS, features)).float()

    def inverse(u):
        back = transform.inv(u)
        return back, -transform.call_and_ladj(back)[1]

    return Case(x, transform.call_and_ladj, inverse, log_det_to=1e-4)


def latent(sample, **options):
    """A pair of flows, to the latent space of a sample and back."""
    flow, c = _pair(**options)
    x = 1.5 * normal(EVENTS, flow.variables)
    return Case(x, lambda x: flow.to_latent(x, c, sample), lambda u: flow.from_latent(u, c, sample))


def transport(**options):
    """A pair of flows, from simulation to data and back."""
    flow, c = _pair(**options)
    x = 1.5 * normal(EVENTS, flow.variables)
    return Case(x, lambda x: flow.transport(x, c), lambda z: flow.transport(z, c, source="data"))


def _pair(**options):
    flow = initialised(lambda: PairedFlow(**{"inputs": 2, "bins": 6, "hidden": (16, 16), **options}).double())
    return flow, normal(EVENTS, flow.inputs, seed=3)


FLOWS = {
    "box-1": lambda: in_box(1),
    "box-2": lambda: in_box(2),
    "pair-1-simulation": lambda: latent("simulation", variables=1),
    "pair-1-data": lambda: latent("data", variables=1, transforms=2),
    "pair-1-quadratic": lambda: latent("data", variables=1, spline="quadratic"),
    "pair-1-separate": lambda: latent("data", variables=1, shared=False),
    "pair-1-unconditional": lambda: latent("data", variables=1, inputs=0),
    "pair-3-simulation": lambda: latent("simulation", variables=3, transforms=2),
    "pair-3-data": lambda: latent("data", variables=3),
    "pair-3-quadratic": lambda: latent("data", variables=3, transforms=2, spline="quadratic"),
    "pair-3-separate": lambda: latent("simulation", variables=3, shared=False),
    "transport-1": lambda: transport(variables=1),
    "transport-1-quadratic": lambda: transport(variables=1, transforms=2, spline="quadratic"),
    "transport-1-separate": lambda: transport(variables=1, shared=False),
    "transport-3": lambda: transport(variables=3),
    "transport-3-quadratic": lambda: transport(variables=3, shared=False, spline="quadratic"),
}


@pytest.fixture(scope="module", params=FLOWS)
def case(request):
    return FLOWS[request.param]()


def log_det_by_autodiff(function, x):
    """Of the Jacobian of each event, whose value depends on no other event."""
    x = x.clone().requires_grad_()
    value, _ = function(x)
    rows = [torch.autograd.grad(column.sum(), x, retain_graph=True)[0] for column in value.unbind(dim=-1)]
    return torch.linalg.slogdet(torch.stack(rows, dim=-2).double()).logabsdet


def test_it_moves_events(case):
    u, _ = case.forward(case.x)
    assert (u - case.x).abs().mean() > 0.05


def test_it_comes_back(case):
    u, _ = case.forward(case.x)
    again, _ = case.inverse(u.detach())
    torch.testing.assert_close(again, case.x, rtol=0, atol=1e-5)


def test_the_log_determinant_is_that_of_the_derivative(case):
    _, log_det = case.forward(case.x)
    expected = log_det_by_autodiff(case.forward, case.x)
    torch.testing.assert_close(log_det.double(), expected, rtol=0, atol=case.log_det_to)


def test_the_log_determinants_of_both_ways_cancel(case):
    u, forth = case.forward(case.x)
    _, back = case.inverse(u.detach())
    torch.testing.assert_close(back, -forth, rtol=0, atol=10 * case.log_det_to)


def test_the_log_determinant_of_the_way_back_is_that_of_its_derivative(case):
    u = case.forward(case.x)[0].detach()
    _, log_det = case.inverse(u)
    expected = log_det_by_autodiff(case.inverse, u)
    torch.testing.assert_close(log_det.double(), expected, rtol=0, atol=10 * case.log_det_to)
