"""Decays to infer from, and what a refusal looks like."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture(scope="session")
def decays(tiny_run):
    """The columns of 100 decays that the tiny posterior can use."""
    table = pq.read_table(tiny_run / "observed.parquet")
    return {name: table[name].to_numpy() for name in table.column_names}


@pytest.fixture
def write(tmp_path, decays):
    """A plain Parquet file, as pandas or pyarrow write it, of these decays with some columns changed."""

    def to_file(name="decays.parquet", rows=slice(None), /, without=(), **changes):
        columns = {key: values[rows] for key, values in decays.items() if key not in without} | changes
        pq.write_table(pa.table(columns), tmp_path / name)
        return tmp_path / name

    return to_file


@pytest.fixture(scope="session")
def refused():
    """`refused(done, "part", ...)`: what every refusal of an input looks like, and what this one must say."""

    def check(done, *parts):
        assert done.code == 2, done
        assert done.out == ""
        assert 1 <= len(done.err.splitlines()) <= 5, done.err
        assert max(map(len, done.err.splitlines())) < 300
        assert "Traceback" not in done.err
        for part in parts:
            assert part in done.err, f"{part!r} is not in:\n{done.err}"

    return check
