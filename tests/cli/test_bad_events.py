"""Files of events that cannot be used: exit code 2, a few lines that say why, nothing on stdout, nothing written."""

import numpy as np
import pyarrow as pa
import pytest

TEXTS = {
    "decays.csv": b"q2,cos_theta_l,cos_theta_K,phi\n1.5,0,0,0\n",
    "nothing.parquet": b"",
    "decays.root": b"root\x00\x00\xf3\x05" * 20,
    "decays.h5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "half.parquet": b"PAR1" + bytes(range(256)),
}

# What is done to 100 good decays, and what the message must say.
FILES = {
    "outside the window": (lambda d: {"q2": np.append(9.5, d["q2"][1:])}, ["'q2' is 9.5 in row 0 (1 of 100", "1 to 8"]),
    "MeV²": (lambda d: {"q2": 1e6 * d["q2"]}, ["(100 of 100 rows)", "if q2 is in MeV^2, divide it by 1e6"]),
    "degrees": (lambda d: {"phi": np.degrees(d["phi"])}, ["'phi'", "rad", "if phi is in degrees"]),
    "0 to 2π": (lambda d: {"phi": np.mod(d["phi"], 2 * np.pi)}, ["'phi'", "subtract 2π"]),
    "θ for cos θ": (lambda d: {"cos_theta_l": np.arccos(d["cos_theta_l"])}, ["'cos_theta_l'", "-1 to 1"]),
    "NaN": (lambda d: {"phi": np.append(d["phi"][:-1], np.nan)}, ["'phi' is nan in row 99 (1 of 100"]),
    "infinity": (lambda d: {"q2": np.append(d["q2"][:-1], -np.inf)}, ["'q2' is -inf in row 99"]),
    "null": (lambda d: {"q2": pa.array([None, *d["q2"][1:].tolist()])}, ["'q2' is null in 1 rows"]),
    "text": (lambda d: {"q2": d["q2"].astype(str)}, ["'q2' does not hold numbers, but str"]),
    "yes and no": (lambda d: {"q2": d["q2"] > 3}, ["'q2' does not hold numbers, but bool"]),
    "lists": (lambda d: {"q2": pa.array([[x] for x in d["q2"]])}, ["'q2' does not hold numbers"]),
    "weights": (lambda d: {"weight": np.full(100, 0.5)}, ["events with weights", "unweighted"]),
    "sWeights": (lambda d: {"sWeight": np.full(100, 0.5)}, ["'sWeight' looks like weights", "remove it"]),
    "sPlot's name": (lambda d: {"nsig_sw": np.full(100, 0.5)}, ["'nsig_sw' looks like weights"]),
    "two sets": (lambda d: {"set": np.arange(100) // 50}, ["2 sets of events", "--set 0"]),
}


@pytest.fixture
def infer(neyman, tiny_run, tmp_path):
    def call(file, *options):
        samples = tmp_path / "samples.parquet"
        samples.unlink(missing_ok=True)
        done = neyman(
            "posterior", "infer", tiny_run / "artefact", "--observed", file, "--json", "--samples", samples, *options
        )
        assert samples.exists() is (done.code == 0)
        return done

    return call


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("method", ["flow", "exact"])
def test_values_that_cannot_be(what, method, infer, write, decays, refused):
    change, parts = FILES[what]
    refused(infer(write(**change(decays)), "--method", method), *parts)


def test_columns_under_other_names(infer, write, decays, refused):
    other = {"cosThetaL": decays["cos_theta_l"], "costhetak": decays["cos_theta_K"], "run": decays["phi"]}
    done = infer(write(without=("cos_theta_l", "cos_theta_K"), **other))
    refused(done, "missing cos_theta_l, cos_theta_K; found q2, phi, cosThetaL, costhetak, run")
    refused(done, "rename 'cosThetaL' to 'cos_theta_l', 'costhetak' to 'cos_theta_K'")


def test_missing_columns(infer, write, refused):
    parts = ["missing cos_theta_K, phi; found q2, cos_theta_l", "columns q2, cos_theta_l, cos_theta_K, phi"]
    refused(infer(write(without=("phi", "cos_theta_K"))), *parts)


@pytest.mark.parametrize("method", ["flow", "exact"])
def test_an_empty_set(method, infer, write, refused):
    refused(infer(write("empty.parquet", slice(0)), "--method", method), "no events in this file")


@pytest.mark.parametrize("rows", [np.arange(49), np.arange(201) % 100])
def test_fewer_or_more_than_trained_for(rows, infer, write, refused):
    file = write("other.parquet", rows)
    refused(infer(file), f"{len(rows)} events", "50 to 200", "--method exact")
    assert infer(file, "--method", "exact").code == 0


@pytest.mark.parametrize("rows", [np.arange(50), np.arange(200) % 100])
def test_as_few_and_as_many_as_trained_for(rows, infer, write):
    assert infer(write("other.parquet", rows)).code == 0


def test_weights_of_one_are_no_weights(infer, write):
    assert infer(write(weight=np.ones(100))).code == 0


def test_sets_that_are_not_there(infer, write, refused):
    two = write(set=np.arange(100) // 50)
    refused(infer(two, "--set", 2), "no set 2", "0 to 1")
    assert infer(two, "--set", 1).code == 0
    refused(infer(write("one.parquet"), "--set", 0), "no column 'set'")
    refused(infer(two, "--set", -1), "--set")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("decays.csv", ["this is a text file", "read_csv"]),
        ("nothing.parquet", ["cannot be read", "0 bytes"]),
        ("decays.root", ["this is a ROOT file", "uproot"]),
        ("decays.h5", ["this is an HDF5 file"]),
        ("half.parquet", ["cannot be read", "a Parquet file of events"]),
    ],
)
def test_files_that_are_no_parquet(name, parts, infer, tmp_path, refused):
    (tmp_path / name).write_bytes(TEXTS[name])
    refused(infer(tmp_path / name), name, *parts)


def test_a_folder_and_a_file_that_is_not_there(infer, tmp_path, write, refused):
    write("part.parquet")
    refused(infer(tmp_path), "this is a folder", "e.g. part.parquet")
    refused(infer(tmp_path / "none.parquet"), "none.parquet: no such file")


@pytest.mark.parametrize(("place", "part"), [(".", "a folder is there"), ("file/draws", "a file is in the way")])
def test_draws_that_cannot_be_written(place, part, neyman, tiny_run, write, tmp_path):
    (tmp_path / "file").write_text("thesis")
    command = ["posterior", "infer", tiny_run / "artefact", "--observed", write(), "--json"]
    done = neyman(*command, "--samples", tmp_path / place)
    assert (done.code, done.out) == (2, "")
    assert part in done.err
    assert (tmp_path / "file").read_text() == "thesis"
