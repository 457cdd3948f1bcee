import numpy as np
import pytest

from neyman.calibration.checking import Training, check, transport_cost
from neyman.calibration.config import ChecksConfig
from neyman.calibration.results import CheckResult
from neyman.calibration.sample import Sample
from neyman.core.errors import ConfigError, DataError, InputError

# Simulation x = N(0, 1); data x = c + 1.2·N(0, 1). The exact map is c + 1.2·x.
OPTIONS = ChecksConfig(cells={"c": (-0.5, 0.0, 0.5)}, bins=20, tail_thresholds={"x": (1.5, 3.4)})


def events(rng, n, *, slope=0.0, width=1.0, tilt=0.0):
    """Conditions c and d are uniform in (−1, 1), c with a density 1 + tilt·c."""
    c = rng.uniform(-1, 1, (4 * n, 2))
    c = c[rng.uniform(0, 1 + abs(tilt), 4 * n) < 1 + tilt * c[:, 0]][:n]
    x = slope * c[:, :1] + width * rng.normal(size=(n, 1))
    return Sample(x, c, np.ones(n), ("x",), ("c", "d"))


class Map:
    """A correction with known answers; members of its bootstrap differ by 2 % of the width."""

    def __init__(self, function, members=3):
        self.function, self.members = function, members

    def corrected(self, sample):
        return sample.with_x(self.function(sample.x, sample.c[:, :1]))

    def variations(self, sample):
        if self.members < 2:
            raise InputError("too few members")
        z = self.corrected(sample).x
        return np.stack([z + 0.02 * (number - 1) * sample.x for number in range(self.members)])


def exact(x, c):
    return c + 1.2 * x


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(7)
    data = {"slope": 1.0, "width": 1.2}
    return events(rng, 6000), events(rng, 6000, **data), Training(events(rng, 12_000), events(rng, 12_000, **data))


@pytest.fixture(scope="module")
def of_exact(samples):
    simulation, data, training = samples
    outside = np.zeros(6000, dtype=bool)
    return check(Map(exact), simulation, data, OPTIONS, training=training, outside=outside, artefact="abc")


def named(result):
    return {verdict.name: verdict for verdict in result.verdicts}


def test_the_exact_map_passes(of_exact):
    assert of_exact.passed, of_exact.verdicts
    found = named(of_exact)
    assert found["histograms in cells"].passed is True
    assert found["classifier"].passed is True
    assert found["tail x > 1.5"].passed is True
    assert found["better than a quantile map"].passed is True
    assert found["conditions within the training's"].passed is True


def test_the_same_result_says_that_simulation_does_not(of_exact):
    assert of_exact.uncorrected.chi2_per_bin > 10
    assert of_exact.uncorrected.auc > 0.6
    assert of_exact.quantile_map.chi2_per_bin < 2.5  # right for all events together
    assert of_exact.quantile_map.chi2_per_bin_cells > 3  # and wrong in each cell


def test_too_few_events_in_the_tail_are_told(of_exact):
    verdict = named(of_exact)["tail x > 3.4"]
    assert verdict.passed is None
    assert verdict.detail.startswith("no claim")


def test_all_candidates_are_as_many_as_the_floor(of_exact):
    assert {getattr(of_exact, name).events for name in ("floor", "corrected", "uncorrected", "reweighting")} == {3000}
    assert of_exact.judging_events == 3000
    assert of_exact.reweighting.effective_events < 2700


def test_tails_carry_the_uncertainty_of_the_training(of_exact):
    errors = [tail.training_error for tail in of_exact.corrected.tails]
    assert all(0 < error < 0.2 for error in errors)
    assert all(tail.training_error is None for tail in of_exact.quantile_map.tails)
    band = np.subtract(of_exact.histograms["x"].up, of_exact.histograms["x"].down)
    assert (band >= 0).all()
    assert band.sum() > 0


def test_cells_are_described(of_exact):
    assert [cell.label for cell in of_exact.cells][:2] == ["c ≤ -0.5", "-0.5 < c ≤ 0"]
    assert sum(cell.events for cell in of_exact.cells) == pytest.approx(3000)
    assert len(of_exact.corrected.chi2_per_bin_by_cell) == len(of_exact.cells) == 4


