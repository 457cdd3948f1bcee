import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from neyman.calibration.cells import Cells
from neyman.calibration.config import ChecksConfig
from neyman.calibration.metrics import (
    Chi2,
    cells_chi2,
    histogram_chi2,
    inclusive_chi2,
    measure,
    require_comparable,
    tail_ratios,
)
from neyman.calibration.sample import Sample
from neyman.core.errors import DataError

OPTIONS = ChecksConfig(cells=4, bins=10)


def gaussian(rng, n, *, mean=0.0, slope=0.0, width=1.0, w=None):
    """x = mean + slope·c + width·N(0, 1), c uniform in (−1, 1)."""
    c = rng.uniform(-1, 1, (n, 1))
    x = mean + slope * c + width * rng.normal(size=(n, 1))
    return Sample(x, c, np.ones(n) if w is None else w, ("x",), ("c",))


def test_chi2_by_hand():
    """Shares of 0.6 and 0.4 of 50 events against halves of 100."""
    data, candidate = np.repeat([0.0, 0.1, 1.0], [30, 20, 50]), np.repeat([-1.0, 2.0], [30, 20])
    found = histogram_chi2(candidate, np.ones(50), data, np.ones(100), bins=2)
    expected = 0.1**2 / (30 / 50**2 + 50 / 100**2) + 0.1**2 / (20 / 50**2 + 50 / 100**2)
    assert (found.value, found.dof) == (pytest.approx(expected), 1)


def test_chi2_does_not_depend_on_the_scale_of_weights(rng):
    x, y = rng.normal(size=2000), rng.normal(0.1, 1, 3000)
    one = histogram_chi2(x, np.ones(2000), y, np.ones(3000), 20)
    assert histogram_chi2(x, np.full(2000, 0.01), y, np.full(3000, 7.0), 20).value == pytest.approx(one.value)


@pytest.mark.parametrize("kind", ["ones", "spread", "signed", "other size"])
def test_chi2_of_the_same_distribution_is_one_per_bin(rng, kind):
    values = []
    for _ in range(120):
        n, m = (2000, 6000) if kind == "other size" else (3000, 3000)
        w = {"spread": rng.gamma(1, 1, n), "signed": rng.choice([-1.0, 1.0], n, p=[0.1, 0.9])}.get(kind, np.ones(n))
        v = rng.choice([-1.0, 1.0], m, p=[0.1, 0.9]) if kind == "signed" else np.ones(m)
        found = histogram_chi2(rng.normal(size=n), w, rng.normal(size=m), v, 20)
        assert found.dof == 19
        values.append(found.per_bin)
    assert np.mean(values) == pytest.approx(1, abs=3 * np.sqrt(2 / 19 / 120))
    assert np.std(values) == pytest.approx(np.sqrt(2 / 19), rel=0.2)  # what verdicts count with


def test_a_background_that_weights_take_away_does_not_count(rng):
    n = 4000
    x, w = np.concatenate([rng.normal(size=n), rng.normal(2, 0.3, 2 * n)]), np.repeat([1.0, 1.0, -1.0], n)
    y = rng.normal(size=n)
    assert histogram_chi2(y, np.ones(n), x, w, 20).per_bin < 2
    assert histogram_chi2(y, np.ones(n), x, np.abs(w), 20).per_bin > 20


def test_few_events_have_few_bins_or_none(rng):
    x, y = rng.normal(size=100), rng.normal(size=100)
    assert histogram_chi2(x, np.ones(100), y, np.ones(100), 50).dof == 4
    none = histogram_chi2(x[:30], np.ones(30), y, np.ones(100), 50)
    assert none == Chi2(0, 0)
    assert np.isnan(none.per_bin)
    assert histogram_chi2(x, -np.ones(100), y, np.ones(100), 50) == Chi2()


def test_values_that_repeat_share_a_bin(rng):
    x, y = rng.integers(0, 3, 1000).astype(float), rng.integers(0, 3, 1000).astype(float)
    assert histogram_chi2(x, np.ones(1000), y, np.ones(1000), 50).dof == 2


def test_a_map_that_is_right_inclusively_but_wrong_in_cells_is_flagged(rng):
    """c and −c are as frequent, so the sign of the slope is seen in cells only."""
    data, wrong = gaussian(rng, 4000, slope=0.5), gaussian(rng, 4000, slope=-0.5)
    right = gaussian(rng, 4000, slope=0.5)
    cells = Cells.of(data, 4)

    def both(candidate):
        in_cells = sum((cell[0] for cell in cells_chi2(candidate, data, cells, 10)), Chi2())
        return inclusive_chi2(candidate, data, 10)[0].per_bin, in_cells.per_bin

    assert both(wrong)[0] < 2.5
    assert both(wrong)[1] > 10
    assert max(both(right)) < 2.5


def test_how_many_events_are_in_which_cell_does_not_matter(rng):
    """The conditions are not what is corrected."""
    data, candidate = gaussian(rng, 8000, slope=0.5), gaussian(rng, 8000, slope=0.5)
    fewer = candidate.select((candidate.c[:, 0] < 0) | (rng.random(8000) < 0.3))
    found = cells_chi2(fewer, data, Cells.of(data, {"c": (0.0,)}), 10)
    assert sum((cell[0] for cell in found), Chi2()).per_bin < 2
    assert inclusive_chi2(fewer, data, 10)[0].per_bin > 5


