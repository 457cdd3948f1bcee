import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neyman.anomaly.config import AnomalyConfig
from neyman.anomaly.data import Loaded, doubts, inject, load, read_features, schema_periods
from neyman.core.errors import DataError
from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.events.parquet import write_parquet


def _write(path, table):
    pq.write_table(pa.table(table), path)
    return str(path)


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(1)
    background = {"a": np.arange(1000.0), "b": rng.normal(size=1000), "w": rng.uniform(0, 2, 1000)}
    signal = {"b": np.ones(30), "a": np.full(30, -1.0)}
    return _write(tmp_path / "b.parquet", background), _write(tmp_path / "s.parquet", signal)


def _config(files, **changes):
    data = {"kind": "files", "background": files[0], "signals": {"bump": files[1]}, "weights": "w"} | changes
    return AnomalyConfig.model_validate({"data": data})


def test_each_event_is_in_one_part(files):
    loaded = load(_config(files, weights=None, signals={}))
    parts = [loaded.train, loaded.validation, loaded.calibration, loaded.test]
    assert [len(part) for part in parts] == [600, 100, 200, 100]
    assert sorted(np.concatenate(parts)[:, 0]) == list(range(1000))
    assert loaded.names == ("a", "b", "w")


def test_columns_of_the_signal_are_in_the_order_of_the_background(files):
    loaded = load(_config(files))
    assert loaded.names == ("a", "b")
    assert loaded.signals["bump"][0].tolist() == [-1.0, 1.0]
    assert set(loaded.inputs) == set(files)
    again = load(_config(files))
    np.testing.assert_array_equal(loaded.train, again.train)


def test_weights_become_probabilities(files):
    loaded = load(_config(files))
    kept = sum(len(part) for part in (loaded.train, loaded.validation, loaded.calibration, loaded.test))
    assert kept == pytest.approx(500, abs=70)


def test_signals_have_weights_too_where_the_file_has_the_column(tmp_path, files):
    rng = np.random.default_rng(3)
    signal = {"a": np.arange(2000.0), "b": np.ones(2000), "w": rng.uniform(0, 1, 2000)}
    heavy = _write(tmp_path / "h.parquet", signal)
    kept = load(_config((files[0], heavy))).signals["bump"][:, 0].astype(int)
    assert len(kept) == pytest.approx(1000, abs=100)
    assert signal["w"][kept].mean() == pytest.approx(2 / 3, abs=0.03)
    assert len(load(_config((files[0], heavy), weights=None)).signals["bump"]) == 2000


def test_doubts_are_of_copies_to_the_last_digit_and_of_weights(rng):
    def loaded(x, names):
        return Loaded(names, x[:60], x[60:70], x[70:90], x[90:])

    close = 1e9 + rng.normal(size=(100, 1))
    assert doubts(loaded(close, ("time",))) == []
    (text,) = doubts(loaded(np.concatenate([close[:50], close[:50]]), ("time",)))
    assert text.startswith("50 of 100 background events are copies")
    (text,) = doubts(loaded(close, ("genWeight",)))
    assert text.startswith("'genWeight' is taken for a feature")


def test_weights_that_leave_nothing_are_refused(tmp_path, files):
    weights = np.full(1000, 1e-6)
    weights[3] = 1.0
    heavy = _write(tmp_path / "h.parquet", {"a": np.arange(1000.0), "b": np.ones(1000), "w": weights})
    with pytest.raises(DataError, match="leave 1 of 1000 events"):
        load(_config((heavy, files[1])))


def test_a_schema_knows_angles(tmp_path):
    schema = Schema((Column(name="phi", low=-np.pi, high=np.pi, periodic=True), Column(name="pt")))
    rng = np.random.default_rng(2)
    events = Events({"phi": rng.uniform(-3, 3, 200), "pt": rng.exponential(size=200)}, schema)
    write_parquet(tmp_path / "e.parquet", events)
    config = AnomalyConfig.model_validate({"data": {"kind": "files", "background": str(tmp_path / "e.parquet")}})
    assert load(config).periods == {"phi": pytest.approx(2 * np.pi)} == schema_periods(schema)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(tmp_path, value):
    path = _write(tmp_path / "n.parquet", {"a": np.array([1.0, value, 3.0])})
    with pytest.raises(DataError, match=r"n\.parquet.*'a' is (nan|inf) in row 1"):
        read_features(path)


