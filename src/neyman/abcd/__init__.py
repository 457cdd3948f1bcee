"""ABCD: two scores that predict their own background, trained through the limit they give [JAX core, torch adapter].

| you have | use |
|---|---|
| yields in A, B, C and D | `Templates`, then `cls`, `significance`, `upper_limit` |
| yields that networks gave | `neyman.abcd.torch`: the same as a loss, with gradients |
| doubts about the fits | `to_workspace`: the same likelihood as a pyhf workspace, which `neyman fit` reads |
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neyman.abcd.hypotheses import CLs, cls, significance, upper_limit
    from neyman.abcd.loss import Loss, loss_and_gradients
    from neyman.abcd.templates import REGIONS, Templates
    from neyman.abcd.workspace import to_workspace

__all__ = [
    "REGIONS",
    "CLs",
    "Loss",
    "Templates",
    "cls",
    "loss_and_gradients",
    "significance",
    "to_workspace",
    "upper_limit",
]

_HOME = {
    "REGIONS": "neyman.abcd.templates",
    "CLs": "neyman.abcd.hypotheses",
    "Loss": "neyman.abcd.loss",
    "Templates": "neyman.abcd.templates",
    "cls": "neyman.abcd.hypotheses",
    "loss_and_gradients": "neyman.abcd.loss",
    "significance": "neyman.abcd.hypotheses",
    "to_workspace": "neyman.abcd.workspace",
    "upper_limit": "neyman.abcd.hypotheses",
}


def __getattr__(name: str) -> object:
    """Load a public name from its home (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'neyman.abcd' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
