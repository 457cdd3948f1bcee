import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import ConfigError
from neyman.fit.expressions import parse

COLUMNS = {
    "x": np.array([-2.0, 0.5, 3.0]),
    "y": np.array([1.0, 2.0, 4.0]),
    "n": np.array([0, 3, 4]),
    "good": np.array([True, False, True]),
    "jet.pt": np.array([10.0, 20.0, 30.0]),
}


def numbers(text):
    return parse(text).numbers(COLUMNS, 3).tolist()


def conditions(text):
    return parse(text).conditions(COLUMNS, 3).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", [1, 1, 1]),
        ("x * (y > 1.5)", [0, 0.5, 3]),
        ("-x + 2 * y - +1", [3, 2.5, 4]),
        ("n / 2", [0, 1.5, 2]),
        ("n // 2 + n % 2", [0, 2, 2]),
        ("n ** -2 * 16 * (n > 3)", [np.nan, 0, 1]),
        ("2 ** n", [1, 8, 16]),
        ("9 ** 99 / 9 ** 98", [9, 9, 9]),
        ("abs(x) + sqrt(y) ** 2", [3, 2.5, 7]),
        ("min(x, y, 1)", [-2, 0.5, 1]),
        ("max(x, 0)", [0, 0.5, 3]),
        ("where(good, x, y)", [-2, 2, 3]),
        ("where(x > 0, 1, -1)", [-1, 1, 1]),
        ("exp(log(y))", [1, 2, 4]),
        ("good + (x > 0)", [1, 1, 2]),
        ("jet.pt / 10", [1, 2, 3]),
        ("x\n  + y", [-1, 2.5, 7]),
    ],
)
def test_numbers(text, expected):
    np.testing.assert_allclose(numbers(text), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("True", [True] * 3),
        ("good", [True, False, True]),
        ("n", [False, True, True]),
        ("~good", [False, True, False]),
        ("not n", [True, False, False]),
        ("(x > 0) & (y < 4)", [False, True, False]),
        ("x > 0 and y < 4 and good", [False, False, False]),
        ("(x < 0) | (n == 4)", [True, False, True]),
        ("x < 0 or n != 3", [True, False, True]),
        ("0 < x <= 3", [False, True, True]),
        ("n & 4", [False, False, True]),
        ("(n & 3) == 3", [False, True, False]),
        ("n & good", [False, False, True]),
        ("(n | 1) >= 4", [False, False, True]),
        ("x >= max(y, 3) - 1", [False, False, True]),
    ],
)
def test_conditions(text, expected):
    assert conditions(text) == expected


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0.1, 1e3))
def test_arithmetic_is_that_of_python(a, b, c):
    columns = {name: np.array([value]) for name, value in (("a", a), ("b", b), ("c", c))}
    text = "(a + b) * c - a / c + (a < b < c) * sqrt(c) % 3"
    expected = (a + b) * c - a / c + (a < b < c) * np.sqrt(c) % 3
    assert parse(text).numbers(columns, 1)[0] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_the_columns_that_are_needed():
    assert parse("where(a.b > 1, abs(c), 2) * True").columns == {"a.b", "c"}
    assert parse("3").columns == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__.mro()",
        "(lambda: 1)()",
        "[i for i in x]",
        "x[0]",
        "x if y else 1",
        "'text'",
        "x := 1",
        "eval(x)",
        "abs(x, out=y)",
        "abs(*x)",
        "x in y",
        "x is y",
        "x @ y",
        "x ^ y",
        "x << 2",
        "1j",
        "None",
        "...",
        "f(x).real",
        "x; y",
        "import os",
        "",
        "x >",
        "(" * 500 + "x" + ")" * 500,
        "-" * 100_000 + "x",
        "x\0",
    ],
)
def test_only_what_is_listed_is_taken(text, message):
    with pytest.raises(ConfigError) as error:
        parse(text, where="fit.yml:3: Regions.0.Filter")
    message(error, "fit.yml:3: Regions.0.Filter: ")


@pytest.mark.parametrize(
    ("text", "brackets"),
    [
        ("x >= -1.0 & x <= 0.5", "(x >= -1.0) & (x <= 0.5)"),
        ("x>0&y<4", "(x > 0) & (y < 4)"),
        ("x > 0 & y < 4 & good", "(x > 0) & (y < 4) & good"),
        ("good & x > 1", "good & (x > 1)"),
        ("x < 0 | n == 4 & y > 5", "(x < 0) | ((n == 4) & (y > 5))"),
        ("n == 4 & y > 5 | x < 0", "((n == 4) & (y > 5)) | (x < 0)"),
        ("0 < x < 1 & y == 2", "(0 < x < 1) & (y == 2)"),
        ("x > 0 & ~good | y < 2", "((x > 0) & ~good) | (y < 2)"),
        ("x > 0 & (n & 4) == 4", "(x > 0) & ((n & 4) == 4)"),
        ("x + 1 > 0 & y < 2 * 2 or n == 0", "((x + 1 > 0) & (y < 4)) or (n == 0)"),
        ("(x > 0 & y < 4) == good", "((x > 0) & (y < 4)) == good"),
        ("where(x > 0 & y < 4, 1, 0) == 1", "(x > 0) & (y < 4)"),
        ("not (x > 0 & y < 4)", "not ((x > 0) & (y < 4))"),
    ],
)
def test_comparisons_bind_more_tightly_than_and_and_or(text, brackets):
    assert conditions(text) == conditions(brackets)
    assert parse(text).columns == parse(brackets).columns


@pytest.mark.parametrize("text", ["n & 4 == 4", "n >= 2 & n", "2 & n > 1", "x > 1 | n & 4", "x & n > 1"])
def test_a_number_beside_a_comparison_is_no_condition(text, message):
    with pytest.raises(ConfigError) as error:
        conditions(text)
    message(error, f"'{text}' takes a number for a condition", "'met > 100'")


def test_not_before_several_conditions(message):
    with pytest.raises(ConfigError) as error:
        parse("not x > 1 & y < 2", where="here")
    message(error, "here: 'not' before several conditions", "not (a > 1) & (b < 2)")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x > 1 && y < 2", ["cannot read 'x > 1 && y < 2'", "try: & for &&"]),
        ("x > 1 || y < 2", ["try: | for ||"]),
        ("!good", ["try: ~ for !"]),
        ("sqr(x)", ["unknown function 'sqr'", "did you mean 'sqrt'?"]),
        ("min(x)", ["min() takes 2 or more arguments, not 1"]),
        ("where(x > 1, 2)", ["where() takes 3 arguments, not 2"]),
        ("lambda x: x", ["'lambda x: x' is not part of expressions"]),
    ],
)
def test_mistakes_are_explained(text, parts, message):
    with pytest.raises(ConfigError) as error:
        parse(text)
    message(error, *parts)


@pytest.mark.parametrize("text", ["x & good", "~x", "not x", "x and good", "where(x, 1, 2)"])
def test_numbers_are_no_conditions(text, message):
    with pytest.raises(ConfigError) as error:
        numbers(text)
    message(error, f"'{text}' takes a number for a condition")


def test_a_filter_has_to_be_a_condition(message):
    with pytest.raises(ConfigError) as error:
        parse("x + 1", where="here").conditions(COLUMNS, 3)
    message(error, "here: 'x + 1' is a number, not a condition", "'met > 100'")


def test_what_is_undefined_is_nan_without_a_warning():
    found = numbers("log(x) + sqrt(x)")
    assert np.isnan(found[0])
    assert numbers("1 / n")[0] == np.inf
