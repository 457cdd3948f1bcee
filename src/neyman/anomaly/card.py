"""The card of an artefact: what it is for, what it is not for, what it was trained on, and what that cost."""

from __future__ import annotations

from neyman.anomaly.config import AnomalyConfig, FilesSource
from neyman.anomaly.conformal import order_statistic, smallest_n
from neyman.anomaly.consumption import Consumption
from neyman.anomaly.scoring import Scoring

_CARD = """# Anomaly score `{score}` of {columns} columns

**For**: ranking events by how little they look like this background. Higher is more anomalous.
Columns, in order: {names}.{constant}{redundant}{outlying}

**Trained on**: {source}; {train} events of background, {validation} more to choose the epoch; no signal was looked at.
Calibrated on {calibration} other events. Seed {seed}; the same config and seed give the same model on the same machine.

**Error rates**
{rates}
They hold for events distributed as the calibration sample. Where detector or simulation differ, calibrate anew.

**Not for**
- claims: it is a filter, not an arbiter. A discovery takes five standard deviations and an independent validation,
  and the choice of the score is a trial;
- signals that are an excess inside the background: no score of single events sees them;
- a background other than this one: what the training sample lacks is flagged, and what it contains is not, be it noise,
  a detector fault or new physics;
- events with another selection, in other units, or with columns in another order;
- decisions about people: it has been made for collisions, and tested on nothing else.

**Cost of training**: {cost}.
"""

_RATES = (1e-2, 1e-3, 1e-4)


def model_card(
    config: AnomalyConfig, scoring: Scoring, events: tuple[int, int, int], cost: Consumption | None = None
) -> str:
    """The card in Markdown.

    Args:
        config: What was learned and how.
        scoring: The score.
        events: Background events to train on, to choose the epoch, and to calibrate on.
        cost: What training took.
    """
    source, preparation = config.data, scoring.preparation
    origin = f"`{source.background}`" if isinstance(source, FilesSource) else f"Pythia, layout `{source.layout}`"
    return _CARD.format(
        score=scoring.name,
        columns=len(preparation.names),
        names=", ".join(preparation.names),
        constant=_listed("Constant in training, and not looked at", preparation.constant),
        redundant=_listed(
            f"Left out, since {config.features.most} were wanted: they say least of the others", preparation.redundant
        ),
        outlying=_listed("With a few values far from all others, which may stand for none", preparation.outlying),
        source=origin,
        train=events[0],
        validation=events[1],
        calibration=events[2],
        seed=config.seed,
        rates="\n".join(_rate(events[2], fpr, config.error_rate.delta) for fpr in _RATES),
        cost=cost.in_words() if cost else "not measured",
    )


def _listed(what: str, names: tuple[str, ...]) -> str:
    return f"\n{what}: {', '.join(names)}." if names else ""


def _rate(n: int, fpr: float, delta: float) -> str:
    r = order_statistic(n, fpr, delta)
    if r is None:
        return f"- {fpr:g}: no promise; it takes {smallest_n(fpr, delta):,} calibration events."
    return f"- {fpr:g}: P(true rate above it) ≤ {delta:g}; the expected rate is {r / (n + 1):.2g}."
