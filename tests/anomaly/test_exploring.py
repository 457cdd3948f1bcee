"""What stands out of a table is said, what does not is not."""

import numpy as np
import pytest

from neyman.anomaly.exploring import explore, read_evenly
from neyman.core.errors import DataError
from neyman.events.events import Events  # noqa: F401 - so that Parquet support is there
from neyman.events.tables import TableFile


@pytest.fixture
def table(rng):
    n = 1000
    x = rng.normal(size=n)
    return {
        "x": x,
        "copy": 3 - 2 * x,
        "related": x + rng.normal(size=n),
        "padded": np.where(rng.random(n) < 0.4, 0.0, rng.normal(50, 5, n)),
        "jets": rng.integers(0, 8, n),
        "pt": np.exp(rng.normal(3, 1.2, n)),
        "one": np.full(n, 7.0),
    }


def test_what_stands_out(table):
    found = explore(table)
    assert found.constant == ["one"]
    assert found.copies == [("x", "copy")]
    text = "\n".join(found.remarks)
    assert "as padding makes: padded (" in text
    assert "whole numbers, as counts are: jets" in text
    assert "tail above, where a logarithm helps: pt" in text
    assert "several times" not in text


def test_placeholders_do_not_hide_what_the_other_values_say(table):
    """Without them, and with them: the same correlations, moments and remarks, and one more."""
    table["x"] = 1000 + table["x"]
    clean = explore(table)
    marked = {name: np.array(values, dtype=float) for name, values in table.items()}
    marked["x"][:12] = -999999.0
    marked["related"][50:53] = 1e6
    found = explore(marked)
    assert "a few values far from all others, which may stand for none: x, related" in found.remarks
    np.testing.assert_allclose(found.correlation, clean.correlation, atol=0.02)
    for name in ("x", "related"):
        before, after = (next(each for each in run.features if each.name == name) for run in (clean, found))
        assert after.deviation == pytest.approx(before.deviation, rel=0.02)
        assert after.edges[0] == pytest.approx(before.edges[0], abs=0.3)
        assert after.skewness == pytest.approx(before.skewness, abs=0.1)
    assert not any("heavy tail" in remark and "related" in remark for remark in found.remarks)


def test_correlations_and_components_are_numpys(table):
    found = explore(table)
    kept = np.stack([table[name] for name in found.correlation_names])
    np.testing.assert_allclose(found.correlation, np.corrcoef(kept), atol=1e-12)
    assert sum(found.explained) == pytest.approx(1)
    assert found.explained == sorted(found.explained, reverse=True)
    components = np.array(found.components)
    variances = components.var(axis=0) / len(found.correlation_names)
    np.testing.assert_allclose(variances, found.explained[:2], rtol=1e-9)  # all rows are fewer than 2000
    assert {"x", "copy"} <= {*found.loadings[0]}


def test_histograms_hold_every_row(table):
    found = explore(table)
    assert all(sum(feature.counts) == 1000 for feature in found.features)
    padded = next(feature for feature in found.features if feature.name == "padded")
    assert (padded.most_common, padded.distinct) == (0.0, pytest.approx(600, abs=50))


def test_events_that_stand_twice(rng):
    x = rng.normal(size=(200, 3))
    doubled = dict(zip("abc", np.concatenate([x, x[:20]]).T, strict=True))
    assert any("several times" in remark for remark in explore(doubled).remarks)


def test_a_few_values_far_from_all_others(rng):
    x = rng.normal(size=3000)
    assert not any("several" in remark or "far" in remark for remark in explore({"x": x}).remarks)
    x[:5] = 1e12
    remarks = explore({"x": x, "y": rng.normal(size=3000)}).remarks
    assert "a few values far from all others, which may stand for none: x" in remarks
    assert not any("several" in remark for remark in remarks)
    twins = explore({"x": np.ones(2000).cumsum() // 2, "y": np.ones(2000)}).remarks
    assert any(remark.startswith("99.9 % of events stand several") or "100 % of events" in remark for remark in twins)


def test_rows_are_evenly_spaced(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"x": np.arange(1001.0)}), tmp_path / "t.parquet")
    table = read_evenly(TableFile.open(tmp_path / "t.parquet", job="anomaly"), 11)
    assert table["x"].tolist() == [100.0 * k for k in range(11)]


def test_refusals(message, tmp_path):
    with pytest.raises(DataError) as error:
        explore({"x": np.array([1.0, np.nan, np.inf])}, where="t.csv")
    message(error, "t.csv: column 'x' is nan in row 1 (2 of 3 not finite)")
    with pytest.raises(DataError) as error:
        explore({"x": np.ones(5), "y": np.zeros(5)})
    message(error, "all 2 columns are constant")
    with pytest.raises(DataError) as error:
        explore({"x": np.ones(2)})
    message(error, "1 columns of 2 rows")
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"x": np.arange(2.0)}), tmp_path / "t.parquet")
    with pytest.raises(DataError) as error:
        read_evenly(TableFile.open(tmp_path / "t.parquet", job="anomaly"), 10)
    message(error, "2 rows")
