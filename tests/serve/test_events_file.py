"""Parquet that somebody else wrote: what is right is read exactly, what is wrong is named."""

import io
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import DataError
from neyman.serve import events_file
from neyman.serve.events_file import EventsFile
from neyman.serve.settings import Limits
from neyman.serve.storage.protocol import StorageUnavailableError
from neyman.serve.storage.uri import ObjectURI

URI = ObjectURI("events", "a.parquet")
NAMES = ("pt", "eta", "jets")


def columns(n=10, **changes):
    rng = np.random.default_rng(n)
    made = {"pt": rng.normal(size=n), "eta": rng.normal(size=n), "jets": rng.integers(0, 9, n)}
    return {**made, **changes}


def parquet(table, **options):
    out = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), out, **options)
    return out.getvalue()


def opened(content, names=NAMES, **limits):
    return EventsFile(pa.BufferReader(content), URI, names, Limits(**limits))


def read(content, names=NAMES, rows=10**9, **limits):
    file = opened(content, names, **limits)
    return [piece.x for span in file.spans(rows) for piece in file.pieces(span)]


def refused(message, content, *parts, **limits):
    with pytest.raises(DataError) as error:
        read(content, **limits)
    message(error, "s3://events/a.parquet", *parts)


def test_columns_are_found_by_name_in_any_order():
    given_columns = columns(weight=np.ones(10), text=["a"] * 10)
    x = np.concatenate(read(parquet(dict(reversed(given_columns.items())))))
    assert x.dtype == np.float64
    for at, name in enumerate(NAMES):
        np.testing.assert_array_equal(x[:, at], given_columns[name])


def test_single_precision_stays_single():
    table = {name: np.arange(5, dtype="f4") for name in NAMES}
    (x,) = read(parquet(table))
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    assert read(parquet(table | {"jets": np.arange(5, dtype="f8")}))[0].dtype == np.float64


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u4", "i8", "u8", "f2", "f4", "f8"])
def test_all_kinds_of_numbers(kind):
    x = np.concatenate(read(parquet(columns(jets=np.arange(10).astype(kind)))))
    np.testing.assert_array_equal(x[:, 2], np.arange(10))


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=6), rows=st.integers(1, 120), piece=st.integers(1, 60))
def test_spans_and_pieces_cover_all_rows_once_and_in_order(sizes, rows, piece):
    out = io.BytesIO()
    every = np.arange(sum(sizes), dtype="f8")
    with pq.ParquetWriter(out, pa.schema([(name, pa.float64()) for name in NAMES])) as writer:
        done = 0
        for size in sizes:
            some = every[done : done + size]
            writer.write_table(pa.table({"pt": some, "eta": -some, "jets": 2 * some}))
            done += size
    old, events_file.PIECE = events_file.PIECE, piece
    try:
        file = opened(out.getvalue())
        spans = file.spans(rows)
        x = np.concatenate([part.x for span in spans for part in file.pieces(span)])
    finally:
        events_file.PIECE = old
    np.testing.assert_array_equal(x, np.stack([every, -every, 2 * every], axis=1))
    assert [span.number for span in spans] == list(range(len(spans)))
    assert [group for span in spans for group in span.groups] == list(range(len(sizes)))
    assert all(span.rows >= rows for span in spans[:-1])
    assert file.rows == sum(span.rows for span in spans) == sum(sizes)


def test_missing_and_renamed_columns(message):
    table = columns()
    refused(message, parquet({k: v for k, v in table.items() if k != "eta"}), "missing column 'eta'")
    renamed = {"ETA" if k == "eta" else k: v for k, v in table.items()}
    refused(message, parquet(renamed), "missing column 'eta'", "did you mean 'ETA'?", "found pt, ETA, jets")
    refused(message, parquet({"a" * 5000: [1.0]}), "missing column 'pt' (and 2 more)")


def test_duplicate_columns(message):
    one = pa.array([1.0])
    table = pa.Table.from_arrays([one] * 4, names=["pt", "eta", "jets", "pt"])
    refused(message, parquet(table), "column 'pt' stands twice")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1.5"] * 10, "string"),
        ([True] * 10, "bool"),
        ([[1.0]] * 10, "list"),
        ([{"x": 1.0}] * 10, "struct"),
        (pa.array([b"1"] * 10), "binary"),
        (pa.array(range(10), pa.timestamp("s")), "timestamp"),
        (pa.array([None] * 10), "null"),
        (pa.array(["1"] * 10).dictionary_encode(), "dictionary"),
    ],
)
def test_columns_that_are_no_numbers(message, values, kind):
    refused(message, parquet(columns(eta=values)), "column 'eta' holds", kind, "one number a row")


