import json
import math

import numpy as np
import pytest

from neyman.core.artefacts import MANIFEST, load_artefact, save_artefact
from neyman.core.errors import ArtefactError, DataError, MissingDependencyError, NumericsError
from neyman.core.restoring import fitting, inputs_of, require_same, require_unchanged, with_config

CONFIG, EVENTS, INPUTS = {"layers": 3}, [{"name": "x"}, {"name": "y"}], {"events.parquet": "abc"}


@pytest.fixture
def path(tmp_path):
    save_artefact(
        tmp_path / "model",
        kind="abcd",
        config=CONFIG,
        events=EVENTS,
        parameters=(),
        weights={"w": np.ones(2)},
        validation={"x": np.zeros(2)},
        card="",
        inputs=with_config(INPUTS, CONFIG, EVENTS),
    )
    return tmp_path / "model"


def opened(path, **changes):
    manifest = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps({**manifest, **changes}))
    return load_artefact(path, kind="abcd")


def test_inputs_come_back_without_the_hash_of_the_config(path):
    assert inputs_of(opened(path)) == INPUTS


@pytest.mark.parametrize(
    "changes",
    [{"config": {"layers": 4}}, {"events": EVENTS[::-1]}, {"events": EVENTS[:1]}, {"inputs": INPUTS}],
    ids=["config", "order of columns", "columns", "no hash"],
)
def test_what_was_edited_is_refused(path, changes):
    with pytest.raises(ArtefactError, match="not those that it was trained with") as caught:
        inputs_of(opened(path, **changes))
    assert caught.value.where == str(path / MANIFEST)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("cuts"), "KeyError 'cuts'"),
        (IndexError("far"), "IndexError far"),
        (TypeError("not a\n  list"), "TypeError not a list"),
        (AttributeError("none"), "AttributeError none"),
        (ValueError("shape"), "ValueError shape"),
        (RuntimeError("size mismatch " + "x" * 200), "RuntimeError size mismatch xxx"),
        (DataError("no column 'x'", where="elsewhere", hint="another"), "no column 'x'"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_what_does_not_fit_is_one_kind_of_error_in_few_lines(path, error, reason):
    with pytest.raises(ArtefactError) as caught, fitting(opened(path)):
        raise error
    found = str(caught.value)
    assert f"{path}: does not fit this version of neyman: {reason}" in found
    assert found.splitlines()[1:] == ["  try: train it again with this version"]
    assert len(found) < len(str(path)) + 200
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        ArtefactError("a graph that cannot be run"),
        MissingDependencyError("posterior needs eos, which is not installed", hint="pip install 'neyman[posterior]'"),
        NumericsError("diverged"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_training_again_does_not_mend_is_left_as_it_is(path, error):
    with pytest.raises(type(error)) as caught, fitting(opened(path)):
        raise error
    assert caught.value is error


def test_answers_are_the_same(path):
    artefact = opened(path)
    require_same(artefact, "", 0.0, below=0.0)
    require_same(artefact, "", 1e-4, below=1e-3)
    for difference in (1.1e-3, math.inf, math.nan):
        with pytest.raises(ArtefactError) as caught:
            require_same(artefact, f"differ by {difference}", difference, below=1e-3)
        assert str(caught.value).splitlines()[:2] == [f"{path}: differ by {difference}", "  expected: less than 0.001"]


def test_files_are_those_of_the_training():
    require_unchanged(INPUTS, {**INPUTS, "more.parquet": "def"})
    for now in ({}, {"events.parquet": "abd"}):
        with pytest.raises(ArtefactError, match="has changed since the training") as caught:
            require_unchanged(INPUTS, now)
        assert caught.value.where == "events.parquet"
