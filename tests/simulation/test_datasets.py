import hashlib
import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from neyman.core.errors import DataError, InputError
from neyman.core.executors import local_executor
from neyman.events import Column, Schema
from neyman.simulation import datasets
from neyman.simulation.datasets import Dataset, generate
from neyman.simulation.prior import UniformPrior
from neyman.simulation.toys import GaussianToy

PRIOR = UniformPrior({"mu": (-1, 1)})
SETS, EVENTS, PER_SHARD = 11, 5, 3  # four shards, the last one smaller


def make(out, **changes):
    arguments = {"sets": SETS, "events": EVENTS, "seed": 1, "sets_per_shard": PER_SHARD, "out": out}
    return generate(changes.pop("simulator", GaussianToy()), changes.pop("prior", PRIOR), **{**arguments, **changes})


def contents(folder):
    return {name: (folder / name).read_bytes() for name in sorted(os.listdir(folder))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make(tmp_path_factory.mktemp("data") / "set").path


@pytest.fixture
def copy(folder, tmp_path):
    """A copy that a test may damage."""
    for name, content in contents(folder).items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def rehash(folder, name):
    """Make the manifest agree with a file that was changed on purpose."""
    manifest = json.loads((folder / "manifest.json").read_text())
    sha = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    if name == "theta.parquet":
        manifest["theta"] = sha
    else:
        manifest["shards"][name] = sha
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_layout(folder):
    shards = [f"shard-0000{k}.parquet" for k in range(4)]
    assert sorted(os.listdir(folder)) == ["manifest.json", *shards, "theta.parquet"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["format"] == "neyman-dataset"
    assert manifest["simulator"] == {"kind": "GaussianToy", "sigma": 1.0}
    assert manifest["prior"] == PRIOR.config()
    assert (manifest["sets"], manifest["events"], manifest["seed"], manifest["complete"]) == (SETS, EVENTS, 1, True)
    assert list(manifest["shards"]) == shards
    assert pq.read_schema(folder / "shard-00000.parquet").names == ["set", "x"]
    assert pq.read_schema(folder / "theta.parquet").names == ["set", "mu"]


def test_reading(folder):
    data = Dataset.open(folder)
    assert (len(data), data.sets, data.events, data.parameters) == (SETS, SETS, EVENTS, ("mu",))
    assert data.schema == GaussianToy.schema
    assert data.simulator_config == GaussianToy().config()
    assert data.theta.shape == (SETS, 1)
    everything = data.read(np.arange(SETS))
    assert everything.shape == (SETS, EVENTS, 1)
    index = np.array([10, 0, 10, 4, 3])
    np.testing.assert_array_equal(data.read(index), everything[index])
    assert data.read(np.array([], dtype=int)).shape == (0, EVENTS, 1)
    with pytest.raises(ValueError, match="read-only"):
        data.theta[0] = 3
    data.verify()


def test_what_was_simulated_is_what_is_read(folder):
    """The residuals of all events are standard normal, which they are only if sets and parameters match."""
    many = make(folder.parent / "many", sets=400, events=25, sets_per_shard=64)
    residuals = many.read(np.arange(400))[:, :, 0] - many.theta
    assert abs(residuals.mean()) < 5 / np.sqrt(residuals.size)
    assert abs(residuals.var() - 1) < 5 * np.sqrt(2 / residuals.size)
    assert abs(many.theta.var() - 1 / 3) < 0.1


@pytest.mark.parametrize("size", [1, 4, 100])
def test_batches(folder, size):
    data = Dataset.open(folder)
    index = np.array([9, 1, 2, 5, 10])
    batches = list(data.batches(size, index=index))
    assert max(len(theta) for theta, _ in batches) == min(size, 5)
    np.testing.assert_array_equal(np.concatenate([theta for theta, _ in batches]), data.theta[np.sort(index)])
    np.testing.assert_array_equal(np.concatenate([events for _, events in batches]), data.read(np.sort(index)))


def test_shuffled_batches_have_each_set_once(folder, rng):
    data = Dataset.open(folder)
    theta, events = (np.concatenate(parts) for parts in zip(*data.batches(4, rng=rng), strict=True))
    order = np.argsort(theta[:, 0])
    assert not np.array_equal(theta, data.theta)
    np.testing.assert_array_equal(theta[order], np.sort(data.theta, axis=0))
    np.testing.assert_array_equal(events[order], data.read(np.argsort(data.theta[:, 0])))


def test_batches_read_each_shard_once(folder, rng, monkeypatch):
    data, read = Dataset.open(folder), []
    load = Dataset._load
    monkeypatch.setattr(Dataset, "_load", lambda self, shard: read.append(shard) or load(self, shard))
    for _ in data.batches(2, rng=rng):
        assert len(data._kept) <= 2
    assert sorted(read) == [0, 1, 2, 3]


def test_the_number_of_workers_does_not_matter(folder, tmp_path):
    with local_executor(2) as executor:
        make(tmp_path / "two", executor=executor)
    assert contents(tmp_path / "two") == contents(folder)


def test_other_seeds_and_options_give_other_data(folder, tmp_path):
    first = Dataset.open(folder)
    for name, changes in {
        "seed": {"seed": 2},
        "sigma": {"simulator": GaussianToy(sigma=2)},
        "events": {"events": 6},
        "prior": {"prior": UniformPrior({"mu": (-1, 2)})},
    }.items():
        other = make(tmp_path / name, **changes)
        assert not np.isin(other.theta, first.theta).any()
        assert other.digest != first.digest


def test_a_longer_data_set_begins_as_a_shorter_one(folder, tmp_path):
    longer = make(tmp_path / "longer", sets=SETS + 4)
    np.testing.assert_array_equal(longer.theta[:9], Dataset.open(folder).theta[:9])
    np.testing.assert_array_equal(longer.read(np.arange(9)), Dataset.open(folder).read(np.arange(9)))


class Stops(GaussianToy):
    """A simulator that is interrupted in its third call, as by Ctrl-C."""

    calls = 0
    error: type[BaseException] = KeyboardInterrupt

    def simulate_sets(self, theta, n_events, rng):
        self.calls += 1
        if self.calls == 3:
            raise self.error
        return super().simulate_sets(theta, n_events, rng)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_run_resumes_to_the_same_bytes(folder, tmp_path, kind, message, monkeypatch):
    stops = Stops()
    stops.error = kind
    with pytest.raises(kind):
        make(tmp_path, simulator=stops)
    assert sorted(os.listdir(tmp_path)) == [
        "manifest.json",
        "shard-00000.parquet",
        "shard-00001.parquet",
        "theta.parquet",
    ]
    with pytest.raises(DataError) as error:
        Dataset.open(tmp_path)
    message(error, "incomplete: 2 of 4 shards", "again")
    made = []
    monkeypatch.setattr(
        datasets, "_make_shard", lambda plan, shard, make=datasets._make_shard: made.append(shard) or make(plan, shard)
    )
    make(tmp_path)
    assert made == [2, 3]
    assert contents(tmp_path) == contents(folder)


def test_a_run_that_was_killed_leaves_nothing_behind(folder, copy):
    (copy / "manifest.json").unlink()
    (copy / ".shard-00001.parquet.99.tmp").write_bytes(b"half")
    (copy / "shard-00002.parquet").write_bytes(b"foreign")
    make(copy)
    assert contents(copy) == contents(folder)


def test_a_complete_data_set_is_left_as_it_is(copy):
    before = {name: (copy / name).stat().st_mtime_ns for name in os.listdir(copy)}
    make(copy)
    assert {name: (copy / name).stat().st_mtime_ns for name in os.listdir(copy)} == before


@pytest.mark.parametrize("name", ["shard-00001.parquet", "shard-00003.parquet", "theta.parquet"])
@pytest.mark.parametrize("damage", ["changed", "truncated", "missing"])
def test_damage_is_told_and_mended(folder, copy, name, damage, message):
    content = (copy / name).read_bytes()
    if damage == "missing":
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(content[:-20] if damage == "truncated" else content[:-1] + b"?")
    with pytest.raises(DataError) as error:
        Dataset.open(copy).read(np.arange(SETS))
    message(error, name, "missing" if damage == "missing" else "changed since it was written", "again")
    make(copy)
    assert contents(copy) == contents(folder)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"seed": 2}, "seed was 1, is now 2"),
        ({"sets": 12}, "sets was 11, is now 12"),
        ({"events": 6}, "events was 5, is now 6"),
        ({"sets_per_shard": 4}, "sets_per_shard was 3, is now 4"),
        ({"simulator": GaussianToy(sigma=2)}, "simulator.sigma was 1.0, is now 2.0"),
        ({"prior": UniformPrior({"mu": (-1, 2)})}, "prior.bounds.mu"),
    ],
)
def test_a_folder_of_another_data_set_is_refused(copy, changes, part, message):
    before = contents(copy)
    with pytest.raises(DataError) as error:
        make(copy, **changes)
    message(error, part, "another --out")
    assert contents(copy) == before


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "not JSON"),
        ("[]", "not the manifest of a data set"),
        ('{"format": "neyman-artefact"}', "not the manifest of a data set"),
        ('{"format": "neyman-dataset", "schema_version": 2}', "newer neyman"),
        ('{"format": "neyman-dataset", "schema_version": 1}', "$.simulator"),
    ],
)
def test_foreign_manifests_are_refused(copy, text, part, message):
    (copy / "manifest.json").write_text(text)
    for act in (lambda: Dataset.open(copy), lambda: make(copy)):
        with pytest.raises(DataError) as error:
            act()
        message(error, part)


