import pytest

from neyman.core.errors import ConfigError
from neyman.simulation.pythia.collider_processes import BACKGROUNDS, SIGNALS, SLICES, slices

ALL = [(name, layout) for layout in SIGNALS for name in (*BACKGROUNDS, *SIGNALS[layout])]


@pytest.mark.parametrize(("name", "layout"), ALL)
def test_settings(name, layout):
    for part in slices(name, layout):
        assert part.process.name.startswith(name)
        assert part.process.settings[0] == "PartonLevel:MPI = on"
        assert all(line.count(" = ") >= 1 for line in part.process.settings)


def test_slices_of_qcd_leave_no_gap():
    soft, *hard = slices("qcd", "trigger")
    assert soft.max_pt_hat == SLICES[0]
    lows, highs = [], []
    for part in hard:
        limits = dict(line.split(" = ") for line in part.process.settings)
        lows.append(float(limits["PhaseSpace:pTHatMin"]))
        highs.append(float(limits.get("PhaseSpace:pTHatMax", "inf")))
    assert lows == [soft.max_pt_hat, *highs[:-1]]
    assert highs[-1] == float("inf")
    assert slices("qcd", "forty_mhz") == slices("qcd", "trigger")
    assert len(slices("qcd", "dijet")) == 1


@pytest.mark.parametrize(
    ("name", "layout", "parts"),
    [
        ("zprim_xy", "dijet", ["no process 'zprim_xy'", "did you mean 'zprime_xy'?"]),
        ("zprime_xy", "forty_mhz", ["no process 'zprime_xy'", "forty_mhz", "a_4l"]),
        ("w", "fourty_mhz", ["no layout 'fourty_mhz'", "did you mean 'forty_mhz'?"]),
    ],
)
def test_what_there_is_not(name, layout, parts, message):
    with pytest.raises(ConfigError) as error:
        slices(name, layout)
    message(error, *parts)
