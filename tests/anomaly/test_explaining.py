"""The explanation of a Gaussian, whose score vector is known, names the feature that was shifted."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neyman.anomaly.config import FeatureConfig
from neyman.anomaly.explaining import explain, explain_file, highest
from neyman.anomaly.preparation import Preparation
from neyman.anomaly.runtime import Scorer
from neyman.core.errors import DataError
from neyman.events.tables import TableFile

NAMES = ("a", "b", "c", "d")
COVARIANCE = np.array([[1.0, 0.8, 0.3, 0], [0.8, 1, 0.2, 0], [0.3, 0.2, 1, 0.5], [0, 0, 0.5, 1]])
SCALE = np.array([10.0, -0.1, 1.0, 3.0])  # b is the negative of what it was: the sign has to come back
SIGMA = 0.5


@pytest.fixture(scope="module")
def events():
    return np.random.default_rng(2).multivariate_normal(np.zeros(4), COVARIANCE, size=3000) * SCALE


@pytest.fixture(scope="module")
def scorer(events):
    """The exact score norm of the Gaussian, in the place of a network."""
    preparation = Preparation.fit(events, NAMES, FeatureConfig(transforms="none"))
    precision = np.linalg.inv(np.cov(preparation.apply(events).astype(float), rowvar=False) + SIGMA**2 * np.eye(4))

    def run(outputs, inputs):
        vector = -SIGMA * preparation.apply(inputs["features"]).astype(np.float64) @ precision
        return [{"score_vector": vector, "score": np.linalg.norm(vector, axis=1)}[name] for name in outputs]

    calibration = np.sort(run(["score"], {"features": events[2000:]})[0])
    return Scorer(NAMES, "score_norm", preparation, calibration, "d" * 64, run, run)


@pytest.mark.parametrize("feature", range(4))
@pytest.mark.parametrize("shift", [-7.0, 7.0])
def test_the_shifted_feature_is_found(scorer, feature, shift):
    """Also of two that are correlated by 0.8, and with its direction in the units of the file."""
    x = np.zeros((1, 4))
    x[0, feature] = shift * SCALE[feature]
    (found,) = explain(scorer, x)
    first, amount = next(iter(found.feature_attribution.items()))
    assert first == NAMES[feature]
    assert np.sign(amount) == np.sign(shift * SCALE[feature])
    assert found.share[first] > 0.5
    assert found.p_value == pytest.approx(1 / 1001)


def test_most_often_it_is_found_among_real_events(scorer, events):
    """A shift of five standard deviations on top of what events have anyhow."""
    rng = np.random.default_rng(3)
    x, shifted = events[:400].copy(), rng.integers(4, size=400)
    x[np.arange(400), shifted] += 5 * np.abs(SCALE[shifted])
    right = [next(iter(each.feature_attribution)) == NAMES[at]
             for each, at in zip(explain(scorer, x), shifted, strict=True)]  # fmt: skip
    assert np.mean(right) > 0.9


def test_squares_of_attributions_are_the_square_of_the_score(scorer, events):
    for each in explain(scorer, events[:5]):
        assert sum(value**2 for value in each.feature_attribution.values()) == pytest.approx(each.score**2)
        assert sum(each.share.values()) == pytest.approx(1)
        assert list(each.feature_attribution) == sorted(NAMES, key=lambda n: -abs(each.feature_attribution[n]))
        assert list(each.values) == list(NAMES)


@pytest.fixture
def write(tmp_path):
    def to_file(x, **more):
        pq.write_table(pa.table({**dict(zip(NAMES, x.T, strict=True)), **more}), tmp_path / "x.parquet")
        return TableFile.open(tmp_path / "x.parquet", job="anomaly")

    return to_file


def test_the_highest_of_a_file_are_those_of_all_scores(scorer, events, write, monkeypatch):
    monkeypatch.setattr("neyman.anomaly.explaining.CHUNK", 170)
    rows, x = highest(scorer, write(events, other=np.ones(3000)), 12)
    expected = np.argsort(-scorer.score(events), kind="stable")[:12]
    assert rows.tolist() == expected.tolist()
    np.testing.assert_array_equal(x, events[expected])


def test_one_row_is_the_same_alone_and_among_the_highest(scorer, events, write):
    file = write(events)
    top = explain_file(scorer, file, artefact="d", top=3)
    assert top.scored == 3000
    among = top.events[1]
    (alone,) = explain_file(scorer, file, artefact="d", row=among.row).events
    assert (alone.row, alone.p_value, alone.values) == (among.row, among.p_value, among.values)
    assert alone.score == pytest.approx(among.score, rel=1e-9)  # a product of other size adds up in another order
    assert alone.feature_attribution == pytest.approx(among.feature_attribution, rel=1e-9)


def test_more_than_there_are(scorer, events, write):
    assert len(explain_file(scorer, write(events[:4]), artefact="d", top=10).events) == 4


def test_refusals(scorer, events, write, message):
    with pytest.raises(DataError) as error:
        explain_file(scorer, write(events), artefact="d", row=3000)
    message(error, "row 3000", "0 to 2999")
    with pytest.raises(DataError) as error:
        explain_file(scorer, write(events), artefact="d", row=-1)
    message(error, "row -1")
    with pytest.raises(DataError) as error:
        explain_file(scorer, write(events), artefact="d", top=0)
    message(error, "at least 1")
    with pytest.raises(DataError) as error:
        explain_file(scorer, write(events[:0]), artefact="d")
    message(error, "no events")
    bad = events[:10].copy()
    bad[4, 2] = np.nan
    for asked in ({"row": 4}, {"top": 3}):
        with pytest.raises(DataError) as error:
            explain_file(scorer, write(bad), artefact="d", **asked)
        message(error, "column 'c' is nan")