def test_no_data_set_at_all(tmp_path, message):
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError) as error:
            Dataset.open(place)
        message(error, "no manifest.json")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda t: t.drop_columns(["x"]), "no column x"),
        (lambda t: t.drop_columns(["set"]), "no column set"),
        (lambda t: t.slice(1), "not 5 events for each set"),
        (lambda t: t.set_column(0, "set", [np.zeros(len(t), "i4")]), "not 5 events for each set"),
        (lambda t: t.set_column(1, "x", [np.full(len(t), np.nan)]), "'x' has values that are not finite numbers"),
        (lambda t: t.set_column(1, "x", [["a"] * len(t)]), "'x' has values that are not finite numbers"),
    ],
)
def test_shards_that_hold_something_else(copy, change, part, message):
    file = copy / "shard-00001.parquet"
    pq.write_table(change(pq.read_table(file)), file)
    rehash(copy, file.name)
    with pytest.raises(DataError) as error:
        Dataset.open(copy).verify()
    message(error, file.name, part)


def test_parameters_that_are_something_else(copy, message):
    file = copy / "theta.parquet"
    pq.write_table(pq.read_table(file).slice(1), file)
    rehash(copy, file.name)
    with pytest.raises(DataError) as error:
        Dataset.open(copy)
    message(error, "theta.parquet", "not numbered in order")


