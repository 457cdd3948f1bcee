"""The steps behind `neyman anomaly score`, `evaluate` and `explain`: ONNX Runtime and NumPy, no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from neyman.anomaly.conformal import order_statistic, smallest_n
from neyman.anomaly.evaluation import error_analysis, evaluate
from neyman.anomaly.explaining import explain_file
from neyman.anomaly.outcomes import Explanation, Explanations
from neyman.anomaly.results import EvaluationResult, Measured
from neyman.anomaly.runtime import Scorer
from neyman.cli.anomaly_judged import Judged, tell_departures
from neyman.core.artefacts import Artefact, load_artefact
from neyman.core.errors import DataError
from neyman.events.tables import TableFile

SHOWN = 5  # features of an event, in a terminal
CUT = 0.99  # of the background below, where no error rate can be promised


def score_step(artefact: Path, source: str, *, fpr: float | None, delta: float | None, out: Path) -> str:
    """Score a file, and say how many events are flagged."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    scorer = Scorer.open(artefact)
    own_fpr, own_delta = _promise(load_artefact(artefact, kind="anomaly"))
    delta = own_delta if delta is None else delta
    asked = own_fpr if fpr is None else fpr
    n = len(scorer.calibration)
    possible = order_statistic(n, asked, delta) is not None
    tell_departures(scorer, source)
    events = scorer.score_file(
        TableFile.open(source, job="anomaly"), out, asked if possible or fpr is not None else None, delta
    )
    if not possible:
        return (
            f"{out}: {events:,} events, flag is null: {n:,} calibration events, and a false-positive rate of {asked:g}"
            f" needs {smallest_n(asked, delta):,}"
        )
    flagged = pc.sum(pq.read_table(out, columns=["flag"])["flag"]).as_py() or 0
    return (
        f"{out}: {events:,} events, {flagged:,} flagged; of background at most {asked:g} are, with"
        f" {100 * (1 - delta):g} % confidence"
    )


def _promise(artefact: Artefact) -> tuple[float, float]:
    """The error rate and its risk in the config of an artefact."""
    config = artefact.config["anomaly"]["error_rate"]
    return float(config["fpr"]), float(config["delta"])


def evaluate_step(
    artefact: Path, *, background: str, signals: Sequence[str], weights: str | None = None
) -> EvaluationResult:
    """Judge the default score on files that it was not trained on."""
    judged = Judged.open(artefact, weights)
    scorer = judged.scorer
    fpr, delta = _promise(judged.artefact)
    x = judged.background(background)
    named = {name: judged.events(path) for name, path in _named(signals).items()}
    scores = scorer.score(x)
    by_signal = {name: scorer.score(events) for name, events in named.items()}
    result = evaluate(
        {scorer.score_name: scores},
        {name: {scorer.score_name: found} for name, found in by_signal.items()},
        default=scorer.score_name,
        calibration=np.asarray(scorer.calibration),
        fpr=fpr,
        delta=delta,
        artefact=scorer.digest,
    )
    return with_errors(result, scorer, fpr, delta, background=x, signals=named)


def with_errors(
    result: EvaluationResult,
    scorer: Scorer,
    fpr: float,
    delta: float,
    *,
    background: np.ndarray,
    signals: Mapping[str, np.ndarray],
) -> EvaluationResult:
    """An evaluation with what is wrong at the threshold, or at 99 % rejection where none can be promised."""
    scores = scorer.score(background)
    possible = order_statistic(len(scorer.calibration), fpr, delta) is not None
    cut = scorer.threshold(fpr, delta) if possible else float(np.quantile(scores, CUT))
    errors = [
        error_analysis(background, scores, x, scorer.score(x), names=scorer.names, cut=cut, name=name)
        for name, x in signals.items()
    ]
    return result.model_copy(update={"errors": errors})


def _named(signals: Sequence[str]) -> dict[str, str]:
    """Names and files, from NAME=FILE, or a file whose name is that of the signal."""
    found: dict[str, str] = {}
    for text in signals:
        name, equals, path = text.partition("=")
        if not equals or Path(text).exists():
            name, path = Path(text.partition(":")[0]).stem, text
        if not name or name in found:
            raise DataError(f"signal '{name}' twice" if name else f"'{text}'", where="--signal", expected="NAME=FILE")
        found[name] = path
    return found


def evaluate_lines(result: EvaluationResult) -> list[str]:
    """A line a signal and score."""
    names = [f"{each.signal}, {each.score}" for each in result.separations]
    width = max(len("signal, score"), *map(len, names))
    points = result.separations[0].working_points
    columns = ["AUROC", *(f"ε at {100 * point.rejection:g} %" for point in points), "best SIC"]
    lines = [f"{'signal, score':<{width}}  " + " ".join(f"{column:<22}" for column in columns).rstrip()]
    for name, each in zip(names, result.separations, strict=True):
        numbers = [each.auroc, *(point.signal_efficiency for point in each.working_points), each.max_improvement]
        lines.append(f"{name:<{width}}  " + " ".join(f"{_interval(number):<22}" for number in numbers).rstrip())
    background = result.separations[0].background_events
    return [*lines, f"{100 * result.level:g} % intervals, {background:,} background events; —: too few to tell"]


def _interval(measured: Measured | None) -> str:
    return "—" if measured is None else f"{measured.value:.3g} [{measured.low:.3g}, {measured.high:.3g}]"


def explain_step(artefact: Path, source: str, *, row: int | None, top: int) -> Explanations:
    """Explain one event, or those of the highest score."""
    scorer = Scorer.open(artefact)
    file = TableFile.open(source, job="anomaly")
    tell_departures(scorer, source)
    return explain_file(scorer, file, artefact=scorer.digest, top=top, row=row)


def explain_json(result: Explanations, *, one: bool) -> str:
    """One object: the event, or all of them."""
    return result.events[0].to_json() if one else result.to_json()


def explain_lines(result: Explanations) -> list[str]:
    """A few lines an event."""
    lines = []
    for event in result.events:
        lines.append(f"row {event.row}: score {event.score:.4g}, p-value {event.p_value:.2g}")
        lines += [_feature(event, name) for name in list(event.feature_attribution)[:SHOWN]]
    return [*lines, f"of {result.scored:,} events; it explains the model at these events, not nature"]


def _feature(event: Explanation, name: str) -> str:
    amount = event.feature_attribution[name]
    word = "above" if amount > 0 else "below"
    return (
        f"  {name:<20} {event.values[name]:>11.5g}  {abs(amount):.2f} σ {word} what is expected,"
        f" {100 * event.share[name]:.0f} % of what is unusual"
    )
