import numpy as np
import pytest
import torch

from neyman.anomaly.energy_model import EnergyModel, matrix_products_in_bfloat16, new_network, noisy_batches
from neyman.core.errors import ArtefactError, DataError
from neyman.learning.score_matching import ScoreMatching


@pytest.fixture(scope="module")
def events():
    """A bimodal feature, and two that hang together."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(5000, 3)) * (0.4, 1.0, 0.6)
    x[:, 0] += rng.choice([-1.2, 1.2], 5000)
    x[:, 2] += 0.8 * x[:, 1]
    return x.astype(np.float32)


@pytest.fixture(scope="module")
def model(events, tiny):
    config = tiny(training={"epochs": 4, "steps_per_epoch": 80, "batch": 512, "learning_rate": 1e-2, "averaging": 0.98})
    return EnergyModel.fit(events[:4000], events[4000:], config)


def test_what_is_between_the_modes_is_anomalous(model, events):
    between, inside = np.zeros((1, 3), np.float32), np.array([[1.2, 0.0, 0.0]], np.float32)
    assert model.energy(between, 0) > model.energy(inside, 0) + 0.5
    far = np.array([[1.2, 3.0, -3.0]], np.float32)  # each value alone is usual
    assert model.score_norm(far)[0] > np.quantile(model.score_norm(events), 0.999)
    assert model.weighted_norm(far)[0] > np.quantile(model.weighted_norm(events), 0.999)


def test_scores_are_derived_from_one_another(model, events):
    x = events[:200]
    np.testing.assert_allclose(model.score_norm(x, 2), np.linalg.norm(model.scaled_score(x, 2), axis=1))
    np.testing.assert_array_equal(model.scaled_score(x), model.scaled_score(x, model.score_level))
    np.testing.assert_allclose(model.weighted_norm(x), sum(model.score_norm(x, level) ** 2 for level in range(4)))
    assert model.sigmas == pytest.approx((0.2, 0.430887, 0.928318, 2.0))
    assert model.score_level == 1


def test_energies_of_all_levels_are_normalised(model, events):
    """The mean of exp(−E)/q over a known density q is the integral of exp(−E): 1."""
    rng = np.random.default_rng(5)
    for level, sigma in enumerate(model.sigmas):
        covariance = 1.3 * (np.cov(events.T) + sigma**2 * np.eye(3))
        triangle = np.linalg.cholesky(covariance)
        white = rng.normal(size=(40_000, 3))
        log_q = -0.5 * (white**2).sum(axis=1) - 1.5 * np.log(2 * np.pi) - np.log(np.diag(triangle)).sum()
        energy = model.energy((white @ triangle.T).astype(np.float32), level)
        assert np.exp(-energy - log_q).mean() == pytest.approx(1, abs=0.05), level


def test_an_event_scores_the_same_alone(model, events):
    together = model.energy(events[:50])
    alone = np.concatenate([model.energy(events[row : row + 1]) for row in range(50)])
    np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-5)


def test_there_and_back_through_arrays(model, events, tiny):
    again = EnergyModel.from_arrays(model.to_arrays(), tiny().network)
    np.testing.assert_array_equal(again.energy(events), model.energy(events))
    assert again.score_level == model.score_level


def test_samples_look_like_the_events(model, events):
    samples = model.samples(1000, seed=1, steps=10)
    covariance = np.cov(events.T) + 0.2**2 * np.eye(3)
    np.testing.assert_allclose(np.cov(samples.T), covariance, atol=0.2)
    assert (np.abs(samples[:, 0]) < 0.3).mean() < 0.25  # 0.24 for a normal without modes, of this variance
    np.testing.assert_array_equal(samples, model.samples(1000, seed=1, steps=10))


def test_an_interrupted_training_goes_on_as_if_nothing_had_been(events, tiny, tmp_path):
    short, whole = tmp_path / "short", tmp_path / "whole"
    config = tiny(training={"epochs": 3, "steps_per_epoch": 10, "batch": 64})

    class Stop(Exception):
        pass

    def stop(history, _):
        if history.finished == 2:
            raise Stop

    expected = EnergyModel.fit(events[:500], events[500:600], config, whole)
    with pytest.raises(Stop):
        EnergyModel.fit(events[:500], events[500:600], config, short, on_epoch=stop)
    found = EnergyModel.fit(events[:500], events[500:600], config, short)
    np.testing.assert_array_equal(found.energy(events), expected.energy(events))
    with pytest.raises(ArtefactError):
        EnergyModel.fit(events[:400], events[500:600], config, short)


def test_fewer_events_than_a_batch(events, tiny):
    config = tiny(training={"epochs": 1, "steps_per_epoch": 5, "batch": 64})
    model = EnergyModel.fit(events[:5], events[5:6], config)
    assert np.isfinite(model.energy(events[:10])).all()


def test_batches_depend_on_the_step_alone(events, tiny):
    with torch.random.fork_rng(devices=[]):
        network = new_network(3, tiny().network)
    batch = noisy_batches(events, ScoreMatching(network, score_level=1), size=10, seed=1, purpose="training")
    x, level, noise = batch(3)
    assert [tuple(part.shape) for part in (x, level, noise)] == [(10, 3), (10,), (10, 3)]
    torch.testing.assert_close(noise[:5], -noise[5:])
    torch.testing.assert_close(x[:5], x[5:])
    for one, two in zip((x, level, noise), batch(3), strict=True):
        torch.testing.assert_close(one, two)
    assert not torch.equal(noise, batch(4)[2])


def test_lower_precision_ends_with_the_block():
    before = torch.backends.mkldnn.matmul.fp32_precision
    with pytest.raises(ZeroDivisionError), matrix_products_in_bfloat16():
        raise ZeroDivisionError
    assert torch.backends.mkldnn.matmul.fp32_precision == before


@pytest.mark.parametrize(
    ("train", "validation", "part"),
    [
        (np.zeros((0, 2)), np.zeros((5, 2)), "no training events"),
        (np.zeros((5, 2)), np.zeros((0, 2)), "no validation events"),
        (np.zeros((5, 2)), np.zeros((5, 3)), "the same features"),
        (np.full((5, 2), np.nan), np.zeros((5, 2)), "not finite"),
        (np.zeros((5, 2)), np.full((5, 2), np.inf), "not finite"),
    ],
)
def test_events_that_cannot_be_used(train, validation, part, tiny, message):
    with pytest.raises(DataError) as error:
        EnergyModel.fit(train, validation, tiny())
    message(error, part)
