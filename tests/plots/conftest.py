"""What every figure must keep to: nothing overlaps or leaves the canvas, and matplotlib's own state stays as it was."""

import inspect
import itertools

import matplotlib as mpl
import pytest


@pytest.fixture(autouse=True)
def untouched():
    """Fail a test that changes matplotlib's settings or registers a figure with pyplot."""
    import matplotlib.pyplot as plt

    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


def _texts(axes):
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        for tick, place in zip(axis.get_major_ticks(), axis.get_majorticklocs(), strict=True):
            if min(limits) <= place <= max(limits):
                yield from (tick.label1, tick.label2)
        yield from (axis.label, axis.offsetText)
    yield from (axes.title, axes._left_title, axes._right_title, *axes.texts)


@pytest.fixture(scope="session")
def tidy():
    """Check that all texts and the legend of a figure lie on it, apart from one another and above the panels."""

    def check(figure):
        figure.draw_without_rendering()
        boxes = {}
        for axes in figure.axes:
            for text in _texts(axes):
                if text.get_visible() and text.get_text():
                    boxes[f"'{text.get_text()}' {id(text)}"] = text.get_window_extent()
        for legend in figure.legends:
            boxes["the legend"] = legend.get_window_extent()
            assert all(legend.get_window_extent().y0 >= axes.get_window_extent().y1 for axes in figure.axes)
        for name, box in boxes.items():
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
            assert inside, f"{name} leaves the figure: {box}"
        for (name, box), (other, second) in itertools.combinations(boxes.items(), 2):
            assert not box.padded(-1).overlaps(second.padded(-1)), f"{name} overlaps {other}"

    return check


@pytest.fixture(scope="session")
def raw():
    """Call a function or make a dataclass as a user does, without the checks of shapes that only tests have."""

    def call(what, *args, **kwargs):
        if not inspect.isclass(what):
            return inspect.unwrap(what)(*args, **kwargs)
        made = object.__new__(what)
        inspect.unwrap(what.__init__)(made, *args, **kwargs)
        return made

    return call


@pytest.fixture(scope="session")
def entries():
    """The texts of the legend of a figure."""
    return lambda figure: [text.get_text() for text in figure.legends[0].get_texts()]
