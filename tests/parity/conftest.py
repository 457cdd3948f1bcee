"""Workspaces with pyhf as their oracle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from .workspaces_written import QUICKEST, WORKSPACES


@dataclass(frozen=True)
class Case:
    """A workspace, compiled by us and by pyhf.

    Attributes:
        name: Its name.
        model: Ours.
        oracle: pyhf's.
    """

    name: str
    model: Any
    oracle: Any

    def data(self, array):
        """An array as pyhf wants it, as our data."""
        from neyman.likelihood.data import Data

        array = np.asarray(array, float)
        bins = self.model.grid.bins
        return Data(array[:bins], array[bins:])

    def points(self, count, seed=1):
        """Random points at which all yields are positive."""
        model, rng = self.model, np.random.default_rng(seed)
        alpha = model.constrained & ~model.bin_wise & (model.inits != 1)
        low, high = np.where(alpha, -1.9, 0.6 * model.inits), np.where(alpha, 1.9, 1.5 * model.inits)
        return np.clip(rng.uniform(low, high, (count, len(low))), *model.bounds.T)


def make(name, spec, codes):
    """A case."""
    from neyman.likelihood.model import Model
    from neyman.likelihood.workspace import Workspace

    from .pyhf_oracle import Oracle

    return Case(name, Model.build(Workspace.from_dict(spec), **codes), Oracle(spec, codes))


@pytest.fixture(scope="session")
def compare():
    """`compare(name, spec, codes)` makes a case."""
    return make


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(name, marks=[] if name in QUICKEST else [pytest.mark.slow, pytest.mark.guard], id=name)
        for name in WORKSPACES
    ],
)
def case(request):
    """Each of the workspaces written by hand."""
    build, codes = WORKSPACES[request.param]
    return make(request.param, build(), codes)
