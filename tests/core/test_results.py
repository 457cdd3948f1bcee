import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import InputError
from neyman.core.results import Result


class Interval(Result):
    low: float
    high: float | None
    labels: tuple[str, ...] = ()


@given(low=st.floats(allow_nan=False, allow_infinity=False), labels=st.lists(st.text(), max_size=3).map(tuple))
def test_round_trip(low, labels):
    result = Interval(low=low, high=None, labels=labels)
    assert Interval.model_validate(json.loads(result.to_json())) == result


def test_save_and_load(tmp_path):
    result = Interval(low=-1 / 3, high=1e-300, labels=("θ",))
    result.save(tmp_path / "r.json")
    assert Interval.load(tmp_path / "r.json") == result
    assert "θ" in (tmp_path / "r.json").read_text(encoding="utf-8")


def test_not_a_number_is_null():
    assert json.loads(Interval(low=1, high=math.nan).to_json())["high"] is None


def test_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Interval(low=1, high=2).low = 3


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('{"low": 1}', ["$.high", "Field required"]),
        ('{"low": 1, "high": 2, "more": 3}', ["$.more"]),
        ('{"low": "a", "high": 2}', ["$.low", "number"]),
        ('{"low": null, "high": 2}', ["$.low"]),
        ("[]", ["not a Interval"]),
        ("{", ["not JSON"]),
    ],
)
def test_what_is_no_such_result_is_refused(tmp_path, text, parts, message):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InputError) as error:
        Interval.load(tmp_path / "r.json")
    message(error, *parts)
