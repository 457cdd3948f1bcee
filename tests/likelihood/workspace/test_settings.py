"""What measurements say of parameters; where pyhf sees it too, it is asked."""

import pyhf
import pytest

from neyman.core.errors import WorkspaceError
from neyman.likelihood.workspace import Workspace

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")  # pyhf's validator

PATH = "$.measurements[0].config"


def pyhf_refuses(spec):
    try:
        pyhf.Workspace(spec).model()
    except (pyhf.exceptions.InvalidModel, AssertionError, TypeError):
        return True
    return False


@pytest.mark.parametrize(
    ("poi", "parts"),
    [
        ("mu_sig", ["no parameter 'mu_sig'", "one of mu, lumi, xsec, jes, stat_SR, free, mc_CR", "did you mean 'mu'?"]),
        ("tan(beta)", ["no parameter 'tan(beta)'", 'with its patch, or set "poi" to ""']),
        ("free", ["'free' is 3 parameters, one for each bin", "a single parameter"]),
        ("signal", ["no parameter 'signal'"]),
    ],
)
def test_a_poi_that_is_none(full, poi, parts, message):
    full["measurements"][0]["config"]["poi"] = poi
    assert pyhf_refuses(full)
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(full)
    message(error, f"workspace: {PATH}.poi: ", *parts)


def test_every_measurement_is_checked(full, message):
    full["measurements"][1]["config"]["poi"] = "nu"
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(full)
    message(error, "$.measurements[1].config.poi: no parameter 'nu'")


@pytest.mark.parametrize("poi", ["", "mu", "xsec", "jes", "lumi"])
def test_pois_that_can_be(full, poi):
    full["measurements"][0]["config"]["poi"] = poi
    assert not pyhf_refuses(full)
    assert Workspace.from_dict(full).measurement().poi == (poi or None)


def test_a_polynomial_brings_pois(with_eft, message):
    with_eft["measurements"][0]["config"]["poi"] = "c10"
    Workspace.from_dict(with_eft)
    with_eft["measurements"][0]["config"]["poi"] = "eft"  # the modifier is no parameter
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(with_eft)
    message(error, "no parameter 'eft'")


@pytest.mark.parametrize(
    ("config", "parts", "pyhf_too"),
    [
        ({"name": "mu", "inits": [1, 1]}, [".inits: 2 values", "1, a single parameter"], True),
        ({"name": "mc_CR", "inits": [1, 1]}, [".inits: 2 values", "3, one for each bin"], True),
        ({"name": "mc_CR", "bounds": [[0, 1]]}, [".bounds: 1 values", "3, one for each bin"], True),
        ({"name": "mc_CR", "factors": [1, 2]}, [".factors: 2 values", "3, one for each bin"], True),
        ({"name": "stat_SR", "sigmas": [0.1, 0.1, 0.1]}, [".sigmas: 3 values", "2, one for each bin"], True),
        ({"name": "stat_SR", "factors": [1, 1]}, [".factors: staterror 'stat_SR' has no factors", "sigmas"], True),
        ({"name": "mu", "auxdata": [1]}, [".auxdata: normfactor 'mu' has no auxdata", "inits, bounds, fixed"], True),
        ({"name": "xsec", "sigmas": [1]}, [".sigmas: normsys 'xsec' has no sigmas"], True),
        ({"name": "jes", "sigmas": [1]}, [".sigmas: histosys and normsys 'jes' has no sigmas"], True),
        ({"name": "mu", "bounds": [[1, 0]]}, [".bounds[0]: found [1, 0]", "[low, high]"], False),
        ({"name": "stat_SR", "sigmas": [0.1, 0]}, [".sigmas[1]: found 0", "above zero", "'fixed': true"], False),
        ({"name": "mc_CR", "factors": [1, -1, 0]}, [".factors[1]: found -1 (and 1 more)", "above zero"], False),
    ],
)
def test_settings_that_do_not_fit(full, config, parts, pyhf_too, message):
    full["measurements"][0]["config"]["parameters"].append(config)
    assert pyhf_refuses(full) == pyhf_too
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(full)
    message(error, f"{PATH}.parameters[2]{parts[0]}", *parts)


@pytest.mark.parametrize(
    "config",
    [
        {"name": "mu", "inits": [2], "bounds": [[-1, 3]], "fixed": True},
        {"name": "mu", "inits": [1], "bounds": [[1, 1]], "fixed": True},
        {"name": "jes", "auxdata": [0.5]},
        {"name": "mc_CR", "auxdata": [1, 2, 3], "factors": [1, 2, 3], "inits": [1, 1, 1]},
        {"name": "stat_SR", "auxdata": [1, 1], "sigmas": [0.1, 0.2]},
        {"name": "not there", "inits": [1, 2, 3]},
    ],
)
def test_settings_that_fit(full, config):
    full["measurements"][0]["config"]["parameters"].append(config)
    assert not pyhf_refuses(full)
    assert Workspace.from_dict(full).to_dict() == full


@pytest.mark.parametrize(
    ("missing", "parts"),
    [
        (["auxdata"], [".parameters[0]: no auxdata for 'lumi'", "keys name, auxdata, bounds, inits, sigmas"]),
        (["inits", "bounds", "sigmas"], [".parameters[0]: no bounds, inits, sigmas for 'lumi'"]),
    ],
)
def test_a_luminosity_needs_numbers(full, missing, parts, message):
    for key in missing:
        del full["measurements"][0]["config"]["parameters"][0][key]
    assert pyhf_refuses(full) or missing == ["bounds"]
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(full)
    message(error, PATH, *parts)


def test_a_luminosity_that_no_measurement_speaks_of(full, message):
    full["measurements"][1]["config"]["parameters"] = []
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(full)
    message(error, "$.measurements[1].config.parameters: no entry for 'lumi'", "auxdata, bounds, inits, sigmas")
