"""Random workspaces: a few structures, so that compiled code is used again, with numbers that hypothesis draws."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from .workspaces_written import (
    LUMI,
    histosys,
    lumi_config,
    normfactor,
    normsys,
    sample,
    shapefactor,
    shapesys,
    staterror,
    workspace,
)

CODES = [
    {"histosys": "code4p", "normsys": "code4"},
    {"histosys": "code0", "normsys": "code1"},
    {"histosys": "code2", "normsys": "code4"},
    {"histosys": "code4p", "normsys": "code1"},
]
STRUCTURES = 8


def _choices(structure):
    """Which modifiers each sample of a structure has."""
    rng = np.random.default_rng(100 + structure)
    channels = {}
    for channel in ("A", "B", "C")[: 2 + structure % 2]:
        names = ["background", *rng.permutation(["other", "top"])[: rng.integers(1, 3)].tolist()]
        kinds = {name: rng.uniform(size=7) < 0.5 for name in names}
        channels[channel] = (int(rng.integers(1, 4)), names, kinds)
    return channels


@st.composite
def workspaces(draw):
    """A workspace, its interpolation codes, and a seed for points and data."""
    structure = draw(st.integers(0, STRUCTURES - 1))
    codes = CODES[structure % len(CODES)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.sampled_from([0.05, 0.2]))  # of the systematics
    scale = draw(st.sampled_from([8.0, 60.0, 500.0]))  # events in a bin
    channels, observed = {}, {}
    for channel, (bins, names, kinds) in _choices(structure).items():

        def some(data):
            return (data * np.exp(size * rng.normal(size=len(data)))).tolist()

        signal = scale * rng.uniform(0.1, 0.4, bins)
        samples = [sample("signal", signal.tolist(), normfactor("mu"), normsys("acc", *_pair(rng, size)))]
        total = signal.copy()
        for name in names:
            data = scale * rng.uniform(0.3, 1.0, bins)
            lumi, xs, jes, both, stat, mc, free = kinds[name]
            modifiers = [
                *([LUMI] if lumi else []),
                *([normsys(f"xs_{name}", *_pair(rng, size))] if xs else []),
                *([histosys("jes", some(data), some(data))] if jes or both else []),
                *([normsys("jes", *_pair(rng, size))] if both else []),
                *([staterror(f"stat_{channel}", (0.1 * data).tolist())] if stat else []),
                *([shapesys(f"mc_{channel}_{name}", (0.15 * data).tolist())] if mc else []),
                *([shapefactor(f"free_{channel}")] if free and not stat and name == "other" else []),
            ]
            samples.append(sample(name, data.tolist(), *modifiers))
            total += data
        channels[channel], observed[channel] = samples, rng.poisson(total).tolist()
    parameters = (
        [lumi_config()] if any(kinds[0] for _, _, k in _choices(structure).values() for kinds in k.values()) else []
    )
    return workspace(channels, observed, parameters), codes, int(rng.integers(2**31))


def _pair(rng, size):
    return np.exp(size * rng.normal(size=2)).tolist()
