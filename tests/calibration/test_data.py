import numpy as np
import pytest

from neyman.calibration.config import CalibrationConfig, SplitConfig
from neyman.calibration.data import Parts, load
from neyman.calibration.sample import Sample
from neyman.core.errors import DataError
from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.events.parquet import write_parquet

COLUMNS = (Column(name="x", unit="mm", label="$x$"), Column(name="pt", unit="GeV"),
           Column(name="phi", unit="rad", low=-np.pi, high=np.pi, periodic=True))  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """`write("name", pt_unit=...)`: a Parquet file of 2000 events, all its own."""

    def to_file(name, *, n=2000, extra=None, unit="GeV", columns=COLUMNS):
        rng = np.random.default_rng(len(name))
        values = {"x": rng.normal(size=n), "pt": rng.uniform(20, 40, n), "phi": rng.uniform(-3, 3, n)}
        schema = Schema(tuple(
            Column(name=c.name, unit=unit if c.name == "pt" else c.unit, low=c.low, high=c.high, periodic=c.periodic)
            for c in columns
        ))  # fmt: skip
        path = tmp_path / f"{name}.parquet"
        write_parquet(path, Events(values, schema), extra=extra)
        return str(path)

    return to_file


def config(data, simulation, **changes):
    source = {"kind": "files", "data": data, "simulation": simulation, **changes}
    return CalibrationConfig.model_validate({"data": source, "variables": ["x"], "conditions": ["pt", "phi"]})


def test_files_become_parts_that_share_no_event(write):
    data, simulation = write("data"), write("simulation")
    loaded = load(config(data, simulation))
    for parts in (loaded.simulation, loaded.data):
        assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [1200, 200, 600]
        values = np.concatenate([part.x[:, 0] for part in (parts.train, parts.validation, parts.test)])
        assert len(np.unique(values)) == 2000
    assert loaded.schema["x"].unit == "mm"
    assert loaded.schema["phi"].periodic
    assert {*loaded.inputs} == {data, simulation}
    again = load(config(data, simulation))
    assert (again.data.train.x == loaded.data.train.x).all()


def test_weights_may_belong_to_data_alone(write, message):
    sweights = np.random.default_rng(3).choice([1.0, -0.1], 2000)
    data, simulation = write("data", extra={"sw": sweights}), write("simulation")
    loaded = load(config(data, simulation, weights="sw"))
    assert sorted(set(loaded.data.train.w)) == [-0.1, 1]
    assert set(loaded.simulation.train.w) == {1}
    with pytest.raises(DataError) as error:
        load(config(data, simulation, weights="sww"))
    message(error, "no column 'sww'", "did you mean 'sw'?")


def test_the_first_rows_are_enough_for_a_trial(write):
    loaded = load(config(write("data"), write("simulation"), rows=1900))
    assert sum(len(part) for part in (loaded.data.train, loaded.data.validation, loaded.data.test)) == 1900
    load(config(write("data"), write("simulation"), rows=10_000))


def test_what_differs_between_the_files_is_refused(write, message):
    data = write("data")
    with pytest.raises(DataError) as error:
        load(config(data, write("simulation", unit="MeV")))
    message(error, "column 'pt' is in ", "GeV", "MeV", "convert it")
    with pytest.raises(DataError) as error:
        load(config(data, write("simulation", columns=(*COLUMNS[1:], Column(name="y"))[:2])))
    message(error, "no column 'x'", "simulation.parquet")
    with pytest.raises(DataError) as error:
        load(config(data, "absent.parquet"))
    message(error, "absent.parquet: no such file")


def test_bad_events_are_refused_with_their_file(write, tmp_path, message):
    data, simulation = write("data"), write("simulation", n=500)
    with pytest.raises(DataError) as error:
        load(config(data, simulation))
    message(error, "simulation.parquet", "300 effective events")


@pytest.mark.parametrize("kind", ["impact_parameter", "shower_shapes"])
def test_toys_are_simulated(kind):
    loaded = load(CalibrationConfig.model_validate({"data": {"kind": kind, "events": 2000}}))
    assert len(loaded.simulation.train) == 1200
    assert loaded.inputs == {}
    assert not np.array_equal(loaded.simulation.train.x, loaded.data.train.x)
    if kind == "impact_parameter":
        assert loaded.schema["ip"].unit == "mm"


def test_parts_are_dealt_at_random():
    n = np.arange(1000.0)
    sample = Sample(n[:, None], n[:, None], np.ones(1000), ("x",), ("c",))
    parts = Parts.of(sample, SplitConfig(train=0.5, validation=0.2), np.random.default_rng(1))
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [500, 200, 300]
    for part in (parts.train, parts.validation, parts.test):
        assert abs(part.x.mean() - 499.5) < 60
