import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neyman.calibration.applying import OUTSIDE, apply_to_file, band, corrected_columns
from neyman.core.errors import DataError

uproot = pytest.importorskip("uproot")


@pytest.fixture
def table(muons):
    x, c = muons("simulation", 1000, 31)
    columns = dict(zip(("ip", "pt", "eta", "phi", "npv"), np.concatenate([x, c], axis=1).T.copy(), strict=True))
    columns["npv"] = columns["npv"].astype(np.int32)
    return {**columns, "event": np.arange(1000)}


@pytest.fixture
def files(table, tmp_path):
    pq.write_table(pa.table(table), tmp_path / "s.parquet")
    with uproot.recreate(tmp_path / "s.root") as file:
        file.mktree("T", {name: values.dtype for name, values in table.items()})
        file["T"].extend(table)
    return {"parquet": tmp_path / "s.parquet", "root": f"{tmp_path / 's.root'}:T"}


def read(path):
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return {name: table[name].to_numpy() for name in table.column_names}
    with uproot.open(path) as file:
        return file["T"].arrays(library="np")


@pytest.mark.parametrize("kind", ["parquet", "root"])
def test_every_column_and_the_order_of_rows_stay(trained, files, table, tmp_path, kind):
    out = tmp_path / f"out.{kind}"
    assert apply_to_file(trained, files[kind], out, variations=True) == 1000
    found = read(out)
    for name, values in table.items():
        assert found[name].dtype == values.dtype
        assert found[name].tobytes() == values.tobytes()
    expected = corrected_columns(trained, table, variations=True)
    assert {*found} == {*table, *expected}
    assert (found["ip_corrected"] == expected["ip_corrected"]).all()
    assert (found["ip_corrected_down"] < found["ip_corrected"]).all()
    assert (found["ip_corrected"] < found["ip_corrected_up"]).all()
    assert (found["ip_corrected_down"] > 0).all()
    assert found[OUTSIDE].dtype == bool


def test_new_columns_alone(trained, files, tmp_path):
    apply_to_file(trained, files["parquet"], tmp_path / "new.parquet", only_new=True)
    assert {*read(tmp_path / "new.parquet")} == {"ip_corrected", OUTSIDE}


def test_what_the_training_did_not_reach_is_flagged(trained, table):
    table["pt"][3], table["eta"][5] = 1e5, 5.5
    columns = corrected_columns(trained, table)
    assert set(np.flatnonzero(columns[OUTSIDE])) >= {3, 5}
    assert columns[OUTSIDE].mean() < 0.02
    assert np.isfinite(columns["ip_corrected"]).all()


def test_bad_files_leave_nothing(trained, files, table, tmp_path, message):
    out = tmp_path / "out.parquet"
    for change, parts in (
        ({"ip": np.where(table["event"] == 7, np.nan, table["ip"])}, ["variable 'ip': nan in row 7"]),
        ({"ip": -table["ip"]}, ["variable 'ip'", "above zero"]),
        ({"ip_corrected": table["ip"]}, ["ip_corrected"]),
        ({"eta": None}, ["no column 'eta'"]),
    ):
        changed = {name: values for name, values in {**table, **change}.items() if values is not None}
        pq.write_table(pa.table(changed), tmp_path / "bad.parquet")
        with pytest.raises(DataError) as error:
            apply_to_file(trained, tmp_path / "bad.parquet", out)
        message(error, *parts)
        assert not out.exists()


def test_other_units_are_refused(trained, muons, tmp_path, message):
    from neyman.events.columns import Column, Schema
    from neyman.events.events import Events
    from neyman.events.parquet import write_parquet

    x, c = muons("simulation", 100, 1)
    names, units = ("ip", "pt", "eta", "phi", "npv"), ("um", "GeV", "1", "rad", "1")
    schema = Schema(tuple(Column(name=name, unit=unit) for name, unit in zip(names, units, strict=True)))
    columns = dict(zip(names, np.concatenate([1000 * x, c], axis=1).T, strict=True))
    write_parquet(tmp_path / "um.parquet", Events(columns, schema))
    with pytest.raises(DataError) as error:
        apply_to_file(trained, tmp_path / "um.parquet", tmp_path / "out.parquet")
    message(error, "column 'ip' is in um", "mm")


def test_the_band_knows_how_few_members_there_are(trained):
    nominal = np.full((4000, 1), 0.02)
    scale = trained.scaling.variables[0].scale
    for members, factor in ((2, 1.84), (5, 1.14), (50, 1.01)):
        noise = np.random.default_rng(1).standard_normal((members, 4000, 1))
        down, up = band(trained, nominal, nominal * np.exp(0.1 * noise))
        half = np.log(up / nominal) / 0.1
        assert np.sqrt(np.mean(half**2)) == pytest.approx(factor, rel=0.05)
        assert np.log(nominal / down) == pytest.approx(np.log(up / nominal))
    assert scale > 0
