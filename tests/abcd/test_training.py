import numpy as np
import pytest
import torch

from neyman.abcd.batches import Plan, TensorSample, statement_of_bias
from neyman.abcd.data import load
from neyman.abcd.networks import Scores
from neyman.abcd.training import CLASSIFIERS, CLS, fit
from neyman.core.errors import ArtefactError, DataError


@pytest.fixture(scope="module")
def fitted(tiny):
    return fit(tiny(), load(tiny()))


@pytest.fixture
def short(tiny):
    """Two epochs of each phase."""
    steps = {"epochs": 2, "steps_per_epoch": 3, "batch": 500}
    warm_up = steps | {"steps_per_epoch": 30, "learning_rate": 0.01}
    method = {"kind": "cls", "warm_up": warm_up, "training": steps, "constraints": {"disco_events": 300}}
    return tiny(method=method, data={"kind": "toy", "background": 2000, "signal": 1000})


def test_constraints_hold_in_the_end_and_cls_is_better_than_at_the_start(fitted):
    history = fitted.histories[CLS]
    measures, best = history.measures, history.best
    assert max(measures["closure"][0], measures["random_closure"][0]) > 0.05
    for name in ("closure", "random_closure", "disco", "least_yield"):
        assert measures[f"{name}.satisfied"][best] == 1.0, name
    assert max(measures["closure"][best], measures["random_closure"][best]) <= 0.05 * 1.05
    assert measures["objective"][best] < measures["objective"][0]
    assert history.validation[best] == measures["validation"][best] == min(history.validation)
    assert history.validation[0] > measures["validation"][0] + 10  # a violated constraint makes an epoch worse


def test_multipliers_rise_while_a_constraint_is_violated(fitted):
    measures = fitted.histories[CLS].measures
    violated = [name for name in ("closure", "random_closure") if not measures[f"{name}.satisfied"][0]]
    assert violated
    for name in violated:
        assert measures[f"{name}.multiplier"][1] > measures[f"{name}.multiplier"][0] >= 0


def test_the_warm_up_learns_to_classify(fitted, tiny):
    test = load(tiny()).parts.test
    scores = fitted.scores.evaluate(test.matrix(("x0", "x1", "x2")))
    assert fitted.histories[CLASSIFIERS].validation[-1] < 2 * np.log(2)
    for score in scores.T:
        assert np.median(score[test.is_signal]) > np.quantile(score[~test.is_signal], 0.9)


class Stop:
    """Ctrl-C after so many epochs of a phase."""

    def __init__(self, phase, epochs):
        self.phase, self.epochs = phase, epochs

    def __call__(self, history, model):
        if (CLS if history.measures else CLASSIFIERS, history.finished) == (self.phase, self.epochs):
            raise KeyboardInterrupt


@pytest.mark.parametrize(("phase", "epochs"), [(CLASSIFIERS, 1), (CLS, 1)])
def test_a_run_that_was_interrupted_ends_as_one_that_was_not(short, tmp_path, phase, epochs):
    loaded = load(short)
    straight = fit(short, loaded)
    with pytest.raises(KeyboardInterrupt):
        fit(short, loaded, checkpoints=tmp_path, on_epoch=Stop(phase, epochs))
    resumed = fit(short, loaded, checkpoints=tmp_path)
    for name, tensor in straight.scores.state_dict().items():
        assert torch.equal(tensor, resumed.scores.state_dict()[name]), name
    assert torch.equal(straight.cuts, resumed.cuts)
    for name in (CLASSIFIERS, CLS):
        one, other = straight.histories[name], resumed.histories[name]
        assert (one.training, one.validation, one.measures) == (other.training, other.validation, other.measures)


def test_a_checkpoint_of_another_config_is_refused(short, tmp_path):
    loaded = load(short)
    with pytest.raises(KeyboardInterrupt):
        fit(short, loaded, checkpoints=tmp_path, on_epoch=Stop(CLASSIFIERS, 1))
    with pytest.raises(ArtefactError):
        fit(short.model_copy(update={"seed": 2}), loaded, checkpoints=tmp_path)