@pytest.mark.parametrize("index", [[-1], [SETS], [0, 99]])
def test_sets_that_are_not_there(folder, index, message):
    with pytest.raises(DataError) as error:
        Dataset.open(folder).read(np.array(index))
    message(error, "0 to 10")


class Wrong(GaussianToy):
    schema = Schema((Column(name="x", low=-100, high=100),))

    def __init__(self, change):
        super().__init__()
        self.change = change

    def simulate_sets(self, theta, n_events, rng):
        return self.change(super().simulate_sets(theta, n_events, rng))


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda x: x + np.nan, ["GaussianToy, shard 0", "'x' is nan in row 0"]),
        (lambda x: x + 1000, ["-100 to 100"]),
        (lambda x: x[:, :4], ["(3, 4, 1)", "expected: (3, 5, 1)"]),
    ],
)
def test_a_simulator_that_gives_nonsense(tmp_path, change, parts, message):
    with pytest.raises(DataError) as error:
        make(tmp_path, simulator=Wrong(change))
    message(error, *parts)


@pytest.mark.parametrize("changes", [{"sets": 0}, {"events": 0}, {"sets": -1}, {"seed": -1}, {"sets_per_shard": 0}])
def test_numbers_that_make_no_sense(tmp_path, changes, message):
    with pytest.raises(InputError) as error:
        make(tmp_path / "new", **changes)
    message(error)


def test_a_prior_of_other_parameters(tmp_path, message):
    with pytest.raises(InputError) as error:
        make(tmp_path, prior=UniformPrior({"sigma": (0, 1)}))
    message(error, "a prior of sigma", "a prior of mu")


def test_about_a_million_events_per_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "EVENTS_PER_SHARD", 20)
    assert make(tmp_path, sets_per_shard=None).manifest.sets_per_shard == 4