def test_what_is_no_table_of_numbers_is_refused(tmp_path, files):
    with pytest.raises(DataError, match="no column 'c'"):
        read_features(files[0], ("a", "c"))
    with pytest.raises(DataError):
        read_features(_write(tmp_path / "t.parquet", {"a": np.arange(3.0), "name": ["x", "y", "z"]}))
    with pytest.raises(DataError, match="no events"):
        read_features(_write(tmp_path / "e.parquet", {"a": np.array([], dtype=float)}))
    few = _write(tmp_path / "f.parquet", {"a": np.arange(19.0), "b": np.arange(19.0)})
    with pytest.raises(DataError, match=r"(?s)19 background events.*at least 20"):
        load(_config((few, files[1]), weights=None))


def test_labels_are_no_feature(tmp_path, files):
    """A table of a benchmark, X and y: whoever trains on all of it would learn the label."""
    rng = np.random.default_rng(9)
    x, y = rng.normal(size=(200, 3)), np.repeat([0, 1], [180, 20])
    np.savez(tmp_path / "all.npz", X=x, y=y)
    np.savez(tmp_path / "background.npz", X=x[y == 0], y=y[y == 0])
    with pytest.raises(DataError, match=r"(?s)all\.npz.*'y' is 1 in 20 of 200 events and 0 in.*features\.columns"):
        load(_config((str(tmp_path / "all.npz"), files[1]), weights=None))
    source = {"kind": "files", "background": str(tmp_path / "background.npz")}
    assert load(AnomalyConfig(data=source)).names[-1] == "y"  # is dropped as a constant
    asked = {"columns": ("column_0", "y")}
    source["background"] = str(tmp_path / "all.npz")
    assert load(AnomalyConfig(data=source, features=asked)).names == ("column_0", "y")


@pytest.mark.parametrize(("name", "values"), [("Class", (0, 1)), ("label", (-1, 1)), ("outlier", (1, 2))])
def test_labels_by_other_names(tmp_path, name, values):
    table = {"a": np.arange(100.0), name: np.repeat(values, [90, 10])}
    with pytest.raises(DataError, match=f"'{name}' is {values[1]} in 10 of 100 events and {values[0]} in the others"):
        load(AnomalyConfig(data={"kind": "files", "background": _write(tmp_path / "b.parquet", table)}))


def test_numbers_of_rows_are_no_feature(tmp_path):
    """pandas writes them unless it is told not to."""
    table = {"a": np.arange(100.0), "__index_level_0__": np.arange(100), "Unnamed: 0": np.arange(100)}
    assert read_features(_write(tmp_path / "b.parquet", table))[1] == ("a",)
    (tmp_path / "b.csv").write_text(",a,b\n0,1.5,2\n1,2.5,3\n")
    assert read_features(str(tmp_path / "b.csv"))[1] == ("a", "b")
    assert read_features(str(tmp_path / "b.parquet"), ("__index_level_0__",))[1] == ("__index_level_0__",)


def test_injection_is_controlled():
    background, signal = np.zeros((95, 3)), np.arange(30.0)[:, None] + np.ones((1, 3))
    x, is_signal = inject(background, signal, 0.05, np.random.default_rng(3))
    assert is_signal.sum() == 5
    assert len(np.unique(x[is_signal, 0])) == 5
    assert not x[~is_signal].any()
    assert not inject(background, signal, 0.0, np.random.default_rng(3))[1].any()
    for fraction, other, words in (
        (0.5, signal, "30 signal events"),
        (1.0, signal, "fraction"),
        (0.1, signal[:, :2], "2"),
    ):
        with pytest.raises(DataError, match=words):
            inject(background, other, fraction, np.random.default_rng(3))


def test_simulated_events_are_dealt_out_too(monkeypatch):
    schema = Schema((Column(name="pt"), Column(name="phi", low=-4, high=4, periodic=True)))

    def some(n, seed):
        rng = np.random.default_rng(seed)
        return Events({"pt": rng.exponential(size=n), "phi": rng.uniform(-3, 3, n)}, schema)

    from neyman.simulation.pythia import collider

    monkeypatch.setattr(collider, "background_mixture", lambda layout, n, seed, executor: some(n, seed))
    monkeypatch.setattr(collider, "accepted_events", lambda process, layout, n, seed, executor: some(n, seed + 1))
    source = {"kind": "simulation", "events": 200, "signals": ["a_4l"], "signal_events": 10}
    loaded = load(AnomalyConfig.model_validate({"data": source, "features": {"columns": ["phi"]}}))
    assert loaded.train.shape == (120, 1)
    assert loaded.signals["a_4l"].shape == (10, 1)
    assert loaded.periods == {"phi": 8.0}
    assert loaded.inputs == {}
