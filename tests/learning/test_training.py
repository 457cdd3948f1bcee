from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import nn

from neyman.core.errors import ArtefactError, InputError, NumericsError
from neyman.learning.config import TrainingConfig
from neyman.learning.schedule import one_cycle
from neyman.learning.training import History, choose_device, train

CPU = torch.device("cpu")
TRUTH = torch.tensor([[1.0], [-2.0], [0.5]])
CONFIG = TrainingConfig(epochs=6, steps_per_epoch=5, learning_rate=0.05)


class Line(nn.Module):
    """Least squares with a hidden layer, so that AdamW, averages and clipping all have something to do."""

    def __init__(self, seed=1):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))

    def loss(self, x, y):
        return (self.net(x) - y).square().mean()


class Parabola(nn.Module):
    """One weight; the best is the first number of the batch."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def loss(self, best):
        return (self.weight - best).square().sum()


def data(step, size=32):
    x = torch.from_numpy(np.random.default_rng(step).normal(size=(size, 3)).astype(np.float32))
    return x, x @ TRUTH


VALIDATION = [data(10_000), data(10_001)]


def run(model, config=CONFIG, **options):
    arguments = {"batches": data, "validation": VALIDATION, "title": "", "device": CPU, **options}
    return train(model, config, **arguments)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def comparable(history):
    return {**asdict(history), "cpu_seconds": len(history.cpu_seconds)}


def test_it_finds_what_generated_the_data():
    model = Line()
    history = run(model, TrainingConfig(epochs=20, steps_per_epoch=25, learning_rate=0.05, weight_decay=0))
    assert history.validation[history.best] < 1e-4
    losses = [model.loss(*batch).item() for batch in VALIDATION]
    assert history.validation[history.best] == pytest.approx(np.mean(losses))
    assert history.step == list(range(25, 501, 25))
    assert (history.finished, history.stopped_early) == (20, False)
    assert history.training[0] > history.training[-1]


class Stop:
    """Ctrl-C after some epochs."""

    def __init__(self, epochs):
        self.epochs = epochs

    def __call__(self, history, model):
        if history.finished == self.epochs:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("stop", "every"), [(1, 1), (3, 1), (5, 1), (3, 2), (5, 4), (2, 7)])
def test_a_run_that_was_interrupted_ends_as_one_that_was_not(tmp_path, stop, every):
    config = CONFIG.model_copy(update={"checkpoint_every": every})
    straight, model = Line(), Line()
    expected = run(straight, config)
    with pytest.raises(KeyboardInterrupt):
        run(model, config, checkpoint=tmp_path / "state", on_epoch=Stop(stop))
    resumed = Line(seed=2)  # initial weights come from the checkpoint, if there is one yet
    if stop < every:
        resumed = Line()
    seen = []
    history = run(resumed, config, checkpoint=tmp_path / "state", on_epoch=lambda h, _: seen.append(h.finished))
    assert_same(weights(resumed), weights(straight))
    assert comparable(history) == comparable(expected)
    assert seen[0] == stop // every * every + 1
    assert (np.diff(history.cpu_seconds) >= 0).all()


def test_a_run_that_was_interrupted_within_an_epoch(tmp_path):
    def batches(step):
        if step == 17:
            raise KeyboardInterrupt
        return data(step)

    straight, model = Line(), Line()
    expected = run(straight)
    with pytest.raises(KeyboardInterrupt):
        run(model, batches=batches, checkpoint=tmp_path / "state")
    history = run(model, checkpoint=tmp_path / "state")
    assert_same(weights(model), weights(straight))
    assert comparable(history) == comparable(expected)


@pytest.mark.parametrize("patience", [1, 20])
def test_a_run_that_is_over_is_not_repeated(tmp_path, patience):
    config = CONFIG.model_copy(update={"patience": patience, "learning_rate": 1.0})
    first = Line()
    expected = run(first, config, checkpoint=tmp_path / "state")

    def no_more(step):
        raise AssertionError(step)

    again = Line(seed=2)
    history = run(again, config, batches=no_more, checkpoint=tmp_path / "state")
    assert_same(weights(again), weights(first))
    assert asdict(history) == asdict(expected)
    assert history.stopped_early == (patience == 1)


def test_a_checkpoint_of_another_run_is_refused(tmp_path, message):
    run(Line(), checkpoint=tmp_path / "state", identity="one")
    with pytest.raises(ArtefactError) as error:
        run(Line(), checkpoint=tmp_path / "state", identity="other")
    message(error, str(tmp_path / "state"))


def test_a_checkpoint_is_needed_by_nobody(tmp_path):
    with_file, without = Line(), Line()
    run(with_file, checkpoint=tmp_path / "state")
    run(without)
    assert_same(weights(with_file), weights(without))


def drifting(step):
    """Training pulls the weight away from zero, where the validation loss is best."""
    return (torch.tensor([3.0]),)


@pytest.mark.parametrize("patience", [1, 3])
def test_patience_stops_and_the_best_epoch_is_kept(patience):
    model, averages = Parabola(), []
    history = run(
        model,
        TrainingConfig(epochs=20, steps_per_epoch=4, learning_rate=0.1, patience=patience, averaging=0.5),
        batches=drifting,
        validation=[(torch.tensor([0.6]),)],
        on_epoch=lambda _, average: averages.append(average.weight.item()),
    )
    assert history.stopped_early
    assert history.finished == history.best + 1 + patience
    assert history.best == np.argmin(history.validation) > 0
    assert model.weight.item() == averages[history.best] != averages[-1]
    np.testing.assert_allclose(history.validation, (np.array(averages) - 0.6) ** 2, rtol=1e-5)


def drift(**options):
    """The weight and its average after each step."""
    model, pairs = Parabola(), []

    def keep(history, average):
        pairs.append((model.weight.item(), average.weight.item()))

    config = TrainingConfig(epochs=9, steps_per_epoch=1, learning_rate=0.1, **options)
    run(model, config, batches=drifting, validation=[drifting(0)], on_epoch=keep)
    return pairs


def test_the_average_follows_the_weights():
    """w̄ ← d w̄ + (1 − d) w after each step, with d = min(averaging, (1 + k)/(10 + k))."""
    expected = 0.0
    for step, (weight, average) in enumerate(drift(averaging=0.4)):
        decay = min(0.4, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
        assert average == pytest.approx(expected, rel=1e-5)


def test_without_averaging_the_weights_themselves_are_kept():
    assert all(weight == average for weight, average in drift(averaging=0))


class Slope(Parabola):
    """The same gradient everywhere: a step of AdamW is then as long as the learning rate."""

    def loss(self, slope):
        return -(self.weight * slope).sum()


def test_the_learning_rate_is_that_of_the_schedule():
    model, seen = Slope(), [0.0]
    config = TrainingConfig(epochs=20, steps_per_epoch=1, learning_rate=0.3, weight_decay=0, patience=30)
    options = {"batches": drifting, "validation": [drifting(0)]}
    run(model, config, **options, on_epoch=lambda *_: seen.append(model.weight.item()))
    np.testing.assert_allclose(np.diff(seen), [one_cycle(step, 20, peak=0.3) for step in range(20)], rtol=1e-4)


def test_gradients_are_clipped():
    """AdamW forgets the size of a gradient but not of one among small ones: a clipped outlier moves it less."""

    def outlier(step):
        return (torch.tensor([1e6 if step == 0 else 0.1]),)

    moves = []
    for clip in (1e-3, 1e9):
        model = Parabola()
        config = TrainingConfig(epochs=4, steps_per_epoch=1, learning_rate=0.1, clip=clip, averaging=0, weight_decay=0)
        seen = []
        options = {"batches": outlier, "validation": [(torch.tensor([0.0]),)]}
        run(model, config, **options, on_epoch=lambda *_, m=model, s=seen: s.append(m.weight.item()))
        moves.append(np.diff(seen))
    assert (np.abs(moves[0] - moves[1]) > 1e-3).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_ends_the_run(tmp_path, bad, message):
    def batches(step):
        return (torch.tensor([bad if step == 7 else 1.0]),)

    with pytest.raises(NumericsError) as error:
        run(Parabola(), batches=batches, validation=[drifting(0)], checkpoint=tmp_path / "state")
    message(error, "step 7", "learning_rate")
    history = run(Parabola(), batches=drifting, validation=[drifting(0)], checkpoint=tmp_path / "state")
    assert np.isfinite(history.training).all()  # what was good before is still there


def test_a_validation_loss_that_is_not_a_number_ends_the_run(message):
    with pytest.raises(NumericsError) as error:
        run(Parabola(), batches=drifting, validation=[(torch.tensor([np.nan]),)])
    message(error, "validation")


def test_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    run(Line())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_history_counts_epochs():
    assert History().finished == 0
    assert History(step=[5, 10]).finished == 2


def test_devices(message):
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in ("cpu", "cuda")
    if not torch.cuda.is_available():
        with pytest.raises(InputError) as error:
            choose_device("cuda")
        message(error, "cuda", "device: auto")
