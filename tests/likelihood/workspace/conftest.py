"""Workspaces for tests: a small one of all modifiers, and random ones that pyhf accepts."""

import copy
import shutil

import numpy as np
import pytest
from hypothesis import strategies as st

from neyman.core.errors import WorkspaceError
from neyman.likelihood.workspace import Workspace
from neyman.likelihood.workspace.arrays import array_reference

EFT = {
    "name": "eft",
    "type": "polynomial",
    "data": {
        "parameters": ["c9", "c10"],
        "terms": [
            {"coefficient": 1, "powers": {}},
            {"coefficient": 0.31, "powers": {"c9": 1}},
            {"coefficient": 0.07, "powers": {"c9": 2, "c10": 0}},
            {"coefficient": -0.2, "powers": {"c10": 1}},
        ],
    },
}

FULL = {
    "channels": [
        {
            "name": "SR",
            "samples": [
                {
                    "name": "signal",
                    "data": [5, 2.5],
                    "modifiers": [
                        {"name": "mu", "type": "normfactor", "data": None},
                        {"name": "lumi", "type": "lumi", "data": None},
                        {"name": "xsec", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}},
                    ],
                },
                {
                    "name": "background",
                    "data": [50.0, 60],
                    "modifiers": [
                        {"name": "jes", "type": "histosys", "data": {"lo_data": [48, 62], "hi_data": [52.0, 58.0]}},
                        {"name": "jes", "type": "normsys", "data": {"lo": 0.95, "hi": 1.05}},
                        {"name": "stat_SR", "type": "staterror", "data": [3.0, 4.0]},
                        {"name": "lumi", "type": "lumi", "data": None},
                    ],
                },
            ],
        },
        {
            "name": "CR",
            "samples": [
                {
                    "name": "background",
                    "data": [100, 90, 80],
                    "modifiers": [
                        {"name": "free", "type": "shapefactor", "data": None},
                        {"name": "mc_CR", "type": "shapesys", "data": [9, 0, 8.5]},
                    ],
                }
            ],
        },
    ],
    "observations": [{"name": "CR", "data": [101, 88, 83]}, {"name": "SR", "data": [55, 61]}],
    "measurements": [
        {
            "name": "search",
            "config": {
                "poi": "mu",
                "parameters": [
                    {
                        "name": "lumi",
                        "auxdata": [1.0],
                        "sigmas": [0.017],
                        "bounds": [[0.5, 1.5]],
                        "inits": [1],
                        "fixed": False,
                    },
                    {"name": "free", "inits": [1.0, 1.0, 2], "bounds": [[0, 5], [0, 5], [0, 10]]},
                ],
            },
        },
        {
            "name": "no signal",
            "config": {
                "parameters": [
                    {"name": "lumi", "auxdata": [1], "sigmas": [0.1], "bounds": [[0, 10]], "inits": [1.0]},
                ],
                "poi": "",
            },
        },
    ],
    "version": "1.0.0",
}


@pytest.fixture
def full():
    """The JSON of a workspace with each of pyhf's modifiers; the test may change it."""
    return copy.deepcopy(FULL)


@pytest.fixture(scope="session")
def full_spec():
    """The same, for properties with many examples; they must not change it."""
    return FULL


@pytest.fixture
def with_eft():
    """The same with a polynomial on the signal."""
    full = copy.deepcopy(FULL)
    full["channels"][0]["samples"][0]["modifiers"].append(copy.deepcopy(EFT))
    return full


yields = st.one_of(st.integers(1, 200), st.floats(0.5, 200, allow_nan=False))


@st.composite
def _samples(draw, channel, bins):
    numbers = st.lists(yields, min_size=bins, max_size=bins)
    shares_statistics = draw(st.booleans())
    samples = []
    for name in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)):
        modifiers = [
            modifier
            for modifier in (
                {"name": "mu", "type": "normfactor", "data": None},
                {"name": "lumi", "type": "lumi", "data": None},
                {"name": f"xs_{name}", "type": "normsys", "data": {"lo": draw(yields), "hi": draw(yields)}},
                {"name": "jes", "type": "histosys", "data": {"lo_data": draw(numbers), "hi_data": draw(numbers)}},
                {"name": "jes", "type": "normsys", "data": {"lo": 0.9, "hi": draw(yields)}},
                {"name": f"unc_{channel}_{name}", "type": "shapesys", "data": draw(numbers)},
                {"name": f"free_{channel}", "type": "shapefactor", "data": None},
            )
            if draw(st.booleans())
        ]
        if shares_statistics:
            modifiers.append({"name": f"stat_{channel}", "type": "staterror", "data": draw(numbers)})
        samples.append({"name": name, "data": draw(numbers), "modifiers": draw(st.permutations(modifiers))})
    return samples


