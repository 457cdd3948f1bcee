"""How hard XLA tries. Compiling one of our functions takes one to seven seconds, running it a thousandth of that.

| | compile | run |
|---|---|---|
| `QUICK` | 1 | 1 |
| `THOROUGH` | 2 | 1/3 |
| XLA's default | 3 | 1/3 |

A single fit, and a thousand of a small model, are over before `THOROUGH` has paid for itself.
"""

from __future__ import annotations

from typing import Any

QUICK: dict[str, Any] = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
THOROUGH: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False}
_WORTH_IT = 2e9


def worth_compiling(*, fits: int, size: int) -> bool:
    """Whether so many fits, of a model with so many numbers in its tables, are worth the longer compilation."""
    return fits * size > _WORTH_IT