@pytest.mark.parametrize(
    ("method", "phases"), [("bce", [CLASSIFIERS]), ("double_disco", [CLASSIFIERS]), ("cls_alone", [CLASSIFIERS, CLS])]
)
def test_other_methods(short, method, phases):
    steps = {"epochs": 2, "steps_per_epoch": 3, "batch": 500}
    options = {"kind": method, "training": steps} | (
        {"warm_up": steps | {"steps_per_epoch": 30}} if method == "cls_alone" else {}
    )
    config = type(short).model_validate(short.model_dump() | {"method": options})
    found = fit(config, load(config))
    assert list(found.histories) == phases
    assert (found.cuts is None) == (method != "cls_alone")
    if method == "cls_alone":  # constraints are watched, not asked for
        measures = found.histories[CLS].measures
        assert "closure" in measures
        assert not any(name.endswith(".multiplier") for name in measures)


def test_disco_decorrelates(tiny):
    """The same training with and without the term, and the distance correlation of either."""
    from neyman.abcd.objectives import decorrelation

    found = []
    for disco in (0.0, 20.0):
        steps = {"epochs": 4, "steps_per_epoch": 40, "batch": 1000, "learning_rate": 0.01}
        config = tiny(method={"kind": "double_disco", "disco": disco, "training": steps})
        loaded = load(config)
        scores, test = fit(config, loaded).scores, loaded.parts.test
        background = torch.from_numpy(scores.evaluate(test.matrix(loaded.features)[~test.is_signal]))
        found.append(float(decorrelation(background, torch.ones(len(background), dtype=torch.float64))))
    assert found[0] > 0.3
    assert found[1] < 0.1


def test_events_whose_weights_cannot_be_trained_on_cost_no_time(short, message):
    """A region in which weights sum below zero, before the second phase."""
    from dataclasses import replace

    loaded = load(short)
    train = loaded.parts.train
    weights = np.where(train.is_signal | (train.events["x2"] > 0), 1.0, -0.5)
    parts = replace(loaded.parts, train=train.select(np.arange(len(train)), weights / train.weights))
    with pytest.raises(DataError) as error:
        fit(short, replace(loaded, parts=parts))
    message(error, "sum to")


@pytest.fixture
def sample(short):
    loaded = load(short)
    with torch.random.fork_rng(devices=[]):
        scores = Scores(3, (4,))
    scores.standardise_with(loaded.parts.train.matrix(loaded.features))
    return TensorSample.of(loaded.parts.train, scores, loaded.features, "m")


def test_batches_stand_for_the_whole(sample):
    plan = Plan(sample, 300, 10, 1, "x", 4, 50)
    *first, fraction, levels, some = plan.constrained(3)
    weights, is_signal = first[2], first[3]
    assert (len(weights), levels.shape, len(some)) == (300, (4, 2), 50)
    assert fraction.item() == pytest.approx(3 / 9)
    for label in (True, False):
        assert float(weights[is_signal == label].sum()) == pytest.approx(
            float(sample.weights[sample.is_signal == label].sum())
        )
    assert int(some.max()) < int((~is_signal).sum())
    for one, other in zip(plan.constrained(3), plan.constrained(3), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(plan.constrained(4)[0], plan.constrained(3)[0])


def test_a_batch_of_all_is_all(sample):
    assert Plan(sample, None, 10, 1, "x").constrained(0)[0] is sample.inputs


def test_the_bias_of_batches_is_said():
    assert statement_of_bias(None, 100, of_cls=True) == statement_of_bias(100, 100, of_cls=True) == ""
    assert "100 of 400 events" in statement_of_bias(100, 400, of_cls=False)
    assert "CLs" not in statement_of_bias(100, 400, of_cls=False)
    assert "√4 times" in statement_of_bias(100, 400, of_cls=True)
