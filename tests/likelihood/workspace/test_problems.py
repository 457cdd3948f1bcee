import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.likelihood.workspace.problems import Problem, error, json_path, listed, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (float("-inf"), "-infinity"),
        ({}, "an empty object"),
        ({"a": 1}, "an object"),
        ((), "an empty list"),
        (1.5, "1.5"),
        (10**400, "a number of hundreds of digits"),
        ("a\nb", r"'a\nb'"),
        (np.zeros(2), "a numpy.ndarray"),
    ],
)
def test_values_as_messages_show_them(value, text):
    assert shown(value) == text


@given(st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.lists(st.integers()), st.just("x" * 10_000)))
def test_a_value_is_one_short_line(value):
    assert len(shown(value)) <= 60
    assert len(shown(value).splitlines()) == 1


@given(st.lists(st.text()))
def test_names_are_one_line(names):
    assert len(listed(names).splitlines()) <= 1
    assert len(listed([name * 100 for name in names])) < 400


def test_paths():
    assert json_path([]) == "$"
    assert json_path(["powers", "Re(C9)", 0]) == "$.powers['Re(C9)'][0]"


def test_the_first_problem_is_told_and_the_others_counted():
    first = Problem("$.a", "found 1", "2", "3")
    assert str(error([first], where="w.json")) == "w.json: $.a: found 1\n  expected: 2\n  try: 3"
    assert str(error([first, first, first], where="")) == "$.a: found 1 (and 2 more)\n  expected: 2\n  try: 3"
