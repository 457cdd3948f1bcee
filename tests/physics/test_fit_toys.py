"""Pseudo-experiments: pulls, coverage, and CLs where the asymptotic formulae hold and where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from neyman.core.executors import local_executor
from neyman.likelihood.hypotheses import hypothesis_test
from neyman.likelihood.toys import hypothesis_test_with_toys, toys
from neyman.likelihood.workspace import Workspace


def sample(name, data, *modifiers):
    return {
        "name": name,
        "data": data,
        "modifiers": [dict(zip(("type", "name", "data"), m, strict=True)) for m in modifiers],
    }


def model(channels, observed, **bounds):
    return Workspace.from_dict(
        {
            "channels": [{"name": name, "samples": samples} for name, samples in channels.items()],
            "observations": [{"name": name, "data": data} for name, data in observed.items()],
            "measurements": [
                {
                    "name": "m",
                    "config": {"poi": "mu", "parameters": [{"name": k, "bounds": [v]} for k, v in bounds.items()]},
                }
            ],
            "version": "1.0.0",
        }
    ).model()


def systematics():
    """Histosys and normsys; the signal strength may be negative."""
    return model(
        {
            "SR": [
                sample("signal", [60.0, 120.0], ("normfactor", "mu", None), ("normsys", "e", {"lo": 0.97, "hi": 1.03})),
                sample(
                    "background",
                    [900.0, 700.0],
                    ("histosys", "s", {"lo_data": [880.0, 714.0], "hi_data": [920.0, 686.0]}),
                ),
            ]
        },
        {"SR": [960, 820]},
        mu=[-10, 10],
    )


def control_region():
    """A background from a control region, with a staterror."""
    return model(
        {
            "CR": [sample("background", [4000.0], ("normfactor", "k", None))],
            "SR": [
                sample("signal", [80.0, 40.0], ("normfactor", "mu", None)),
                sample("background", [400.0, 800.0], ("normfactor", "k", None), ("staterror", "stat", [12.0, 18.0])),
            ],
        },
        {"SR": [480, 840], "CR": [4000]},
        mu=[-10, 10],
    )


def poisson_constraints():
    """Shapesys: auxiliary data that are counts."""
    return model(
        {
            "SR": [
                sample("signal", [60.0, 90.0, 30.0], ("normfactor", "mu", None)),
                sample("background", [500.0, 400.0, 300.0], ("shapesys", "mc", [25.0, 22.0, 18.0])),
            ]
        },
        {"SR": [560, 490, 330]},
        mu=[-10, 10],
    )


@pytest.mark.parametrize("make", [systematics, control_region, poisson_constraints])
def test_pulls_and_coverage(make):
    found = toys(make(), count=2000, seed=5)
    assert found.converged == 2000
    for name, each in found.parameters.items():
        assert abs(each.pull_mean) < 0.07, name
        assert each.pull_width == pytest.approx(1, abs=0.05), name
        assert each.coverage_68 == pytest.approx(0.683, abs=0.03), name
        assert each.coverage_95 == pytest.approx(0.954, abs=0.014), name


def test_numbers_do_not_depend_on_the_number_of_workers():
    here = toys(control_region(), count=600, seed=9)
    with local_executor(2) as executor:
        there = toys(control_region(), count=600, seed=9, executor=executor)
    assert here == there


def test_other_seeds_give_other_toys():
    assert toys(control_region(), count=20, seed=1).values != toys(control_region(), count=20, seed=2).values


def test_cls_of_toys_is_that_of_the_formulae_for_many_events():
    one = model(
        {"SR": [sample("signal", [40.0], ("normfactor", "mu", None)), sample("background", [400.0])]}, {"SR": [413]}
    )
    asymptotic, found = hypothesis_test(one, 1.2), hypothesis_test_with_toys(one, 1.2, count=4000, seed=3)
    assert found.method == "toys"
    assert found.cls_obs == pytest.approx(asymptotic.cls_obs, abs=4 * found.cls_obs_error + 0.005)
    assert found.clsb_obs == pytest.approx(asymptotic.clsb_obs, abs=0.03)


def test_cls_of_toys_is_exact_for_few_events():
    """No event with a background of 0.2: CLs is exp(−s), which the formulae miss by far."""
    one = model({"SR": [sample("signal", [3.0], ("normfactor", "mu", None)), sample("background", [0.2])]}, {"SR": [0]})
    found, asymptotic = hypothesis_test_with_toys(one, 1.0, count=6000, seed=4), hypothesis_test(one, 1.0)
    assert found.cls_obs == pytest.approx(np.exp(-3), abs=4 * found.cls_obs_error)
    assert abs(asymptotic.cls_obs - np.exp(-3)) > 0.01