@st.composite
def _documents(draw, prefix=""):
    channels = [
        {"name": f"{prefix}{name}", "samples": draw(_samples(f"{prefix}{name}", bins))}
        for name, bins in draw(st.dictionaries(st.sampled_from("XYZ"), st.integers(1, 3), min_size=1)).items()
    ]
    signal = channels[0]["samples"][0]["modifiers"]
    if not any(modifier["type"] == "normfactor" for modifier in signal):
        signal.append({"name": "mu", "type": "normfactor", "data": None})
    lumi = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "bounds": [[0, 2]], "inits": [1]}
    poi = {"name": "mu", "inits": [draw(yields)], "bounds": [[-5, 300]], "fixed": draw(st.booleans())}
    names = draw(st.lists(st.sampled_from(["m1", "m2", "m3"]), min_size=1, max_size=3, unique=True))
    return {
        "channels": channels,
        "measurements": [
            {
                "name": name,
                "config": {
                    "poi": draw(st.sampled_from(["mu", "mu", ""])),
                    "parameters": draw(st.sampled_from([[lumi], [poi, lumi]])),
                },
            }
            for name in names
        ],
        "observations": draw(
            st.permutations(
                [
                    {"name": channel["name"], "data": [draw(yields) for _ in channel["samples"][0]["data"]]}
                    for channel in channels
                ]
            )
        ),
        "version": "1.0.0",
    }


@pytest.fixture(scope="session")
def documents():
    """`documents(prefix)` is a strategy of workspaces; the prefix is that of the channels' names."""
    return _documents


def _gaussian(x, centre, width):
    return np.exp(-0.5 * ((x - centre) / width) ** 2)


def write_unbinned(folder):
    """The JSON of a binned control region and an unbinned signal region, whose arrays are written to a folder.

    The reference density is uniform between 0 and 1, and so all ratios are known.
    """
    grid = (np.arange(400) + 0.5) / 400
    seen = np.random.default_rng(4).uniform(size=60)
    (folder / "arrays").mkdir(parents=True)

    def densities(name, centre, width):
        files = {}
        for events, x in (("observed", seen), ("reference", grid)):
            path = folder / "arrays" / f"{name}_{events}.npy"
            np.save(path, np.log(_gaussian(x, centre, width) / _gaussian(grid, centre, width).mean()))
            files[events] = array_reference(path, folder)
        return files

    def difference(name, one, other):
        files = {}
        for events in ("observed", "reference"):
            values = [np.load(folder / "arrays" / f"{each}_{events}.npy") for each in (one, other)]
            path = folder / "arrays" / f"{name}_{events}.npy"
            np.save(path, values[0] - values[1])
            files[events] = array_reference(path, folder)
        return files

    np.save(folder / "arrays" / "weights.npy", np.full(400, 0.25))
    signal, background = densities("signal", 0.6, 0.1), densities("background", 0.2, 0.5)
    for name, *shape in (("up", 0.62, 0.1), ("down", 0.59, 0.1)):
        densities(name, *shape)
    jes = {
        "hi": 1.1,
        "lo": 0.92,
        "hi_log_ratio": difference("jes_hi", "up", "signal"),
        "lo_log_ratio": difference("jes_lo", "down", "signal"),
    }
    return {
        "channels": [
            {
                "name": "CR",
                "samples": [
                    {
                        "name": "background",
                        "data": [100.0, 90],
                        "modifiers": [{"name": "JES", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}}],
                    }
                ],
            },
            {
                "name": "SR",
                "type": "unbinned",
                "observed": {},
                "reference": {"weights": array_reference(folder / "arrays" / "weights.npy", folder)},
                "samples": [
                    {
                        "name": "signal",
                        "yield": 20,
                        "log_ratio": signal,
                        "modifiers": [
                            {"name": "mu", "type": "normfactor", "data": None},
                            {"name": "JES", "type": "normplusshape", "data": jes},
                        ],
                    },
                    {
                        "name": "background",
                        "yield": 40.5,
                        "log_ratio": background,
                        "modifiers": [{"name": "JES", "type": "normsys", "data": {"lo": 0.95, "hi": 1.05}}],
                    },
                ],
            },
        ],
        "observations": [{"name": "CR", "data": [101, 88]}],
        "measurements": [{"name": "search", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


@pytest.fixture(scope="session")
def unbinned_source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbinned") / "ws"
    return folder, write_unbinned(folder)


@pytest.fixture
def unbinned(unbinned_source, tmp_path):
    """The folder `ws` in `tmp_path` with arrays of an unbinned channel, and the JSON, which the test may change."""
    folder, document = unbinned_source
    shutil.copytree(folder, tmp_path / "ws")
    return tmp_path / "ws", copy.deepcopy(document)


def at_path(document, path):
    """The value at a JSON path."""
    for step in path.removeprefix("$.").replace("[", ".").replace("]", "").split("."):
        document = document[int(step)] if step.isdecimal() else document[step]
    return document


def put_at(document, path, value):
    """The document with another value at a JSON path, or with none there for `...`; the last step is a key."""
    parent, _, key = path.rpartition(".")
    if value is ...:
        del at_path(document, parent)[key]
    else:
        at_path(document, parent)[key] = value
    return document


@pytest.fixture(scope="session")
def at():
    """`at(document, path)` is the value at a JSON path."""
    return at_path


@pytest.fixture(scope="session")
def put():
    """`put(document, path, value)` is the document with another value at a JSON path, or none there for `...`."""
    return put_at


@pytest.fixture
def refused(message):
    """`refused(document, part, ...)`: it is refused, with a message that has the parts."""

    def check(document, *parts):
        with pytest.raises(WorkspaceError) as error:
            Workspace.from_dict(document)
        message(error, *parts)
        assert max(map(len, str(error.value).splitlines())) < 300

    return check
