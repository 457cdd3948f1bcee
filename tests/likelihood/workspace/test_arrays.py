import io
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from neyman.core.errors import DataError
from neyman.core.files import sha256
from neyman.likelihood.workspace import Workspace, array_files
from neyman.likelihood.workspace.arrays import array_reference, read_array, read_channel
from neyman.likelihood.workspace.event_arrays import ArrayReference

WHERE = "$.channels[1].observed.weights"
SR = "$.channels[1]"
SIGNAL = f"{SR}.samples[0]"
JES = f"{SIGNAL}.modifiers[1].data"


def reference(path, **keys):
    return ArrayReference(path=str(path), **keys)


def refused(path, folder, message, *parts, **keys):
    with pytest.raises(DataError) as error:
        read_array(reference(path, **keys), folder, where=WHERE)
    message(error, f"{WHERE}: {folder / path}", *parts)


@given(
    values=numpy_strategies.arrays(
        st.sampled_from([np.float32, np.float64, ">f8", ">f4", np.int16, np.uint64, np.int64]),
        st.integers(1, 30),
        elements={"allow_nan": False, "allow_infinity": False},
    )
)
def test_numbers_come_back(values, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    np.save(folder / "a.npy", values)
    found = read_array(ArrayReference.model_validate(array_reference(folder / "a.npy", folder)), folder, where=WHERE)
    assert found.dtype == (values.dtype.newbyteorder("=") if values.dtype.kind == "f" else np.float64)
    np.testing.assert_array_equal(found, values.astype(found.dtype))


def test_an_array_is_mapped_and_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(5.0))
    found = read_array(reference("a.npy"), tmp_path, where=WHERE)
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.int8()])
def test_a_column_of_a_parquet_file(tmp_path, kind):
    table = pa.table({"w": pa.array([1, 2, 3], kind), "text": ["a", "b", "c"]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    found = read_array(reference("a.parquet", column="w"), tmp_path, where=WHERE)
    assert found.dtype == (np.float32 if kind == pa.float32() else np.float64)
    np.testing.assert_array_equal(found, [1, 2, 3])


def test_an_absolute_path_and_one_that_leads_up(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(5.0))
    (tmp_path / "ws").mkdir()
    for path in (tmp_path / "a.npy", "../a.npy"):
        assert len(read_array(reference(path), tmp_path / "ws", where=WHERE)) == 5


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (np.zeros((2, 3)), ["shape (2, 3)", "one number for each event"]),
        (np.array(3.0), ["shape ()", "one number for each event"]),
        (np.array([]), ["no events", "one event at least"]),
        (np.array([1.0, 2.0, np.nan, np.inf]), ["event 2 is NaN", "a finite number for each event"]),
        (np.array([1.0, -np.inf], np.float32), ["event 1 is -infinity"]),
        (np.array([1.0, 2.0], np.float16), ["found float16", "float32, float64 or whole numbers"]),
        (np.array([1.0, 2.0], np.longdouble), ["found float128"]),
        (np.array([1j]), ["found complex128"]),
        (np.array([True]), ["found bool"]),
        (np.array(["a"]), ["found text or other objects"]),
        (np.array([(1.0, 2)], dtype="f8,i4"), ["found [('f0'"]),
    ],
)
def test_arrays_that_are_no_numbers_of_events(tmp_path, message, values, parts):
    np.save(tmp_path / "a.npy", values)
    refused("a.npy", tmp_path, message, *parts)


def test_the_first_of_many_that_is_not_finite(tmp_path, message, monkeypatch):
    monkeypatch.setattr(array_files, "BLOCK", 10)
    values = np.zeros(35)
    values[[27, 33]] = np.inf
    np.save(tmp_path / "a.npy", values)
    refused("a.npy", tmp_path, message, "event 27 is infinity")


def test_no_events_may_be_events(tmp_path):
    np.save(tmp_path / "a.npy", np.array([]))
    assert len(read_array(reference("a.npy"), tmp_path, where=WHERE, may_be_empty=True)) == 0


def bytes_of(save):
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["cannot be read", "a .npy file"]),
        (b"hello\n", ["cannot be read"]),
        (bytes_of(lambda file: np.save(file, np.arange(100.0)))[:300], ["cannot be read"]),
        (bytes_of(lambda file: np.save(file, np.array([{}]), allow_pickle=True)), ["cannot be read"]),
        (bytes_of(lambda file: np.savez(file, a=np.arange(3))), ["several arrays, as in a .npz file"]),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            ["a git-LFS pointer, not the file itself", "try: run git lfs pull"],
        ),
    ],
)
def test_files_that_are_no_arrays(tmp_path, message, content, parts):
    (tmp_path / "a.npy").write_bytes(content)
    refused("a.npy", tmp_path, message, *parts)


