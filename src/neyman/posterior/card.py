"""The card of an artefact: what it is for, what it is not for, what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neyman.events.columns import Schema
from neyman.posterior.config import EstimationConfig
from neyman.simulation.prior import UniformPrior

_CARD = """# Posterior of {parameters}

**For**: the posterior of {parameters} from one set of {low} to {high} independent events with columns {columns}.

**Trained on**: {simulator}; flat prior {prior}; estimator `{estimator}`; seed {seed}.

**Not for**
- events with background, acceptance or resolution: the simulator has none of them, and the posterior would be wrong
  without a warning;
- sets of fewer than {low} or more than {high} events, or events outside the ranges of the columns;
- true values outside the prior: the posterior then piles up at its edge;
- weighted or correlated events.

Theory uncertainties (form factors, non-local charm) are not in it: amplitudes are EOS's central values.
`neyman posterior check` says how well it agrees with the exact posterior.
"""


def model_card(config: EstimationConfig, simulator: Mapping[str, Any], prior: UniformPrior, schema: Schema) -> str:
    """The card in Markdown."""
    units = [name if schema[name].unit == "1" else f"{name} [{schema[name].unit}]" for name in schema.names]
    return _CARD.format(
        parameters=", ".join(prior.parameters),
        low=config.events[0],
        high=config.events[1],
        columns=", ".join(units),
        simulator=", ".join(f"{key} {value}" for key, value in simulator.items()),
        prior=", ".join(f"{low:g} < {name} < {high:g}" for name, (low, high) in prior.bounds.items()),
        estimator=config.estimator.kind,
        seed=config.seed,
    )
