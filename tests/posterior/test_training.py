"""Training end to end, where the posterior is known in closed form."""

from dataclasses import asdict

import numpy as np
import pytest

from neyman.core.errors import ArtefactError, ConfigError, DataError, InputError
from neyman.diagnostics.grids import quantiles
from neyman.events.events import Events
from neyman.learning.flows import ConditionalFlow
from neyman.posterior import fitting
from neyman.posterior.checking import KL
from neyman.posterior.estimators import ExactGrid, PriorEstimator
from neyman.posterior.fitting import SmallSets
from neyman.posterior.trained import _weights, train_on
from neyman.simulation.datasets import generate
from neyman.simulation.prior import UniformPrior
from neyman.simulation.toys import GaussianToy

KINDS = ["scores", "set_encoder"]


class Bent(GaussianToy):
    """The toy in another parameter, x ~ N(ν + ν³, 1): the posterior of ν is not normal, nor equally wide everywhere."""

    def bend(self, theta):
        return theta + theta**3

    def simulate_sets(self, theta, n_events, rng):
        return super().simulate_sets(self.bend(theta), n_events, rng)

    def log_likelihood_grid(self, grid, matrix):
        return super().log_likelihood_grid(self.bend(grid), matrix)

    def score_grid(self, grid, matrix):
        return super().score_grid(self.bend(grid), matrix) * (1 + 3 * grid**2)

    def config(self):
        return {**super().config(), "kind": "Bent"}


def divergence(estimator, simulator, size, *, sets=100, points=200):
    """Mean KL(exact‖learned) at one size: the mean of log p − log q at quantiles of p."""
    rng = np.random.default_rng(size)
    events = list(simulator.simulate_sets(estimator.prior.sample(sets, rng), size, rng))
    if type(simulator) is GaussianToy:  # in closed form
        truths = [simulator.posterior(Events.from_matrix(m, simulator.schema), estimator.prior) for m in events]
        theta = np.array([truth.quantile((np.arange(points) + 0.5) / points) for truth in truths])
        log_p = np.array([truth.log_prob(at) for truth, at in zip(truths, theta, strict=True)])
    else:
        exact = ExactGrid(simulator, estimator.prior)
        q = (np.arange(points) + 0.5) / points
        theta = np.array([quantiles(*exact.density(matrix), q) for matrix in events])
        log_p = exact.log_prob(theta[:, :, None], events)
    return (log_p - estimator.log_prob(theta[:, :, None], events)).mean()


@pytest.mark.parametrize("kind", KINDS)
def test_one_network_learns_the_closed_form_at_every_size(kind, toy, request):
    """Three seconds of training reach 0.003: normal likelihoods are where the flow starts."""
    trained = request.getfixturevalue(kind)
    found = {size: divergence(trained.estimator, toy, size) for size in (20, 33, 90, 200)}
    assert max(found.values()) < 0.01, found
    assert min(found.values()) > -0.001  # as a divergence must be


def test_what_has_learned_nothing_is_far_from_it(toy, prior):
    assert all(divergence(PriorEstimator(prior), toy, size) > 0.5 for size in (20, 200))


@pytest.mark.parametrize("kind", KINDS)
def test_a_posterior_that_is_not_normal_is_learned(prior, small_config, kind):
    """Seven seconds of training reach 0.02, where the linear regression that it starts from is far away."""
    config = small_config(kind, steps=50, epochs=10, batch=256, simulate=1_000_000, events=[20, 100])
    trained = train_on(Bent(), prior, config)
    found = {size: divergence(trained.estimator, Bent(), size) for size in (20, 33, 100)}
    assert max(found.values()) < KL, found
    start = train_on(Bent(), prior, small_config(kind, steps=1, epochs=1, events=[20, 100]))
    assert divergence(start.estimator, Bent(), 20) > 10 * found[20]
    for history in trained.histories.values():
        assert history.validation[history.best] < np.log(2) - 0.5  # the prior's is log 2