def test_a_deficit_in_the_tail_is_flagged_and_its_absence_is_not(rng):
    data, same = gaussian(rng, 40_000), gaussian(rng, 40_000)
    less = same.with_x(np.where(same.x > 2, 2 + 0.8 * (same.x - 2), same.x))
    options = ChecksConfig(tail_thresholds={"x": (2.0, 2.5)})
    at, above = tail_ratios(less, data, options)
    assert abs(at.ratio - 1) < 3 * at.error
    assert above.ratio < 1 - 3 * above.error
    _, fine = tail_ratios(same, data, options)
    assert abs(fine.ratio - 1) < 3 * fine.error
    assert fine.effective_events == (same.x > 2.5).sum()
    assert fine.effective_events_data == (data.x > 2.5).sum()
    assert fine.training_error is None


def test_the_error_of_a_tail_ratio_is_that_of_repeated_samples(rng):
    options, found = ChecksConfig(tail_thresholds={"x": (1.5,)}), []
    for _ in range(200):
        w = np.where(rng.random(3000) < 0.1, -1.0, 1.0)
        found.append(tail_ratios(gaussian(rng, 3000, w=w), gaussian(rng, 3000), options)[0])
    assert np.std([each.ratio for each in found]) == pytest.approx(np.mean([each.error for each in found]), rel=0.15)


def test_without_thresholds_tails_are_quantiles_of_data(rng):
    first, second = tail_ratios(gaussian(rng, 20_000, mean=0.2), gaussian(rng, 20_000), ChecksConfig())
    assert (first.threshold, second.threshold) == pytest.approx((2.33, 3.09), abs=0.2)
    assert (first.effective_events_data, second.effective_events_data) == (200, 20)


def test_a_tail_without_data_has_no_ratio(rng):
    (none,) = tail_ratios(gaussian(rng, 100), gaussian(rng, 100), ChecksConfig(tail_thresholds={"x": (99.0,)}))
    assert np.isnan([none.ratio, none.error]).all()


def test_all_metrics_of_a_shift(rng):
    data = gaussian(rng, 3000, width=2.0)
    moved, same = gaussian(rng, 3000, mean=1.0, width=2.0), gaussian(rng, 3000, width=2.0)
    found = measure(moved, data, OPTIONS, rng)
    expected = wasserstein_distance(moved.x[:, 0], data.x[:, 0]) / data.x.std()
    assert found.wasserstein["x"] == pytest.approx(expected, rel=1e-6)
    assert found.chi2_per_bin > found.chi2_per_bin_cells > 5
    assert found.chi2_per_bin == found.chi2_per_bin_by_variable["x"]
    assert found.chi2_per_bin_cells == pytest.approx(np.mean(found.chi2_per_bin_by_cell))
    assert (found.dof, found.dof_cells, len(found.chi2_per_bin_by_cell)) == (9, 36, 4)
    assert found.auc == pytest.approx(0.638, abs=4 * found.auc_error)  # Φ(1/(2√2))
    floor = measure(same, data, OPTIONS, rng)
    assert abs(floor.auc - 0.5) < 3 * floor.auc_error
    assert max(floor.chi2_per_bin, floor.chi2_per_bin_cells) < 2


def test_weights_of_the_candidate_count(rng):
    """Importance weights turn N(1, 1) into N(0, 1)."""
    data, moved = gaussian(rng, 3000), gaussian(rng, 9000, mean=0.5)
    weighted = moved.with_w(np.exp(-0.5 * moved.x[:, 0] + 0.125))
    found = measure(weighted, data, OPTIONS, rng)
    assert found.chi2_per_bin < 2.5
    assert abs(found.auc - 0.5) < 3 * found.auc_error
    assert found.wasserstein["x"] < 0.05
    assert found.effective_events < 0.9 * found.events == 8100


def test_the_mean_over_variables(rng):
    data, same = gaussian(rng, 2000), gaussian(rng, 2000)
    two = [Sample(np.hstack([each.x, shift + each.x]), each.c, each.w, ("x", "y"), ("c",))
           for each, shift in ((same, 1.0), (data, 0.0))]  # fmt: skip
    found = measure(*two, OPTIONS, rng)
    assert found.chi2_per_bin_by_variable["x"] < 3 < 10 < found.chi2_per_bin_by_variable["y"]
    assert found.chi2_per_bin == pytest.approx(np.mean(list(found.chi2_per_bin_by_variable.values())))
    assert {tail.variable for tail in found.tails} == {"x", "y"}


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda s: Sample(s.x, s.c, s.w, ("y",), s.conditions), ("variables y", "expected: x")),
        (lambda s: Sample(s.x, s.c, s.w, s.variables, ("d",)), ("conditions d", "expected: c")),
        (
            lambda s: s.with_x(np.where(np.arange(100)[:, None] == 3, np.nan, s.x)),
            ("'x' is nan in event 3", "1 of 100"),
        ),
        (
            lambda s: Sample(s.x, np.full((100, 1), np.inf), s.w, s.variables, s.conditions),
            ("'c' is inf", "100 of 100"),
        ),
        (lambda s: s.with_w(np.where(np.arange(100) == 0, np.nan, 1.0)), ("'weights' is nan",)),
        (lambda s: s.with_w(np.zeros(100)), ("sum to 0", "above zero")),
        (lambda s: s.with_w(-np.ones(100)), ("sum to -100",)),
        (lambda s: s.select(slice(0, 39)), ("39 events", "at least 40")),
        (lambda s: s.select(slice(0, 0)), ("0 events",)),
        (lambda s: s.with_w(np.where(np.arange(100) == 0, 100.0, 1.0)), ("as good as", "at least 40")),
    ],
)
def test_what_cannot_be_compared(rng, message, change, parts):
    data = gaussian(rng, 100)
    for pair in ((change(data), data), (data, change(data))):
        with pytest.raises(DataError) as error:
            require_comparable(*pair)
        if pair[1] is data:
            message(error, "the simulation", *parts)
