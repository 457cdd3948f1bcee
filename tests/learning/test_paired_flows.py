"""Pairs of flows: identities that hold for all weights, and maps between normal distributions, which are known."""

import numpy as np
import pytest
import torch
from scipy import stats

from neyman.core.errors import InputError
from neyman.learning.paired_flows import BOUND, PairedFlow
from neyman.learning.splines import QuadraticSpline

SAMPLES = ["simulation", "data"]
FORMS = [
    {"variables": 1},
    {"variables": 1, "shared": False, "transforms": 2, "spline": "quadratic"},
    {"variables": 1, "inputs": 0},
    {"variables": 3, "transforms": 2},
    {"variables": 3, "shared": False, "spline": "quadratic"},
    {"variables": 2, "inputs": 0},
]


def make(*, spread=0.15, seed=1, **options):
    """A flow with random weights, in double precision; without a spread, as it is before training."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        flow = PairedFlow(**{"variables": 1, "inputs": 2, "bins": 6, "hidden": (16, 16), **options}).double()
        with torch.no_grad():
            for parameter in flow.parameters():
                parameter.add_(spread * torch.randn_like(parameter))
    return flow


def events(flow, count=200, seed=2):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.normal(0, 1.5, (count, flow.variables))), torch.tensor(
        rng.normal(size=(count, flow.inputs))
    )


@pytest.fixture(params=FORMS, ids=str)
def flow(request):
    return make(**request.param)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_before_training_everything_is_the_identity(form):
    flow = make(spread=0.0, **form)
    x, c = events(flow)
    for z, log_det in (flow.to_latent(x, c, "data"), flow.from_latent(x, c, "simulation"), flow.transport(x, c)):
        torch.testing.assert_close(z, x, rtol=0, atol=1e-12)
        torch.testing.assert_close(log_det, torch.zeros(len(x), dtype=x.dtype), rtol=0, atol=1e-12)
    expected = stats.norm.logpdf(x.numpy()).sum(axis=1)
    np.testing.assert_allclose(flow.log_prob(x, c, "data").detach().numpy(), expected)


@pytest.mark.parametrize("source", SAMPLES)
def test_transport_is_there_with_one_and_back_with_the_other(flow, source):
    x, c = events(flow)
    target = SAMPLES[1 - SAMPLES.index(source)]
    z, log_det = flow.transport(x, c, source=source)
    u, forth = flow.to_latent(x, c, source)
    expected, back = flow.from_latent(u, c, target)
    torch.testing.assert_close(z, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(log_det, forth + back, rtol=0, atol=1e-8)
    assert (z - x).abs().mean() > 0.05
    again, _ = flow.transport(z, c, source=target)
    torch.testing.assert_close(again, x, rtol=0, atol=1e-8)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("form", [FORMS[0], FORMS[1], FORMS[5]], ids=str)
def test_the_density_integrates_to_one(form, sample):
    flow = make(**form)
    axis = torch.linspace(-9, 9, 8001 if flow.variables == 1 else 241, dtype=torch.float64)
    x = torch.cartesian_prod(*[axis] * flow.variables).view(-1, flow.variables)
    c = torch.full((1, flow.inputs), 0.7, dtype=torch.float64).expand(len(x), -1)
    with torch.no_grad():
        density = flow.log_prob(x, c, sample).exp()
    total = density.sum() * (axis[1] - axis[0]) ** flow.variables
    assert total.item() == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize(("transforms", "first"), [(1, 0), (2, None)])
def test_with_several_variables_each_depends_on_those_before(transforms, first):
    flow = make(variables=3, transforms=transforms)
    x, c = events(flow, 1)
    jacobian = torch.autograd.functional.jacobian(lambda x: flow.to_latent(x, c, "data")[0], x)[0, :, 0]
    above = jacobian[torch.triu(torch.ones(3, 3, dtype=torch.bool), diagonal=1)]
    assert (above == 0).all() == (first == 0)  # the second transform goes the other way
    assert (jacobian[torch.tril(torch.ones(3, 3, dtype=torch.bool))] != 0).all()


def test_beyond_the_bound_it_is_the_identity_and_networks_see_the_bound():
    flow = make(variables=2)
    _, c = events(flow, 3)
    x = torch.tensor([[BOUND, 1.0], [8.0, 1.0], [torch.inf, 1.0]], dtype=torch.float64)
    u, log_det = flow.to_latent(x, c[:1].expand(3, -1), "data")
    assert u[1:, 0].tolist() == [8.0, torch.inf]
    torch.testing.assert_close(u[:, 1], u[:1, 1].expand(3))
    assert torch.isfinite(log_det).all()
    assert torch.isfinite(flow.from_latent(u, c, "data")[0][:, 1]).all()


@pytest.mark.parametrize("shared", [True, False])
def test_what_samples_share(shared):
    flow = make(shared=shared)
    x, c = events(flow)
    before = [flow.log_prob(x, c, sample).detach() for sample in SAMPLES]
    with torch.no_grad():
        flow.layers[0].trunks[0][0].weight.add_(0.1)
    after = [flow.log_prob(x, c, sample).detach() for sample in SAMPLES]
    assert not torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1]) != shared
    with torch.no_grad():
        flow.layers[0].heads[1].weight.add_(0.1)
    assert torch.equal(flow.log_prob(x, c, "simulation"), after[0])
    assert not torch.equal(flow.log_prob(x, c, "data"), after[1])


def test_the_loss_is_the_weighted_mean_of_both_samples(flow, rng):
    x, c = events(flow)
    y, d = events(flow, 50, seed=3)
    w, v = torch.tensor(rng.uniform(0, 2, 200)), torch.tensor(rng.uniform(0, 2, 50))
    means = [
        np.average(-flow.log_prob(*points, sample).detach().numpy(), weights=weights.numpy())
        for points, sample, weights in (((x, c), "simulation", w), ((y, d), "data", v))
    ]
    assert flow.loss(x, c, w, y, d, v).item() == pytest.approx(np.mean(means))
    assert flow.loss(x, c, 7 * w, y, d, v).item() == pytest.approx(np.mean(means))


def test_negative_weights_are_divided_by_the_sum_of_positive_ones():
    flow = make()
    x, c = events(flow, 3)
    none = torch.zeros(3, dtype=torch.float64)
    w = torch.tensor([2.0, 1.0, -1.0], dtype=torch.float64)
    each = -flow.log_prob(x, c, "data")
    expected = 0.5 * (2 * each[0] + each[1] - each[2]) / 3
    assert flow.loss(x, c, none, x, c, w).item() == pytest.approx(expected.item())


def test_a_sample_without_positive_weights_adds_nothing(flow):
    x, c = events(flow)
    w = torch.ones(200, dtype=torch.float64)
    alone = flow.loss(x[:0], c[:0], w[:0], x, c, w)
    assert alone.item() == pytest.approx(-0.5 * flow.log_prob(x, c, "data").mean().item())
    for nothing in (0 * w, -w):
        assert flow.loss(x, c, nothing, x, c, w).item() == pytest.approx(alone.item())
    alone.backward()
    assert all(torch.isfinite(p.grad).all() for p in flow.parameters() if p.grad is not None)


def test_every_parameter_gets_a_gradient(flow):
    x, c = events(flow)
    w = torch.ones(200, dtype=torch.float64)
    flow.loss(x, c, w, 0.5 * x, c, w).backward()
    for name, parameter in flow.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad != 0).any(), name


def trained(flow, batch, steps=100):
    optimiser = torch.optim.Adam(flow.parameters(), lr=0.02)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 0.02 * (1 - step / steps)
        optimiser.zero_grad()
        flow.loss(*batch).backward()
        optimiser.step()
    return flow


def far_from_truth(flow, truth):
    """The largest distance between the map and the known one, where there are events."""
    x = torch.linspace(-1.5, 1.5, 7).repeat(3)[:, None]
    c = torch.tensor([-1.0, 0.0, 1.0]).repeat_interleave(7)[:, None]
    with torch.no_grad():
        z, _ = flow.transport(x, c)
    return (z - truth(x, c)).abs().max().item()


@pytest.mark.parametrize("shared", [True, False])
def test_it_learns_the_map_between_normal_distributions(shared, rng):
    """From N(0, 1) to N(0.4 + 0.3 c, 0.8): the map is linear at each c."""
    n = 2000
    c = torch.tensor(rng.uniform(-1.5, 1.5, (2, n, 1)), dtype=torch.float32)
    x, noise = torch.tensor(rng.normal(size=(2, n, 1)), dtype=torch.float32)
    data = 0.4 + 0.3 * c[1] + 0.8 * noise
    flow = make(inputs=1, spread=0.0, shared=shared, bins=4).float()
    w = torch.ones(n)

    def truth(x, c):
        return 0.4 + 0.3 * c + 0.8 * x

    assert far_from_truth(flow, truth) > 0.6
    assert far_from_truth(trained(flow, (x, c[0], w, data, c[1], w)), truth) < 0.15


def test_negative_weights_take_a_background_away(rng):
    """Data with a background at 2.5, which events of weight −1 from a control region subtract."""
    n, background = 2000, 750
    c = torch.zeros(n + 2 * background, 1)
    x, data = (torch.tensor(rng.normal(size=(n, 1)), dtype=torch.float32) for _ in range(2))
    more = torch.tensor(rng.normal(2.5, 0.3, (2 * background, 1)), dtype=torch.float32)
    w = torch.ones(n + 2 * background)
    w[n + background :] = -1
    all_of_it = torch.cat([data, more])
    one = torch.ones(n)

    def truth(x, c):
        return x

    kept = trained(make(inputs=1, spread=0.0, bins=4).float(), (x, c[:n], one, all_of_it, c, w.clamp(min=0)))
    taken = trained(make(inputs=1, spread=0.0, bins=4).float(), (x, c[:n], one, all_of_it, c, w))
    assert far_from_truth(kept, truth) > 0.6
    assert far_from_truth(taken, truth) < 0.4


def test_it_comes_back_from_its_state(flow):
    x, c = events(flow)
    options = {"transforms": len(flow.layers), "shared": len(flow.layers[0].trunks) == 1}
    kind = "quadratic" if isinstance(flow.layers[0].spline, QuadraticSpline) else "rational_quadratic"
    other = make(variables=flow.variables, inputs=flow.inputs, seed=5, spline=kind, **options)
    other.load_state_dict(flow.state_dict())
    assert torch.equal(other.transport(x, c)[0], flow.transport(x, c)[0])
    stored = [tensor.data_ptr() for tensor in flow.state_dict().values() if tensor.numel()]
    assert len(stored) == len(set(stored))  # nothing is stored twice, which safetensors refuses


def test_no_events_are_no_values(flow):
    x, c = events(flow, 0)
    for z, log_det in (flow.transport(x, c), flow.to_latent(x, c, "data"), flow.from_latent(x, c, "data")):
        assert z.shape == x.shape
        assert log_det.shape == (0,)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"variables": 0}, ("0 variables", "at least 1")),
        ({"inputs": -1}, ("-1 inputs", "at least 0")),
        ({"transforms": 0}, ("0 transforms", "at least 1")),
        ({"hidden": ()}, ("hidden layers ()", "at least one")),
        ({"hidden": (16, 0)}, ("hidden layers (16, 0)", "width 1 or more")),
        ({"bins": 1}, ("1 bins", "2 to 200")),
    ],
)
def test_sizes_must_make_sense(options, parts, message):
    with pytest.raises(InputError) as error:
        PairedFlow(**{"variables": 1, "inputs": 1, **options})
    message(error, *parts)


@pytest.mark.parametrize(("columns", "conditions"), [(2, 2), (1, 3), (1, 0)])
def test_shapes_must_fit(columns, conditions, message):
    flow = make()
    x, c = torch.zeros(5, columns, dtype=torch.float64), torch.zeros(5, conditions, dtype=torch.float64)
    w = torch.ones(5, dtype=torch.float64)
    for call in (
        lambda: flow.to_latent(x, c, "data"),
        lambda: flow.from_latent(x, c, "data"),
        lambda: flow.transport(x, c),
        lambda: flow.log_prob(x, c, "data"),
        lambda: flow.loss(x, c, w, x, c, w),
    ):
        with pytest.raises(InputError) as error:
            call()
        message(error, str((5, columns)), str((5, conditions)), "(5, 1) and (5, 2)")