def test_a_pointer_is_told_before_its_hash(tmp_path, message):
    (tmp_path / "a.parquet").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    refused("a.parquet", tmp_path, message, "run git lfs pull", column="x", sha256="0" * 64)
    with pytest.raises(DataError, match="git lfs pull"):
        array_reference(tmp_path / "a.parquet", tmp_path, "x")


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        ({"weight": [1.0]}, ["no column 'weights'", "one of weight", "did you mean 'weight'?"]),
        ({}, ["no column 'weights'", "a file with columns"]),
        ({"weights": [1.0, None]}, ["column 'weights' is null in 1 rows"]),
        ({"weights": ["a"]}, ["found text or other objects"]),
        ({"weights": [[1.0]]}, ["found text or other objects"]),
        ({"weights": [True]}, ["found bool"]),
        ({"weights": [1.0, float("nan")]}, ["event 1 is NaN"]),
        ({"weights": pa.array([], pa.float64())}, ["no events"]),
    ],
)
def test_columns_that_are_no_numbers_of_events(tmp_path, message, columns, parts):
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    refused("a.parquet", tmp_path, message, *parts, column="weights")


def test_a_parquet_file_that_is_none(tmp_path, message):
    (tmp_path / "a.pq").write_text("w\n1\n")
    refused("a.pq", tmp_path, message, "cannot be read: this is a text file", column="w")


def test_files_that_are_not_there(tmp_path, message):
    refused("a.npy", tmp_path, message, "no such file")
    (tmp_path / "b.npy").mkdir()
    refused("b.npy", tmp_path, message, "cannot be read: Is a directory")


def test_a_file_that_changed(tmp_path, message):
    np.save(tmp_path / "a.npy", np.arange(5.0))
    known = array_reference(tmp_path / "a.npy", tmp_path)
    read_array(ArrayReference.model_validate(known), tmp_path, where=WHERE)
    read_array(ArrayReference.model_validate(known | {"sha256": known["sha256"].upper()}), tmp_path, where=WHERE)
    np.save(tmp_path / "a.npy", np.arange(5.0) + 1)
    new = sha256(tmp_path / "a.npy")
    parts = f"sha256 {new[:12]}..., the file is not", f"expected: sha256 {known['sha256'][:12]}...", "write it anew"
    refused("a.npy", tmp_path, message, *parts, sha256=known["sha256"])


def test_a_file_is_hashed_once(tmp_path, monkeypatch):
    hashed = []
    monkeypatch.setattr(array_files, "sha256", lambda path: hashed.append(path) or sha256(path))
    pq.write_table(pa.table({"a": [1.0], "b": [2.0]}), tmp_path / "a.parquet")
    for column in "abab":
        found = array_reference(tmp_path / "a.parquet", tmp_path, column)
        read_array(ArrayReference.model_validate(found), tmp_path, where=WHERE)
    assert hashed == [tmp_path / "a.parquet"]
    os.utime(tmp_path / "a.parquet", (1, 1))
    array_reference(tmp_path / "a.parquet", tmp_path)
    assert len(hashed) == 2


def test_how_a_file_is_named(tmp_path, monkeypatch, message):
    (tmp_path / "ws" / "arrays").mkdir(parents=True)
    np.save(tmp_path / "ws" / "arrays" / "a.npy", np.arange(3.0))
    np.save(tmp_path / "b.npy", np.arange(3.0))
    inside = array_reference(tmp_path / "ws" / "arrays" / "a.npy", tmp_path / "ws")
    assert inside == {"path": "arrays/a.npy", "sha256": sha256(tmp_path / "ws" / "arrays" / "a.npy")}
    assert array_reference(str(tmp_path / "b.npy"), str(tmp_path / "ws"), "x") == {
        "path": (tmp_path / "b.npy").as_posix(),
        "sha256": sha256(tmp_path / "b.npy"),
        "column": "x",
    }
    monkeypatch.chdir(tmp_path / "ws")
    assert array_reference("arrays/a.npy", "") == array_reference("../ws/arrays/a.npy", ".") == inside
    with pytest.raises(DataError) as error:
        array_reference("c.npy", ".")
    message(error, "c.npy: no such file")
    monkeypatch.chdir(tmp_path)


