import pyhf
import pytest

from neyman.core.errors import InputError
from neyman.likelihood.workspace import Inspection, Workspace, describe, inspect

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")  # pyhf's validator


def test_what_is_found(full):
    workspace = Workspace.from_dict(full)
    found = inspect(workspace)
    assert found.workspace == workspace.digest
    assert [(each.name, each.bins, each.samples) for each in found.channels] == [
        ("SR", 2, ("signal", "background")),
        ("CR", 3, ("background",)),
    ]
    assert [each.expected for each in found.channels] == pytest.approx([117.5, 270])
    assert [each.observed for each in found.channels] == [116, 272]
    assert [(each.name, each.type, each.channels, each.samples, each.parameters) for each in found.modifiers] == [
        ("jes", "histosys", 1, 1, 1),
        ("lumi", "lumi", 1, 2, 1),
        ("mu", "normfactor", 1, 1, 1),
        ("jes", "normsys", 1, 1, 1),
        ("xsec", "normsys", 1, 1, 1),
        ("free", "shapefactor", 1, 1, 3),
        ("mc_CR", "shapesys", 1, 1, 3),
        ("stat_SR", "staterror", 1, 1, 2),
    ]
    model = pyhf.Workspace(full).model()
    assert [(each.name, each.poi, each.parameters) for each in found.measurements] == [
        ("search", "mu", model.config.npars),
        ("no signal", None, model.config.npars),
    ]
    assert found.measurements[0].settings[1].bounds == ((0, 5), (0, 5), (0, 10))
    assert found.warnings == ()


def test_a_polynomial_has_several_parameters(with_eft):
    found = inspect(Workspace.from_dict(with_eft))
    assert [each.parameters for each in found.modifiers if each.type == "polynomial"] == [2]
    assert found.measurements[0].parameters == 14


def test_a_file_and_back(full, tmp_path):
    full["channels"][1]["samples"][0]["data"][0] = -1
    found = inspect(Workspace.from_dict(full))
    found.save(tmp_path / "a.json")
    assert Inspection.load(tmp_path / "a.json") == found
    assert "negative yield" in found.warnings[0]
    with pytest.raises(ValueError, match="frozen"):
        found.workspace = "x"
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError):
        Inspection.load(tmp_path / "a.json")


def test_the_text(full):
    full["channels"][1]["samples"][0]["data"][0] = -1
    assert (
        describe(inspect(Workspace.from_dict(full)))
        == """\
channel  bins  expected  observed  samples
SR       2     117.5     116       signal, background
CR       3     169       272       background

modifier  type         channels  samples  parameters
jes       histosys     1         1        1
lumi      lumi         1         2        1
mu        normfactor   1         1        1
jes       normsys      1         1        1
xsec      normsys      1         1        1
free      shapefactor  1         1        3
mc_CR     shapesys     1         1        3
stat_SR   staterror    1         1        2

measurement  POI   parameters  settings
search       mu    12          lumi free inits [1.0] bounds [[0.5, 1.5]] auxdata [1.0] sigmas [0.017]; \
free inits [1.0, 1.0, 2.0] bounds [[0.0, 5.0], [0.0, 5.0], [0.0, 10.0]]
no signal    none  12          lumi inits [1.0] bounds [[0.0, 10.0]] auxdata [1.0] sigmas [0.1]

warning: $.channels[1].samples[0].data[0]: sample 'background' has a negative yield, -1
warning: $.channels[1]: no events are expected in bin 0, besides what 'mu' scales
warning: $.channels[1]: no events are expected in bin 0
"""
    )