def test_histories_say_what_happened(scores, set_encoder):
    assert list(scores.histories) == ["flow"]
    assert list(set_encoder.histories) == ["statistic", "flow"]
    for history in (*scores.histories.values(), *set_encoder.histories.values()):
        assert history.finished == 8
        assert history.validation[history.best] < np.log(2) - 0.5  # the prior's is log 2
    spent = sum(history.cpu_seconds[-1] for history in set_encoder.histories.values())
    assert 0 < spent < set_encoder.cpu_seconds


def assert_same(one, other):
    first, second = _weights(one.estimator), _weights(other.estimator)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def trained_weights(trained):
    return {name: value for name, value in _weights(trained.estimator).items() if name.endswith(("weight", "bias"))}


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_weights(toy, prior, small_config, straight, kind):
    assert_same(train_on(toy, prior, small_config(kind)), straight[kind])


def test_another_seed_other_weights(toy, prior, small_config, straight):
    other = _weights(train_on(toy, prior, small_config(seed=2)).estimator)
    assert all((other[name] != value).any() for name, value in trained_weights(straight["scores"]).items())


class Stop:
    """Ctrl-C after an epoch of a stage."""

    def __init__(self, stage, epoch):
        self.model, self.epoch = {"statistic": SmallSets, "flow": ConditionalFlow}[stage], epoch

    def __call__(self, history, model):
        if isinstance(model, self.model) and history.finished == self.epoch:
            raise KeyboardInterrupt


def interrupt(*args, stage="flow", epoch=1, **options):
    with pytest.raises(KeyboardInterrupt):
        train_on(*args, **options, on_epoch=Stop(stage, epoch))


@pytest.mark.parametrize(
    ("kind", "stage", "epoch"),
    [("scores", "flow", 2), *(("set_encoder", "statistic", epoch) for epoch in (1, 3)), ("set_encoder", "flow", 1)],
)
def test_an_interrupted_run_goes_on_to_the_same_end(toy, prior, small_config, straight, tmp_path, kind, stage, epoch):
    config = small_config(kind)
    interrupt(toy, prior, config, checkpoints=tmp_path, stage=stage, epoch=epoch)
    resumed = train_on(toy, prior, config, checkpoints=tmp_path)
    assert_same(resumed, straight[kind])
    for name, history in straight[kind].histories.items():
        expected = {**asdict(history), "cpu_seconds": None}
        assert {**asdict(resumed.histories[name]), "cpu_seconds": None} == expected


def test_checkpoints_are_of_one_run(toy, prior, small_config, tmp_path, message):
    interrupt(toy, prior, small_config(), checkpoints=tmp_path)
    for other in (
        (toy, prior, small_config(seed=2)),
        (toy, prior, small_config(simulate=200_000)),
        (GaussianToy(sigma=2.0), prior, small_config()),
        (toy, UniformPrior({"mu": (-1.0, 1.5)}), small_config()),
    ):
        with pytest.raises(ArtefactError) as error:
            train_on(*other, checkpoints=tmp_path)
        message(error, "flow.safetensors", "another config")


def test_a_prior_of_other_parameters_is_refused(toy, small_config, message):
    for bounds in ({"nu": (0, 1)}, {"mu": (0, 1), "nu": (0, 1)}):
        with pytest.raises(InputError) as error:
            train_on(toy, UniformPrior(bounds), small_config())
        message(error, "nu", "expected: a prior of mu")


def test_inputs_that_do_not_fit_the_events_are_refused(toy, prior, small_config, message):
    with pytest.raises(ConfigError) as error:
        train_on(toy, prior, small_config(estimator={"kind": "set_encoder", "inputs": "angular"}))
    message(error, "angular", "inputs: plain")


def test_every_epoch_is_reported(toy, prior, small_config):
    seen = []
    train_on(toy, prior, small_config("set_encoder"), on_epoch=lambda h, m: seen.append((type(m), h.finished)))
    assert seen == [(stage, epoch) for stage in (SmallSets, ConditionalFlow) for epoch in (1, 2, 3)]


@pytest.fixture(scope="module")
def data(toy, prior, tmp_path_factory):
    return generate(toy, prior, sets=300, events=200, seed=5, out=tmp_path_factory.mktemp("data") / "set")


