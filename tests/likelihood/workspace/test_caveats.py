import copy

import pytest

from neyman.likelihood.workspace import Workspace

STAT = {"name": "stat_SR", "type": "staterror", "data": [1.0, 1, 1]}


def spoil(full, change):
    change(full)
    return Workspace.from_dict(full).warnings()


def config(spec):
    return spec["measurements"][0]["config"]["parameters"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda spec: None, []),
        (
            lambda spec: spec["channels"][0]["samples"][0]["data"].__setitem__(1, -0.5),
            ["$.channels[0].samples[0].data[1]: sample 'signal' has a negative yield, -0.5"],
        ),
        (
            lambda spec: spec["channels"][0]["samples"][1]["data"].__setitem__(0, 0),
            [
                "$.channels[0]: no events are expected in bin 0, besides what 'mu' scales",
            ],
        ),
        (
            lambda spec: spec["channels"][1]["samples"][0].__setitem__("data", [0, 0.0, 1]),
            [
                "$.channels[1]: no events are expected in bins 0, 1, besides what 'mu' scales",
                "$.channels[1]: no events are expected in bins 0, 1",
            ],
        ),
        (
            lambda spec: config(spec).append({"name": "mu_"}),
            ["$.measurements[0].config.parameters[2]: no modifier uses 'mu_'; did you mean 'mu'?"],
        ),
        (
            lambda spec: config(spec).append({"name": "mu", "inits": [11], "bounds": [[0, 10]]}),
            ["$.measurements[0].config.parameters[2].inits[0]: 11 is outside of the bounds [0, 10]"],
        ),
        (
            lambda spec: config(spec).append({"name": "mu", "bounds": [[1, 1]]}),
            [
                "$.measurements[0].config.parameters[2].bounds[0]: low and high are both 1; "
                '"fixed": true holds a parameter'
            ],
        ),
        (lambda spec: config(spec).append({"name": "mu", "bounds": [[1, 1]], "fixed": True}), []),
        (
            lambda spec: spec["channels"][1]["samples"].append(
                {"name": "signal", "data": [1, 1, 1], "modifiers": [STAT]}
            ),
            [
                "$.channels[0].samples[1].modifiers[2]: "
                "not all samples of staterror 'stat_SR' have it in the same channels"
            ],
        ),
    ],
)
def test_what_is_legal_and_may_not_be_meant(full, change, expected):
    assert spoil(full, change) == expected


def test_a_polynomial_scales_a_signal_too(with_eft):
    spec = copy.deepcopy(with_eft)
    spec["channels"][0]["samples"][0]["modifiers"].pop(0)
    spec["channels"][0]["samples"][1]["data"][0] = 0
    spec["measurements"][0]["config"]["poi"] = "c9"
    assert Workspace.from_dict(spec).warnings() == [
        "$.channels[0]: no events are expected in bin 0, besides what 'c9' scales"
    ]


def test_a_parameter_that_changes_nothing(with_eft):
    terms = with_eft["channels"][0]["samples"][0]["modifiers"][-1]["data"]["terms"]
    del terms[-1]  # c10 stands in another term, to the power of zero
    assert Workspace.from_dict(with_eft).warnings() == [
        "$.channels[0].samples[0].modifiers[3].data.parameters[1]: parameter 'c10' changes nothing"
    ]


SR = "$.channels[1]"
SIGNAL = f"{SR}.samples[0]"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (f"{SIGNAL}.yield", 0, [f"{SIGNAL}.yield: sample 'signal' has a yield of zero"]),
        (f"{SIGNAL}.yield", -3.5, [f"{SIGNAL}.yield: sample 'signal' has a yield that is negative, -3.5"]),
        (
            f"{SR}.samples[1].yield",
            0,
            [
                f"{SR}: no events are expected, besides what 'mu' scales",
                f"{SR}.samples[1].yield: sample 'background' has a yield of zero",
            ],
        ),
        (
            f"{SIGNAL}.log_ratio.observed.sha256",
            ...,
            [f"{SR}: no sha256 of arrays/signal_observed.npy; nothing will tell if a file changes"],
        ),
        (
            f"{SR}.normalise",
            False,
            [f"{SR}.normalise: varied densities are not normalised, and a fit may end far from the truth"],
        ),
    ],
)
def test_unbinned_channels(unbinned, put, path, value, expected):
    assert Workspace.from_dict(put(unbinned[1], path, value)).warnings() == expected


def test_shapes_of_which_nothing_tells_what_they_are_relative_to(unbinned, put):
    document = unbinned[1]
    jes = f"{SIGNAL}.modifiers[1].data"
    ratios = (f"{SIGNAL}.log_ratio", f"{SR}.samples[1].log_ratio", f"{jes}.hi_log_ratio", f"{jes}.lo_log_ratio")
    for path in (SR, *ratios):
        put(document, f"{path}.reference", ...)
    put(document, f"{SR}.normalise", False)
    undecided = f"{jes}: no relative_to; without reference events it is read as relative to the nominal density"
    assert undecided in Workspace.from_dict(document).warnings()
    put(document, f"{jes}.relative_to", "nominal")
    assert undecided not in Workspace.from_dict(document).warnings()
