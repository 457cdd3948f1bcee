"""The card of an artefact: what it is for, what it is not for, what it was trained on."""

from __future__ import annotations

from neyman.calibration.config import CalibrationConfig, FilesSource
from neyman.calibration.scaling import ConditionScale, Scaling
from neyman.events.columns import Schema

_CARD = """# A correction of {variables} given {conditions}

**For**: simulated events with these columns. T_data⁻¹ ∘ T_sim moves the variables of each event such that
p(variables | conditions) is that of data. Conditions stay as they are, bit by bit.

**Trained on**: {source}; {simulation} events of simulation and {data} of data; {weights}; seed {seed}.
The uncertainty comes from {members} trainings on bootstrapped events.

**Range of the training**
{ranges}
Events outside are corrected as those at the edge, and flagged.

**Not for**
- p(conditions): where conditions are distributed differently in data, weights are needed too;
- events with another selection, columns in other units, or other particles than those of the training;
- data: they are what simulation is corrected to;
- variables that the correction does not know: how they hang together with the corrected ones changes.

The correction trusts the data to be what simulation is meant to describe. Background that weights do not remove is
corrected to as well. `neyman calibration check` compares with events that were not trained on.
"""


def model_card(config: CalibrationConfig, schema: Schema, scaling: Scaling, trained_on: tuple[int, int]) -> str:
    """The card in Markdown.

    Args:
        config: What was learned and how.
        schema: Units of the columns.
        scaling: The range of the training.
        trained_on: Training events of simulation and of data.
    """

    def named(name: str) -> str:
        unit = schema[name].unit
        return name if unit == "1" else f"{name} [{unit}]"

    source, weights = config.data, "no weights"
    origin = f"the toy `{source.kind}`"
    if isinstance(source, FilesSource):
        origin = f"`{source.simulation}` and `{source.data}`"
        weights = f"weights `{source.weights}`" if source.weights else weights
    ranges = (f"- {named(name)}: {_range(scale)}"
              for name, scale in zip(config.condition_names, scaling.conditions, strict=True))  # fmt: skip
    return _CARD.format(
        variables=", ".join(map(named, config.variable_names)),
        conditions=", ".join(map(named, config.condition_names)),
        source=origin,
        simulation=trained_on[0],
        data=trained_on[1],
        weights=weights,
        seed=config.seed,
        members=config.members or "no",
        ranges="\n".join(ranges),
    )


def _range(scale: ConditionScale) -> str:
    text = f"{scale.low:.6g} to {scale.high:.6g}"
    return text if scale.period is None else f"{text}, and the same every {scale.period:.6g}"
