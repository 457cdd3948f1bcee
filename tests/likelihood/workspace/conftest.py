"""Workspaces for tests: a small one of all modifiers, and random ones that pyhf accepts."""

import copy

import pytest
from hypothesis import strategies as st

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