def read(unbinned):
    folder, document = unbinned
    return Workspace.from_dict(document, folder=folder).arrays()["SR"]


def test_the_arrays_of_a_channel(unbinned):
    folder, document = unbinned
    found = read(unbinned)
    np.testing.assert_array_equal(found.observed_weights, np.ones(60))
    np.testing.assert_array_equal(found.reference_weights, np.full(400, 0.25))
    assert len(found.log_ratio) == 2
    for name, (observed, reference) in zip(("signal", "background"), found.log_ratio, strict=True):
        np.testing.assert_array_equal(observed, np.load(folder / "arrays" / f"{name}_observed.npy"))
        np.testing.assert_array_equal(reference, np.load(folder / "arrays" / f"{name}_reference.npy"))
    ((sample, name, observed, reference),) = found.shapes
    assert (sample, name) == (0, "JES")
    np.testing.assert_array_equal(observed.hi, np.load(folder / "arrays" / "jes_hi_observed.npy"))
    np.testing.assert_array_equal(reference.lo, np.load(folder / "arrays" / "jes_lo_reference.npy"))
    assert not found.reference_is_observed
    assert found.notes == []
    channel = Workspace.from_dict(document).document.channels[1]
    assert read_channel(channel, folder, where=SR).shapes[0].name == "JES"


def test_ratios_to_the_reference_density_become_ratios_to_the_nominal_one(unbinned, put):
    folder, document = unbinned
    plain = read(unbinned)
    for side, name in (("hi", "up"), ("lo", "down")):
        both = {
            events: array_reference(folder / "arrays" / f"{name}_{events}.npy", folder)
            for events in ("observed", "reference")
        }
        put(document, f"{JES}.{side}_log_ratio", both)
    guessed = read(unbinned)
    told = read((folder, put(document, f"{JES}.relative_to", "reference")))
    assert guessed.notes == [
        f"{JES}: read as relative to the reference density, where it integrates to 1.000; "
        'write "relative_to": "reference" to say so'
    ]
    assert told.notes == []
    for found in (guessed, told):
        for events in (2, 3):
            np.testing.assert_allclose(found.shapes[0][events], plain.shapes[0][events], atol=1e-12)
    untouched = read((folder, put(document, f"{JES}.relative_to", "nominal")))
    np.testing.assert_array_equal(untouched.shapes[0].observed.hi, np.load(folder / "arrays" / "up_observed.npy"))


def test_sides_that_seem_relative_to_different_densities(unbinned, put, message):
    folder, document = unbinned
    for events in ("observed", "reference"):
        file = array_reference(folder / "arrays" / f"up_{events}.npy", folder)
        put(document, f"{JES}.hi_log_ratio.{events}", file)
    with pytest.raises(DataError) as error:
        read(unbinned)
    found = "hi_log_ratio seems to be relative to the reference density, the other one to the nominal density"
    message(error, f"{JES}: {found}", "both relative to the same density", '"relative_to": "nominal", or "reference"')


def test_without_reference_events_ratios_are_taken_as_they_are(unbinned, put):
    folder, document = unbinned
    for path in (f"{SR}.reference", *(f"{JES}.{side}_log_ratio.reference" for side in ("hi", "lo"))):
        put(document, path, ...)
    for s in (0, 1):
        put(document, f"{SR}.samples[{s}].log_ratio.reference", ...)
    put(document, f"{SR}.normalise", False)
    put(document, f"{JES}.hi_log_ratio.observed", array_reference(folder / "arrays" / "up_observed.npy", folder))
    found = read(unbinned)
    assert found.reference_weights is None
    assert [ratio.reference for ratio in found.log_ratio] == [None, None]
    assert found.shapes[0].reference is None
    assert not found.reference_is_observed
    np.testing.assert_array_equal(found.shapes[0].observed.hi, np.load(folder / "arrays" / "up_observed.npy"))
    put(document, f"{JES}.relative_to", "reference")
    difference = np.load(folder / "arrays" / "up_observed.npy") - np.load(folder / "arrays" / "signal_observed.npy")
    np.testing.assert_array_equal(read(unbinned).shapes[0].observed.hi, difference)