def test_sets_on_disk_teach_as_well(toy, data, small_config, prior):
    """300 sets of 200 events: few, so that it is only better than the prior by far, not good."""
    trained = train_on(toy, prior, small_config("set_encoder", steps=25, epochs=6), data=data)
    for size in (20, 200):
        assert divergence(trained.estimator, toy, size) < 0.25 * divergence(PriorEstimator(prior), toy, size)


def batches_of(monkeypatch, train):
    """θ of what each stage trains on and of what it validates with."""
    seen = {}
    original = fitting.train

    def spy(model, options, *, batches, validation, title, **rest):
        trained = np.concatenate([batches(step)[0][:, 0] for step in range(40)])
        seen[title] = set(trained.tolist()), {value for batch in validation for value in batch[0][:, 0].tolist()}
        return original(model, options, batches=batches, validation=validation, title=title, **rest)

    monkeypatch.setattr(fitting, "train", spy)
    train()
    return seen


def test_sets_that_validate_are_trained_on_in_neither_stage(toy, prior, data, small_config, monkeypatch):
    seen = batches_of(monkeypatch, lambda: train_on(toy, prior, small_config("set_encoder"), data=data))
    assert list(seen) == ["training the statistic", "training the flow"]
    (first, first_kept), (second, second_kept) = seen.values()
    assert (first | second).isdisjoint(first_kept | second_kept)
    assert len(first | second) == 270
    assert len(first_kept | second_kept) == 30


def test_an_interrupted_run_on_sets_from_disk(toy, prior, data, small_config, tmp_path, message):
    config = small_config("set_encoder")
    interrupt(toy, prior, config, data=data, checkpoints=tmp_path)
    resumed = train_on(toy, prior, config, data=data, checkpoints=tmp_path)
    assert_same(resumed, train_on(toy, prior, config, data=data))
    with pytest.raises(ArtefactError) as error:  # fresh events in place of those on disk
        train_on(toy, prior, config, checkpoints=tmp_path)
    message(error, "another config")


def test_sets_of_another_simulator_are_refused(prior, data, small_config, message):
    with pytest.raises(InputError) as error:
        train_on(GaussianToy(sigma=2.0), prior, small_config(), data=data)
    message(error, str(data.path), "another simulator", "sigma 1.0", "sigma 2.0")


def test_sets_of_another_prior_are_refused(toy, data, small_config, message):
    with pytest.raises(InputError) as error:
        train_on(toy, UniformPrior({"mu": (-1.0, 2.0)}), small_config(), data=data)
    message(error, str(data.path), "another prior", "2.0")


def test_sets_that_are_too_small_are_refused(toy, prior, data, small_config, message):
    with pytest.raises(DataError) as error:
        train_on(toy, prior, small_config(events=[20, 201]), data=data)
    message(error, str(data.path), "200 events", "at least 201", "[20, 200]")


@pytest.mark.parametrize("kind", KINDS)
def test_too_few_sets_are_refused_before_anything_is_trained(toy, prior, small_config, tmp_path, message, kind):
    few = generate(toy, prior, sets=99, events=200, seed=5, out=tmp_path / "few")

    def never(history, model):
        pytest.fail("trained")

    with pytest.raises(DataError) as error:
        train_on(toy, prior, small_config(kind), data=few, on_epoch=never)
    message(error, "99 sets", "at least 100")


def test_sets_may_be_smaller_than_those_the_statistic_asks_for(toy, prior, small_config, tmp_path):
    data = generate(toy, prior, sets=100, events=30, seed=5, out=tmp_path / "small")
    trained = train_on(toy, prior, small_config("set_encoder", events=[10, 30]), data=data)
    assert trained.histories["flow"].finished == 3


def test_decays_on_disk_are_recognised(decay, small_config, tmp_path):
    """The config of a simulator that went through JSON is still the same."""
    prior = UniformPrior({"C9": (3, 5)})
    data = generate(decay, prior, sets=100, events=30, seed=5, out=tmp_path / "decays")
    estimator = {"kind": "set_encoder", "inputs": "angular", "hidden": [8], "flow_hidden": [8]}
    trained = train_on(decay, prior, small_config(events=[10, 30], estimator=estimator), data=data)
    assert trained.prior.parameters == ("C9",)
