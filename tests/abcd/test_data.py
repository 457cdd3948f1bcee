"""Events in memory and in files; what cannot be trained on is refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from neyman.abcd.config import AbcdConfig
from neyman.abcd.data import load
from neyman.core.errors import ConfigError, DataError

DISCRIMINANT = {"column": "m", "edges": [0, 0.5, 1]}


def config(data, **more):
    return AbcdConfig.model_validate({"data": data, "discriminant": DISCRIMINANT} | more)


@pytest.fixture
def columns(rng):
    n = 400
    return {
        "x": rng.normal(size=n),
        "y": rng.normal(size=n),
        "m": rng.random(n),
        "xs": rng.uniform(0.5, 1.5, n),
        "label": np.repeat([1, 0], [100, 300]),
    }


@pytest.fixture
def files(tmp_path, columns):
    """A config of one file with both classes, some columns changed."""

    def write(name="e.parquet", *, without=(), data=None, **changes):
        table = {key: values for key, values in (columns | changes).items() if key not in without}
        pq.write_table(pa.table(table), tmp_path / name)
        given = {"kind": "files", "files": [tmp_path / name], "label": "label", "weight": "xs"}
        return config(given | (data or {}), features=["x", "y"])

    return write


def test_parts_of_the_toy_stand_for_all_of_it():
    loaded = load(config({"kind": "toy", "background": 1000, "signal": 400, "background_yield": 5e4}, luminosity=2.0))
    assert loaded.features == ("x0", "x1", "x2")
    sizes = [len(part) for part in (loaded.parts.train, loaded.parts.validation, loaded.parts.test)]
    assert sizes == [700, 350, 350]
    for part in (loaded.parts.train, loaded.parts.validation, loaded.parts.test):
        assert part.weights[~part.is_signal].sum() == pytest.approx(1e5)
        assert part.weights[part.is_signal].sum() == pytest.approx(200)


def test_parts_have_no_event_in_common_and_depend_on_the_seed():
    data = {"kind": "toy", "background": 1000, "signal": 400}
    first, again, other = (load(config(data, seed=seed)).parts for seed in (1, 1, 2))
    values = [set(part.events["x0"].tolist()) for part in (first.train, first.validation, first.test)]
    assert sum(map(len, values)) == len(set.union(*values)) == 1400
    assert (first.test.events["x0"] == again.test.events["x0"]).all()
    assert set(other.test.events["x0"]) != values[2]


def test_files_with_labels_and_weights(files, columns):
    loaded = load(files())
    parts = (loaded.parts.train, loaded.parts.validation, loaded.parts.test)
    found = {(x, s) for part in parts for x, s in zip(part.events["x"], part.is_signal, strict=True)}
    assert found == set(zip(columns["x"], columns["label"] == 1, strict=True))
    x_and_xs = dict(zip(columns["x"], columns["xs"], strict=True))
    train = loaded.parts.train
    assert train.weights == pytest.approx([2 * x_and_xs[x] for x in train.events["x"]])
    assert [len(digest) for digest in loaded.inputs.values()] == [64]


def test_separate_files_parquet_and_root(files, columns, tmp_path):
    both = files()
    table = {name: columns[name][:100] for name in ("x", "y", "m")}
    with uproot.recreate(tmp_path / "s.root") as file:
        file["events"] = table
    pq.write_table(pa.table({name: columns[name][100:] for name in ("x", "y", "m")}), tmp_path / "b.parquet")
    data = {"kind": "files", "signal": [tmp_path / "s.root"], "background": [tmp_path / "b.parquet"]}
    separate = load(config(data, features=["x", "y"])).parts.test
    labelled = load(both).parts.test
    assert separate.matrix(("x", "y", "m")) == pytest.approx(labelled.matrix(("x", "y", "m")))
    assert separate.weights.tolist() == [4.0] * len(separate)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"label": np.ones(400)}, ["no background among 400 events", "both classes"]),
        ({"label": np.zeros(400)}, ["no signal among 400 events"]),
        ({"label": np.full(400, 2)}, ["label 'label' is 2", "1 for signal, 0 for background"]),
        ({"x": np.full(400, np.nan)}, ["column 'x' is nan", "finite"]),
        ({"m": np.full(400, np.inf)}, ["column 'm' is inf"]),
        ({"xs": np.full(400, np.nan)}, ["weights", "not finite"]),
        ({"xs": np.repeat([1.0, -1.0], [100, 300])}, ["the weights of background sum to -300", "more than zero"]),
        ({"m": np.linspace(2, 3, 400)}, ["sum to 0 in bin 0, 0 to 0.5", "goes from 2 to 3"]),
        ({"m": np.repeat([2.0, 0.2, 0.7], [100, 150, 150])}, ["the signal's weights sum to 0", "signal in the bins"]),
        ({"xs": np.full(400, 1e40)}, ["an event of weight 1e+40", "less than 1e+30"]),
        ({"y": np.full(400, 0.25)}, ["column 'y': 0.25 in all events", "leave it out"]),
        ({"y": np.repeat([-3.4e38, 1.0], [1, 399])}, ["column 'y': -3.4e+38 among", "a missing value"]),
        ({"x": np.repeat([1.0, 1e300], [399, 1])}, ["column 'x': 1e+300 among"]),
        ({"without": ["y"]}, ["no column 'y'", "one of x, m, xs, label"]),
        ({"without": ["xs"]}, ["no column 'xs'"]),
        ({"data": {"label": "lable"}}, ["no column 'lable'", "did you mean 'label'?"]),
        ({"label": np.repeat([1, 0], [20, 380])}, ["5 of 20 signal events are left to validation", "at least 10"]),
    ],
)
def test_bad_events_are_refused(files, change, parts, message):
    with pytest.raises(DataError) as error:
        load(files(**change))
    message(error, *parts)


def test_negative_weights_are_allowed_if_sums_are_not(files):
    weights = np.ones(400)
    weights[::7] = -0.5
    parts = load(files(xs=weights)).parts
    assert (parts.train.weights < 0).any()


def test_a_bin_of_negative_weights_is_refused(files, columns, message):
    weights = np.where((columns["m"] > 0.5) & (columns["label"] == 0), -0.1, 1.0)
    with pytest.raises(DataError) as error:
        load(files(xs=weights))
    message(error, "in bin 1, 0.5 to 1", "more than zero in each bin")


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        ({"features": ["x0", "z"]}, ["features: no column 'z'", "one of x0, x1, x2, m"]),
        ({"evaluation": {"reference": ["x0", "x3"]}}, ["evaluation.reference: no column 'x3'"]),
        ({"discriminant": {"column": "mass", "edges": [0, 1]}}, ["discriminant.column: no column 'mass'"]),
    ],
)
def test_columns_that_are_not_there_are_named(more, parts, message):
    with pytest.raises(ConfigError) as error:
        load(config({"kind": "toy", "background": 1000, "signal": 400}, **more))
    message(error, *parts)


@pytest.mark.parametrize(("name", "part"), [("no.parquet", "no such file"), ("no.root", "no such file")])
def test_absent_files(tmp_path, name, part, message):
    data = {"kind": "files", "files": [tmp_path / name], "label": "y"}
    with pytest.raises(DataError) as error:
        load(config(data, features=["x"]))
    message(error, part, name)


def test_a_root_file_that_is_none(tmp_path, message):
    (tmp_path / "a.root").write_bytes(b"not a ROOT file")
    with pytest.raises(DataError) as error:
        load(config({"kind": "files", "files": [tmp_path / "a.root"], "label": "y"}, features=["x"]))
    message(error, "cannot be read")


def test_a_tree_must_be_named_if_there_are_two(tmp_path, message):
    with uproot.recreate(tmp_path / "a.root") as file:
        file["one"] = file["two"] = {"x": np.ones(3)}
    data = {"kind": "files", "files": [tmp_path / "a.root"], "label": "y"}
    for change, part in (({}, "2 trees"), ({"tree": "three"}, "no tree 'three'")):
        with pytest.raises(DataError) as error:
            load(config(data | change, features=["x"]))
        message(error, part, "one of one, two")


def test_files_need_features(tmp_path, message):
    with pytest.raises(ConfigError) as error:
        load(config({"kind": "files", "files": [tmp_path / "a.parquet"], "label": "y"}))
    message(error, "features: no features")
