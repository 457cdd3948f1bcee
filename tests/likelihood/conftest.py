"""Small models whose answers are known otherwise."""

from __future__ import annotations

import pytest


def workspace(channels, observed, *, parameters=(), poi="mu"):
    """A workspace of one measurement; `channels` has samples by name, a sample its yields and modifiers."""
    from neyman.likelihood.workspace import Workspace

    return Workspace.from_dict(
        {
            "channels": [
                {
                    "name": channel,
                    "samples": [
                        {"name": name, "data": data, "modifiers": [_modifier(*each) for each in modifiers]}
                        for name, (data, *modifiers) in samples.items()
                    ],
                }
                for channel, samples in channels.items()
            ],
            "observations": [{"name": name, "data": data} for name, data in observed.items()],
            "measurements": [{"name": "m", "config": {"poi": poi, "parameters": list(parameters)}}],
            "version": "1.0.0",
        }
    )


def _modifier(kind, name, data=None):
    return {"type": kind, "name": name, "data": data}


@pytest.fixture(scope="session")
def build():
    """`build(channels, observed, parameters=..., poi=...)` is a workspace."""
    return workspace


@pytest.fixture(scope="session")
def counting():
    """Signal and background in two bins, and ten times the background in a control region: none at a bound."""
    return workspace(
        {
            "SR": {
                "signal": ([20.0, 40.0], ("normfactor", "mu"), ("normsys", "eff", {"lo": 0.95, "hi": 1.05})),
                "background": (
                    [200.0, 150.0],
                    ("normfactor", "k"),
                    ("histosys", "shape", {"lo_data": [190.0, 156.0], "hi_data": [212.0, 143.0]}),
                ),
            },
            "CR": {"background": ([2000.0], ("normfactor", "k"))},
        },
        {"SR": [231, 187], "CR": [2034]},
        parameters=[{"name": "mu", "bounds": [[-10.0, 10.0]]}],
    ).model()
