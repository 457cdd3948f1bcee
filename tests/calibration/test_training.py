import numpy as np
import pytest
import torch

from neyman.calibration.data import load
from neyman.calibration.trained import train_calibration
from neyman.calibration.training import fit
from neyman.core.errors import NumericsError
from neyman.learning.paired_flows import PairedFlow
from neyman.simulation.impact_parameter import true_map


def chi2_in_cells(x, c, goal, c_goal):
    """χ² per bin of 20 bins in 6 cells of phi and eta."""

    def cells(conditions):
        return 3 * (np.cos(conditions[:, 2]) > 0) + np.digitize(conditions[:, 1], (2.8, 3.4))

    found = []
    for cell in range(6):
        here, there = x[cells(c) == cell, 0], goal[cells(c_goal) == cell, 0]
        edges = np.concatenate([[0], np.quantile(there, np.linspace(0, 1, 21))[1:-1], [np.inf]])
        a, b = (np.histogram(each, edges)[0] for each in (here, there))
        found.append(np.mean((a - b * len(here) / len(there)) ** 2 / (a + b)))
    return float(np.mean(found))


def test_simulation_comes_to_look_like_data_in_every_cell(trained, muons):
    (x, c), (goal, c_goal) = muons("simulation", 20_000, 11), muons("data", 20_000, 12)
    before, after = chi2_in_cells(x, c, goal, c_goal), chi2_in_cells(trained.nominal(x, c), c, goal, c_goal)
    assert before > 5
    assert after < 2.2
    truth = true_map(x[:2000, 0], c[:2000])
    distance = np.abs(np.log(trained.nominal(x[:2000], c[:2000])[:, 0] / truth))
    assert np.median(distance) < 0.25 * np.median(np.abs(np.log(x[:2000, 0] / truth)))


def test_members_differ_by_about_the_statistical_error(trained, muons):
    x, c = muons("simulation", 2000, 13)
    one, two = (member(x, c) for member in trained.members)
    spread = np.abs(np.log(one / two))
    assert 0.003 < np.median(spread) < 0.1
    assert len(trained.histories) == 3


def test_the_same_seed_trains_the_same(tiny, muons):
    config = tiny(members=0, training={"epochs": 1, "batch": 128, "least_steps": 5})
    x, c = muons("simulation", 50, 1)
    one, two = (train_calibration(config).nominal(x, c) for _ in range(2))
    assert (one == two).all()
    other = train_calibration(config.model_copy(update={"seed": 2})).nominal(x, c)
    assert not np.allclose(one, other, rtol=1e-6)


def test_an_interrupted_training_goes_on(tiny, tmp_path):
    config = tiny(members=1, training={"epochs": 2, "batch": 128, "least_steps": 5})
    loaded = load(config)
    whole = fit(config, loaded)

    def stop(history, _):
        if history.finished == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(config, loaded, checkpoints=tmp_path, on_epoch=stop)
    resumed = fit(config, loaded, checkpoints=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"nominal.safetensors", "member_0.safetensors"}
    sample = loaded.simulation.test
    assert (resumed.nominal(sample.x, sample.c) == whole.nominal(sample.x, sample.c)).all()
    assert (resumed.members[0](sample.x, sample.c) == whole.members[0](sample.x, sample.c)).all()


def test_several_variables_are_corrected_together(tiny):
    config = tiny(
        data={"kind": "shower_shapes", "events": 4000},
        flow={"hidden": [16], "transforms": 1},
        training={"epochs": 2, "batch": 256},
        members=0,
    )
    trained = train_calibration(config)
    sample = trained.reload().simulation.test
    z = trained.nominal(sample.x, sample.c)
    assert z.shape == (len(sample), 4)
    assert trained.nominal.inverse(z, sample.c) == pytest.approx(sample.x, rel=1e-5)


def test_weights_with_a_sign_take_a_background_away(tiny, muons):
    """Data and a background; sidebands with negative weights take it away again: the closure test of sWeights."""
    from neyman.calibration.data import Loaded, Parts
    from neyman.calibration.sample import Sample

    config = tiny(members=0, split={"train": 0.8, "validation": 0.1})
    rng = np.random.default_rng(1)
    plain = load(config)
    sample = plain.data.train
    (more, c_more), (sideband, c_sideband) = muons("data", 4000, 21), muons("data", 4000, 22)
    x = np.concatenate([sample.x, 3 * more, 3 * sideband])
    w = np.concatenate([sample.w, np.ones(4000), -np.ones(4000)])
    dirty = Sample(x, np.concatenate([sample.c, c_more, c_sideband]), w, sample.variables, sample.conditions)
    loaded = Loaded(plain.simulation, Parts.of(dirty, config.split, rng), plain.schema, {})
    goal, c_goal = muons("data", 20_000, 12)
    events, c = muons("simulation", 20_000, 11)
    after = chi2_in_cells(fit(config, loaded).nominal(events, c), c, goal, c_goal)
    unweighted = Parts.of(dirty.with_w(np.abs(w)), config.split, np.random.default_rng(1))
    wrong = fit(config, Loaded(plain.simulation, unweighted, plain.schema, {})).nominal(events, c)
    assert after < 4
    assert chi2_in_cells(wrong, c, goal, c_goal) > 5 * after


@pytest.mark.parametrize(
    ("factor", "parts"),
    [(np.nan, ["training loss is nan", "learning_rate"]), (-1e3, ["nominal", "runs away", "batch"])],
)
def test_divergence_stops_with_what_to_try(tiny, message, monkeypatch, factor, parts):
    honest = PairedFlow.loss

    def loss(self, *batch):
        return honest(self, *batch) * (factor if torch.is_grad_enabled() else 1.0)

    monkeypatch.setattr(PairedFlow, "loss", loss)
    with pytest.raises(NumericsError) as error:
        train_calibration(tiny(members=0, training={"epochs": 1, "batch": 64, "least_steps": 2}))
    message(error, *parts)


def test_a_training_that_only_harms_is_refused(tiny, message):
    with pytest.raises(NumericsError) as error:
        train_calibration(tiny(members=0, training={"epochs": 1, "batch": 64, "learning_rate": 30.0, "averaging": 0.0}))
    message(error, "validation loss", "no training at all", "learning_rate")
