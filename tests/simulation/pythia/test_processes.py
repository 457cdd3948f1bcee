import numpy as np
import pytest

from neyman.core.errors import ConfigError
from neyman.simulation.pythia.processes import PROCESSES, process_named, semi_visible_jets


def test_names():
    assert [*PROCESSES] == ["semi_visible_jets", "qcd", "top_pairs", "vector_bosons"]
    assert all(process_named(name).name == name for name in PROCESSES)


def test_the_signal_has_its_mass_and_fraction():
    settings = semi_visible_jets(mass=3000, invisible=0.5).settings
    assert "4900023:m0 = 3000" in settings
    assert "4900111:oneChannel = 1 0.5 0 4900211 -4900211" in settings
    assert "4900113:addChannel = 1 0.25 91 1 -1" in settings


@pytest.mark.parametrize(
    "wrong", [{"mass": 0}, {"mass": -1}, {"mass": np.nan}, {"mass": np.inf}, {"invisible": -0.1}, {"invisible": 1.1}]
)
def test_signals_that_are_none(wrong, message):
    with pytest.raises(ConfigError) as error:
        semi_visible_jets(**wrong)
    message(error, "expected")


def test_a_process_that_is_none(message):
    with pytest.raises(ConfigError) as error:
        process_named("top_pair")
    message(error, "no process 'top_pair'", "did you mean 'top_pairs'?")
