"""The card of an artefact: what it is for, what it is not for, what it was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from neyman.abcd.config import AbcdConfig
from neyman.events.columns import Schema

_CARD = """# Two scores for an ABCD estimate

**For**: scores of events with columns {features}, and cuts on them, so that regions A, C and D predict the background
of region B in bins of {column}.

**Trained on**: data `{data}`, by `{method}`; seed {seed}. The cuts were chosen on validation events alone.
{bias}
**Not for**
- events with another preselection, or features in other units;
- other bins of {column} than {edges}, without a new check;
- a claim of closure in data: closure was asked for in simulation. Measure it in validation regions of the data too.

The uncertainty of the prediction in the fits is the non-closure of simulation, by a nuisance parameter in each bin.
`neyman abcd check` says how well it closes on events that were not trained on.
"""


def model_card(config: AbcdConfig, schema: Schema, features: Sequence[str], bias: str) -> str:
    """The card in Markdown.

    Args:
        config: What was learned and how.
        schema: The columns of the events.
        features: Those that the networks see.
        bias: What training in batches did to the loss; empty if each step saw all events.
    """
    units = [name if schema[name].unit == "1" else f"{name} [{schema[name].unit}]" for name in features]
    return _CARD.format(
        features=", ".join(units),
        column=config.discriminant.column,
        edges=", ".join(f"{edge:g}" for edge in config.discriminant.edges),
        data=config.data.kind,
        method=config.method.kind,
        seed=config.seed,
        bias=f"\n**Bias of batches**: {bias}.\n" if bias else "",
    )