def test_a_dotted_name_is_not_what_is_inside_a_struct(message):
    nested = {"lep": [{"pt": 1.0}], "eta": [1.0]}
    with pytest.raises(DataError) as error:
        read(parquet(nested), names=("lep.pt", "eta"))
    message(error, "missing column 'lep.pt'")
    x = np.concatenate(read(parquet({"lep.pt": [1.0], "eta": [2.0]}), names=("lep.pt", "eta")))
    assert x.tolist() == [[1.0, 2.0]]


def test_nulls(message):
    eta = pa.array([1.0] * 7 + [None] + [1.0] * 2)
    refused(message, parquet(columns(eta=eta), row_group_size=5), "column 'eta' is null in row 2 of row group 1")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39, -1e300])
def test_values_that_are_no_numbers(message, value):
    eta = np.ones(10)
    eta[8] = value
    refused(message, parquet(columns(eta=eta), row_group_size=4), f"column 'eta' is {value} in row 0 of row group 2")


def test_not_a_number_in_single_precision(message):
    table = {name: np.ones(5, "f4") for name in NAMES}
    table["jets"][3] = np.nan
    refused(message, parquet(table), "column 'jets' is nan in row 3 of row group 0")


def test_no_rows(message):
    refused(message, parquet(columns(0)), "no events")


def test_truncated_and_damaged_files(message):
    content = parquet(columns(1000), row_group_size=500)
    for cut in (0, 3, 8, 100, len(content) // 2, len(content) - 9, len(content) - 1):
        refused(message, content[:cut], "no Parquet file, or a damaged one")
    refused(message, b"PAR1" + b"\xff" * 60 + b"\x30\0\0\0PAR1", "damaged")
    refused(message, b"pt,eta,jets\n1,2,3\n", "no Parquet file")
    refused(message, content[:4] + bytes(60) + content[64:], "row group 0 cannot be read")


def test_a_row_group_that_is_shorter_than_its_footer_says(message):
    file = opened(parquet(columns(10)))
    (batch,) = file._file.iter_batches(10)
    file._file = SimpleNamespace(iter_batches=lambda *_, **__: iter([batch.slice(0, 9)]))
    with pytest.raises(DataError) as error:
        list(file.pieces(file.spans(10)[0]))
    message(error, "row group 0 is damaged: 9 rows", "expected: 10")


@given(at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_a_changed_byte_is_never_worse_than_refused(at, byte):
    content = bytearray(parquet(columns(200), row_group_size=100))
    content[at % len(content)] = byte
    try:
        rows = sum(map(len, read(bytes(content))))
    except DataError as error:
        assert "s3://events/a.parquet" in str(error)
    else:
        assert rows == 200


def test_too_many_rows(message):
    refused(message, parquet(columns(11)), "11 events", "at most 10", batch_rows=10)
    assert len(read(parquet(columns(10)), batch_rows=10)[0]) == 10


def test_too_large_a_row_group(message):
    content = parquet(columns(30), row_group_size=20)
    refused(message, content, "row group 0 has 20 rows", "at most 19", "row_group_size", row_group_rows=19)
    refused(message, parquet(columns(3000)), "row group 0 has", "bytes", "at most 1,024", row_group_bytes=1024)
    assert sum(map(len, read(content, row_group_rows=20))) == 30
    small = parquet({name: np.arange(3000) // 1000 for name in NAMES}, use_dictionary=False, compression="zstd")
    assert len(small) < 5000
    refused(message, small, "row group 0 has", "bytes", row_group_bytes=10_000)  # it counts what memory has to hold
    assert len(np.concatenate(read(parquet(columns(50, note=["x" * 2**10] * 50)), row_group_bytes=2048))) == 50


@pytest.mark.parametrize("failure", [OSError(5, "Input/output error"), OSError("AWS Error NETWORK_CONNECTION")])
def test_a_storage_that_goes_away_is_no_fault_of_the_file(failure):
    class Flaky(io.BytesIO):
        broken = False

        def read(self, size=-1):
            if self.broken:
                raise failure
            return super().read(size)

    stream = Flaky(parquet(columns(100_000), row_group_size=50_000))
    file = EventsFile(pa.PythonFile(stream, "r"), URI, NAMES, Limits())
    stream.broken = True
    with pytest.raises(StorageUnavailableError):
        list(file.pieces(file.spans(1)[0]))
