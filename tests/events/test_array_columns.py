import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.events.array_columns import Stored, layout_of


def test_columns_and_a_table_together():
    layout = layout_of({"y": (4,), "x": (4, 2)}, ["a", "b"], where="")
    assert dict(layout.columns) == {"y": Stored("y"), "a": Stored("x", 0), "b": Stored("x", 1)}
    assert layout.rows == 4
    assert tuple(layout_of({"x": (4, 2)}, None, where="").columns) == ("column_0", "column_1")


@pytest.mark.parametrize(
    ("shapes", "names", "parts"),
    [
        ({}, None, ["no arrays"]),
        ({"x": ()}, None, ["'x' of shape ()"]),
        ({"x": (3, 19, 3)}, None, ["'x' of shape (3, 19, 3)"]),
        ({"x": (3, 2), "y": (3, 4)}, None, ["'x' of shape (3, 2), 'y'"]),
        ({"x": (3,), "y": (4,)}, None, ["x: 3, y: 4", "one length"]),
        ({"x": (3, 2)}, ["a"], ["1 names for 2 columns"]),
        ({"x": (3, 2)}, ["a", "a"], ["column 'a' stands twice"]),
        ({"x": (3, 2), "a": (3,)}, ["a", "b"], ["column 'a' stands twice"]),
    ],
)
def test_what_is_no_table(shapes, names, parts, message):
    with pytest.raises(DataError) as error:
        layout_of(shapes, names, where="file")
    message(error, "file", *parts)


def test_names_as_bytes():
    from neyman.events.array_columns import as_text

    assert as_text(np.array([b"a", b"b"])) == as_text(np.array(["a", "b"], dtype=object)) == ["a", "b"]