def observe_the_reference(unbinned, put, at):
    """Let the observed events be those of the reference, as in a study without data."""
    document = unbinned[1]
    for place in (f"{SR}.samples[0].log_ratio", f"{SR}.samples[1].log_ratio", f"{JES}.hi_log_ratio"):
        put(document, f"{place}.observed", dict(at(document, f"{place}.reference")))
    lo = at(document, f"{JES}.lo_log_ratio")
    lo["observed"] = lo["reference"] | {"path": f"./{lo['reference']['path']}"}
    put(document, f"{SR}.observed.weights", at(document, f"{SR}.reference.weights"))


def test_observed_events_that_are_those_of_the_reference(unbinned, put, at):
    observe_the_reference(unbinned, put, at)
    assert read(unbinned).reference_is_observed
    put(unbinned[1], f"{JES}.lo_log_ratio.observed.path", "arrays/jes_hi_reference.npy")
    put(unbinned[1], f"{JES}.lo_log_ratio.observed.sha256", ...)
    assert not read(unbinned).reference_is_observed


def test_arrays_of_different_lengths(unbinned, put, message):
    folder, document = unbinned
    np.save(folder / "short.npy", np.zeros(59))
    short = array_reference(folder / "short.npy", folder)
    put(document, f"{SR}.samples[1].log_ratio.observed", short)
    with pytest.raises(DataError) as error:
        read(unbinned)
    message(error, f"{SR}.samples[1].log_ratio.observed: 59 events\n", f"expected: 60, as {SIGNAL}.log_ratio.observed")
    put(document, f"{SR}.observed.weights", short)
    with pytest.raises(DataError) as error:
        read(unbinned)
    message(error, f"{SIGNAL}.log_ratio.observed: 60 events\n", f"expected: 59, as {SR}.observed.weights")


def test_reference_arrays_of_different_lengths(unbinned, put, message):
    folder, document = unbinned
    np.save(folder / "short.npy", np.zeros(399))
    put(document, f"{JES}.lo_log_ratio.reference", array_reference(folder / "short.npy", folder))
    with pytest.raises(DataError) as error:
        read(unbinned)
    message(error, f"{JES}.lo_log_ratio.reference: 399 events\n", f"expected: 400, as {SR}.reference.weights")


def test_nothing_seen_is_data(unbinned, put):
    folder, document = unbinned
    np.save(folder / "none.npy", np.array([]))
    none = array_reference(folder / "none.npy", folder)
    for place in (
        f"{SR}.samples[0].log_ratio",
        f"{SR}.samples[1].log_ratio",
        *(f"{JES}.{s}_log_ratio" for s in ("hi", "lo")),
    ):
        put(document, f"{place}.observed", none)
    found = read(unbinned)
    assert len(found.observed_weights) == len(found.shapes[0].observed.hi) == 0
    assert len(read((folder, put(document, f"{SR}.observed.weights", none))).observed_weights) == 0


def test_no_reference_events_are_no_reference(unbinned, put, message):
    folder, document = unbinned
    np.save(folder / "none.npy", np.array([]))
    put(document, f"{SR}.reference.weights", array_reference(folder / "none.npy", folder))
    with pytest.raises(DataError) as error:
        read(unbinned)
    message(error, f"{SR}.reference.weights: {folder / 'none.npy'}: no events")


@pytest.mark.parametrize("which", ["observed", "reference"])
@pytest.mark.parametrize(("value", "shown"), [(0.0, "0"), (-0.5, "-")])
def test_weights_that_cancel(unbinned, put, message, which, value, shown):
    folder, document = unbinned
    np.save(folder / "w.npy", np.full({"observed": 60, "reference": 400}[which], value))
    put(document, f"{SR}.{which}.weights", array_reference(folder / "w.npy", folder))
    with pytest.raises(DataError) as error:
        read(unbinned)
    message(error, f"{SR}.{which}.weights: weights with a sum of {shown}", "a sum above zero")


def test_single_weights_may_be_negative_and_are_kept_in_double_precision(unbinned, put):
    folder, document = unbinned
    weights = np.linspace(-0.1, 1, 60, dtype=np.float32)
    np.save(folder / "w.npy", weights)
    put(document, f"{SR}.observed.weights", array_reference(folder / "w.npy", folder))
    found = read(unbinned).observed_weights
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, weights)


def test_the_place_of_a_bad_file_is_told(unbinned, message):
    folder, _ = unbinned
    (folder / "arrays" / "jes_lo_reference.npy").unlink()
    with pytest.raises(DataError) as error:
        read(unbinned)
    message(error, f"{JES}.lo_log_ratio.reference: {folder / 'arrays' / 'jes_lo_reference.npy'}: no such file")
