"""Templates come back from files as they went, and what cannot be used is named."""

import json

import numpy as np
import pytest

from neyman.abcd.templates import REGIONS, Templates
from neyman.core.errors import DataError, InputError

GOOD = {
    "background": {"A": [400, 80], "B": [52, 9], "C": [4000, 900], "D": [500, 100]},
    "signal": {"A": [1, 1], "B": [10, 6], "C": [0.2, 0], "D": [1, 1]},
}


def changed(*keys, to):
    document = json.loads(json.dumps(GOOD))
    place = document
    for key in keys[:-1]:
        place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
    place[keys[-1]] = to
    return document


def test_regions_are_the_last_axis():
    found = Templates.from_document(GOOD)
    assert found.background.tolist() == [[400, 52, 4000, 500], [80, 9, 900, 100]]
    assert found.bins == 2
    assert REGIONS == ("A", "B", "C", "D")


def test_a_file_comes_back(tmp_path):
    more = {"observed": GOOD["background"], "delta": [0.1, -0.2], "variance": GOOD["background"]}
    Templates.from_document(GOOD | more).save(tmp_path / "t.json")
    back = Templates.load(tmp_path / "t.json").to_document()
    assert back == GOOD | more


def test_non_closure_is_that_of_the_background_unless_it_is_given():
    assert Templates.from_document(GOOD).non_closure == pytest.approx([52 * 4000 / (400 * 500) - 1, 9 * 900 / 8000 - 1])
    assert Templates.from_document(GOOD | {"delta": [0.3, 0]}).non_closure.tolist() == [0.3, 0]


def test_arrays_cannot_be_changed():
    source = np.full((1, 4), 5.0)
    found = Templates(source, source)
    source[0, 0] = 7
    assert found.background[0, 0] == 5
    with pytest.raises(ValueError, match="read-only"):
        found.background[0, 0] = 1


BAD = {
    "a list": ([], "$", "a list"),
    "no signal": ({"background": GOOD["background"]}, "$", "no 'signal'"),
    "unknown key": (GOOD | {"sginal": {}}, "$", "did you mean 'signal'?"),
    "unknown region": (changed("signal", "E", to=[1, 1]), "$.signal", "'E'"),
    "region missing": (GOOD | {"signal": {"A": [1, 1]}}, "$.signal", "'B'"),
    "bins differ": (changed("background", "C", to=[1]), "$.background.C: 1 bin\n", "2, as in region A"),
    "bins differ from the background": (GOOD | {"delta": [0.1]}, "$.delta: 1 bin\n", "2 bins, as the background"),
    "no bins": (changed("background", "A", to=[]), "$.background.A", "an empty list"),
    "a number": (changed("background", "A", to=3), "$.background.A", "a list of numbers"),
    "a text": (changed("background", "A", to=[1, "2"]), "$.background.A[1]", "a text"),
    "true": (changed("background", "A", to=[1, True]), "$.background.A[1]", "true or false"),
    "NaN": (changed("background", "D", to=[1, float("nan")]), "$.background.D[1]", "a finite number"),
    "infinite": (changed("signal", "B", to=[float("inf"), 1]), "$.signal.B[0]", "a finite number"),
    "too large": (changed("signal", "B", to=[10**400, 1]), "$.signal.B[0]", "a finite number"),
    "negative": (changed("background", "C", to=[1, -2]), "$.background.C[1]", "-2"),
    "negative data": (
        GOOD | {"observed": changed("background", "A", to=[-1, 1])["background"]},
        "$.observed.A[0]",
        "-1",
    ),
    "zero": (changed("background", "C", to=[1, 0]), "$.background.C[1]", "above zero"),
    "δ too low": (GOOD | {"delta": [0, -1]}, "$.delta[1]", "above −1"),
    "no signal in B": (changed("signal", "B", to=[0, 0]), "$.signal.B", "no signal in B"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_named(case, message):
    document, place, part = BAD[case]
    with pytest.raises(DataError) as error:
        Templates.from_document(document, where="t.json")
    message(error, f"t.json: {place}", part)


def test_zeros_are_allowed_where_delta_is_given_and_in_data():
    document = changed("background", "C", to=[1, 0]) | {
        "delta": [0, 0],
        "observed": changed("signal", "A", to=[0, 0])["signal"],
    }
    assert Templates.from_document(document).background[1, 2] == 0


def test_arrays_of_a_wrong_shape(message):
    with pytest.raises(DataError) as error:
        Templates([[1, 2, 3]], [[1, 2, 3]])
    message(error, "(1, 3)", "(bins, 4)")
    with pytest.raises(DataError) as error:
        Templates([["a", 2, 3, 4]], [[1, 2, 3, 4]])
    message(error, "$.background")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError):
        Templates.load(tmp_path / "none.json")