def test_the_cost_of_transport_is_the_mean_displacement(of_exact, samples):
    simulation = samples[0]
    expected = np.abs(exact(simulation.x, simulation.c[:, :1]) - simulation.x).mean()
    assert of_exact.transport_cost["corrected"]["x"] == pytest.approx(expected, rel=0.05)
    assert of_exact.transport_cost["quantile_map"]["x"] < expected  # it does not do what it should
    signed = Sample(np.zeros((3, 1)), np.zeros((3, 1)), np.array([1.0, 1.0, -1.0]), ("x",), ("c",))
    assert transport_cost(signed, signed.with_x(np.array([[1.0], [-2.0], [0.5]]))) == {"x": 2.5}


def test_what_it_came_from_is_told(of_exact):
    assert (of_exact.artefact, of_exact.seed, of_exact.level) == ("abc", 1, 0.99)
    assert of_exact.baselines_fitted_on == "training"


def test_json_comes_back(of_exact, tmp_path):
    of_exact.save(tmp_path / "check.json")
    assert CheckResult.load(tmp_path / "check.json").to_json() == of_exact.to_json()


def test_a_correction_that_does_nothing_fails(samples):
    result = check(Map(lambda x, c: x + 0 * c, members=1), *samples[:2], OPTIONS)
    found = named(result)
    assert not result.passed
    for name in ("histograms", "histograms in cells", "classifier", "better than a quantile map in cells"):
        assert found[name].passed is False, found[name]
    assert result.baselines_fitted_on == "check"
    assert result.corrected.tails[0].training_error is None
    assert result.histograms["x"].up is None
    assert result.corrected.chi2_per_bin == result.uncorrected.chi2_per_bin  # and is judged on the same events
    assert result.corrected.auc == result.uncorrected.auc


def test_right_inclusively_and_wrong_in_cells(samples):
    """What an inclusive map makes perfect: N(0, 1) to the sum of a uniform and a normal, whatever c is."""
    result = check(Map(lambda x, c: exact(x, -c)), *samples[:2], OPTIONS)
    found = named(result)
    assert found["histograms"].passed is True
    assert found["histograms in cells"].passed is False
    assert found["classifier"].passed is False


def test_other_conditions_are_weighted_for_judging_only(samples):
    rng = np.random.default_rng(3)
    simulation = events(rng, 6000, tilt=-0.5)
    result = check(Map(exact), simulation, samples[1], OPTIONS)
    assert result.conditions.weighted
    assert "for judging only" in named(result)["same conditions"].detail
    assert result.passed, result.verdicts
    assert result.corrected.effective_events < result.corrected.events
    assert np.array_equal(simulation.w, np.ones(6000))


class TouchesConditions(Map):
    def corrected(self, sample):
        right = super().corrected(sample)
        return Sample(right.x, sample.c + 1e-12, sample.w, sample.variables, sample.conditions)


def test_a_correction_that_touches_conditions_fails(samples):
    rng = np.random.default_rng(5)
    rows = rng.permutation(6000)[:1000]
    result = check(TouchesConditions(exact), samples[0].select(rows), samples[1].select(rows), OPTIONS)
    assert named(result)["conditions untouched"].passed is False
    assert not result.passed


@pytest.mark.parametrize(
    ("change", "kind", "part"),
    [
        (lambda s: s.with_w(-s.w), DataError, "sum to -6000"),
        (lambda s: s.with_x(np.full_like(s.x, np.nan)), DataError, "'x' is nan"),
        (lambda s: s.select(slice(0, 100)), DataError, "at least 100"),
        (lambda s: Sample(s.x, s.c, s.w, ("y",), s.conditions), DataError, "variables y"),
        (lambda s: Sample(s.x, s.c[:, :1], s.w, ("x",), ("d",)), DataError, "conditions d"),
    ],
)
def test_simulation_that_cannot_be_judged(samples, message, change, kind, part):
    with pytest.raises(kind) as error:
        check(Map(exact), change(samples[0]), samples[1], OPTIONS)
    message(error, part)


def test_cells_of_no_condition(samples, message):
    with pytest.raises(ConfigError) as error:
        check(Map(exact), samples[0], samples[1], ChecksConfig(cells={"eta": (1.0,)}))
    message(error, "'eta' is no condition", "c, d")
