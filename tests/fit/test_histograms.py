import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neyman.core.errors import ConfigError, DataError
from neyman.fit import histograms
from neyman.fit.columns import open_table
from neyman.fit.histograms import fill, find_files
from neyman.fit.templates import Key, Setting, Template

EDGES = (0.0, 1.0, 2.5, 4.0)


def template(name="t", *, paths=("e.parquet",), variable="x", weight=None, cut=None, overflow=False, underflow=False):
    def setting(text, key):
        return None if text is None else Setting(text, f"fit.yml:3: Samples.0.{key}")

    return Template(
        key=Key("SR", name),
        paths=tuple(setting(path, "InputPath") for path in paths),
        tree=None,
        variable=setting(variable, "Variable"),
        weight=setting(weight, "Weight"),
        filter=setting(cut, "Filter"),
        edges=EDGES,
        overflow=overflow,
        underflow=underflow,
        where="fit.yml:2: Samples.0",
    )


def write(path, **columns):
    pq.write_table(pa.table(columns), path)


def filled(base, *templates, chunk=1000):
    return fill(templates, base=base, chunk=chunk).histograms


finite = st.floats(-2, 6).map(lambda x: round(x, 1))  # often on an edge


@given(hnp.arrays(float, st.tuples(st.integers(1, 30), st.just(2)), elements=finite), st.integers(1, 40))
def test_sums_are_those_of_numpy_whatever_the_chunks(tmp_path_factory, events, chunk):
    base = tmp_path_factory.mktemp("h")
    x, w = events.T
    write(base / "e.parquet", x=x, w=w)
    found = filled(base, template(weight="w", cut="w > -1"), chunk=chunk)[Key("SR", "t")]
    keep = (w > -1) & (x < 4)  # NumPy's last bin holds its upper edge, ours does not
    np.testing.assert_allclose(found.values, np.histogram(x[keep], EDGES, weights=w[keep])[0], atol=1e-12)
    np.testing.assert_allclose(found.variances, np.histogram(x[keep], EDGES, weights=w[keep] ** 2)[0], atol=1e-12)
    assert found.entries == np.histogram(x[keep], EDGES)[0].sum()
    assert found.total == pytest.approx(found.values.sum())
    np.testing.assert_allclose(found.errors**2, found.variances, atol=1e-12)


@pytest.mark.parametrize(
    ("underflow", "overflow", "values", "variances", "entries"),
    [
        (False, False, [2, 0, 3], [4, 0, 9], 2),
        (True, False, [3, 0, 3], [5, 0, 9], 3),
        (False, True, [2, 0, 12], [4, 0, 50], 4),
        (True, True, [3, 0, 12], [5, 0, 50], 5),
    ],
)
def test_what_lies_outside(tmp_path, underflow, overflow, values, variances, entries):
    write(tmp_path / "e.parquet", x=[-1.0, 0.0, 3.0, 4.0, 1e9], w=[1.0, 2.0, 3.0, 4.0, 5.0])
    found = filled(tmp_path, template(weight="w", underflow=underflow, overflow=overflow))[Key("SR", "t")]
    assert (found.values.tolist(), found.variances.tolist(), found.entries) == (values, variances, entries)


def test_one_pass_over_each_file_serves_all(tmp_path, monkeypatch):
    write(tmp_path / "a.parquet", x=[0.5, 1.5], w=[1.0, 2.0])
    write(tmp_path / "b.parquet", x=[0.6], w=[4.0])
    opened = []

    def counted(path, tree, **options):
        opened.append(path.name)
        return open_table(path, tree, **options)

    monkeypatch.setattr(histograms, "open_table", counted)
    found = filled(
        tmp_path,
        template("a", paths=("a.parquet",)),
        template("both", paths=("a.parquet", "b.parquet"), weight="w"),
        template("twice", paths=("a.parquet", "*.parquet", "./a.parquet")),
        template("up", paths=("a.parquet",), variable="x + 1"),
    )
    assert opened == ["a.parquet", "b.parquet"]
    assert {key.sample: each.values.tolist() for key, each in found.items()} == {
        "a": [1, 1, 0],
        "both": [5, 2, 0],
        "twice": [2, 1, 0],
        "up": [0, 1, 1],
    }


def test_files_are_remembered_once(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.parquet", x=[0.5])
    found = fill([template("t", paths=("*.parquet",)), template("u", paths=("a.parquet",))], base=tmp_path)
    assert [path.name for path in found.files] == ["a.parquet", "b.parquet"]


def test_a_folder_may_have_a_star_in_its_name(tmp_path):
    folder = tmp_path / "run[1]*"
    folder.mkdir()
    write(folder / "e.parquet", x=[0.5])
    assert find_files(Setting("*.parquet", ""), folder) == [folder / "e.parquet"]
    assert find_files(Setting("e.parquet", ""), folder) == [folder / "e.parquet"]


def test_a_file_that_is_not_there(tmp_path, message):
    write(tmp_path / "ttbar.parquet", x=[0.5])
    with pytest.raises(ConfigError) as error:
        filled(tmp_path, template(paths=("tbar.parquet",)))
    message(error, "fit.yml:3: Samples.0.InputPath: no file", "did you mean 'ttbar.parquet'?")
    with pytest.raises(ConfigError) as error:
        filled(tmp_path, template(paths=("data/*.root",)))
    message(error, "no file", "the folder of the config")


def test_a_column_that_is_not_there(tmp_path, message):
    write(tmp_path / "e.parquet", x=[0.5], w_btag=[1.0])
    with pytest.raises(ConfigError) as error:
        filled(tmp_path, template(weight="2 * w_btg"))
    message(error, "fit.yml:3: Samples.0.Weight: no column 'w_btg' in", "one of w_btag, x", "did you mean 'w_btag'?")


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        ({"x": [0.5, np.nan, np.nan]}, ["Variable: 'x' is NaN for 2 of 3 selected events", "a Filter"]),
        ({"x": [0.5, np.inf, 1.0]}, ["Variable: 'x' is infinite for 1 of 3 selected events"]),
        ({"w": [1.0, np.nan, 1.0]}, ["Weight: 'w' is NaN for 1 of 3 selected events"]),
        ({"w": [-np.inf, 0.0, 1.0]}, ["Weight: 'w' is infinite for 1 of 3 selected events"]),
    ],
)
def test_what_is_not_finite(tmp_path, message, columns, parts):
    write(tmp_path / "e.parquet", **({"x": [0.5, 0.5, 0.5], "w": [1.0, 1.0, 1.0]} | columns))
    with pytest.raises(DataError) as error:
        filled(tmp_path, template(weight="w"))
    message(error, *parts)


def test_what_is_not_selected_may_be_anything(tmp_path):
    write(tmp_path / "e.parquet", x=[0.5, np.nan], w=[np.inf, 1.0], n=[1, 0])
    found = filled(tmp_path, template(weight="where(n > 0, 2, w)", cut="n == 1"))
    assert found[Key("SR", "t")].values.tolist() == [2, 0, 0]


def test_no_events(tmp_path):
    write(tmp_path / "e.parquet", x=np.array([], float))
    found = filled(tmp_path, template())[Key("SR", "t")]
    assert (found.values.tolist(), found.entries) == ([0, 0, 0], 0)


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Ten times the events take no more memory, as only a chunk of them is there at a time."""
    import tracemalloc

    peaks = []
    for size in (20_000, 200_000):
        write(tmp_path / "e.parquet", x=np.linspace(0, 3.9, size))
        filled(tmp_path, template(), chunk=2_000)  # what is loaded once
        tracemalloc.start()
        filled(tmp_path, template(), chunk=2_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
