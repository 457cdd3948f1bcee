"""`neyman anomaly run`: events, training, evaluation, a search of known truth, a report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer

from neyman.anomaly.outcomes import AnomalyResult, Candidates, Excess
from neyman.anomaly.results import EvaluationResult, TrainingHistory, TrainingResult
from neyman.cli.anomaly_scores import evaluate_lines, with_errors
from neyman.cli.anomaly_steps import train_lines, train_step
from neyman.cli.training_state import forget
from neyman.core.errors import DataError
from neyman.core.executors import local_executor
from neyman.core.provenance import provenance
from neyman.core.random import stream
from neyman.core.runs import RunFolder

if TYPE_CHECKING:
    from neyman.anomaly.config import AnomalyConfig
    from neyman.anomaly.data import Loaded
    from neyman.anomaly.runtime import Scorer
    from neyman.anomaly.trained import TrainedAnomaly

ARTEFACT, RESULTS, REPORT = "artefact", "results.json", "report.html"
INJECTED = 0.02  # of the sample that is searched is signal, all signals together
TOP = 10  # candidates
COMPARED = 15  # features with a histogram
SAMPLES = 2000  # of Langevin


def run_steps(config: AnomalyConfig, out: Path, *, command: str, workers: int | None = None) -> AnomalyResult:
    """Everything, from the config to the report. A folder that has the artefact already is not trained again."""
    from neyman.anomaly.data import load
    from neyman.anomaly.runtime import Scorer
    from neyman.anomaly.trained import TrainedAnomaly
    from neyman.report.anomaly import anomaly_page
    from neyman.report.page import save_page

    with RunFolder(out, command=command, config={"config": config.model_dump(mode="json")}, seed=config.seed):
        clock = _Clock()
        with local_executor(workers) as executor:
            loaded = load(config, executor)
        _require_enough(loaded, config)
        clock("events")
        artefact = out / ARTEFACT
        if artefact.exists():
            trained = TrainedAnomaly.load(artefact)
            forget(artefact.resolve())
        else:
            trained = train_step(config, artefact, loaded=loaded, workers=1)
        typer.echo("\n".join(train_lines(trained, artefact)), err=True)
        clock("training")
        scorer = Scorer.open(artefact)
        evaluation = evaluated(trained, scorer, loaded)
        clock("evaluation, with other scores beside")
        result = _result(trained, scorer, loaded, evaluation, clock)
        result.save(out / RESULTS)
        save_page(anomaly_page(result), out / REPORT)
    lines = evaluate_lines(evaluation) if evaluation else []
    typer.echo("\n".join([*lines, f"report: {out / REPORT}"]))
    return result


def _require_enough(loaded: Loaded, config: AnomalyConfig) -> None:
    """A classifier compares the test with samples of the model; half of it is searched, beside the other."""
    from neyman.anomaly.characterising import LEAST

    if len(loaded.test) < 2 * LEAST:
        fraction = 1 - sum(config.split.model_dump().values())
        raise DataError(
            f"{len(loaded.test)} background events in the test",
            expected=f"at least {2 * LEAST}, as of {round(2 * LEAST / fraction):,} with this split",
            hint="`neyman anomaly train`, `evaluate`, `score` and `explain` do with fewer",
        )


class _Clock:
    """How long each step took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def __call__(self, step: str) -> None:
        """A step is over."""
        now = time.perf_counter()
        self.seconds[step], self._since = now - self._since, now


def evaluated(trained: TrainedAnomaly, scorer: Scorer, loaded: Loaded) -> EvaluationResult | None:
    """The score of the artefact, an autoencoder and an isolation forest, on the signals; None without any."""
    from neyman.anomaly.evaluation import evaluate
    from neyman.anomaly.scores.autoencoder import Autoencoder
    from neyman.anomaly.scores.forest import Forest
    from neyman.anomaly.scores.protocol import Score
    from neyman.learning.config import TrainingConfig

    if not loaded.signals:
        return None
    config, preparation = trained.config, trained.scoring.preparation
    samples = {"": loaded.test, **loaded.signals}
    scores = {scorer.score_name: {name: scorer.score(x) for name, x in samples.items()}}
    train, validation = preparation.apply(loaded.train), preparation.apply(loaded.validation)
    prepared = {name: preparation.apply(x) for name, x in samples.items()}
    same = TrainingConfig(
        epochs=config.training.epochs,  # the autoencoder may take as many steps as the energy
        steps_per_epoch=config.training.steps_per_epoch,
        learning_rate=2e-3,
        weight_decay=1e-5,
        averaging=0.98,
    )
    others: dict[str, Score] = {
        "autoencoder": Autoencoder(training=same, seed=config.seed),
        "forest": Forest(seed=config.seed),
    }
    for name, other in others.items():
        other.fit(train, validation)
        scores[name] = {sample: other.score_samples(x) for sample, x in prepared.items()}
    result = evaluate(
        {score: found[""] for score, found in scores.items()},
        {signal: {score: found[signal] for score, found in scores.items()} for signal in loaded.signals},
        default=scorer.score_name,
        calibration=np.asarray(scorer.calibration),
        fpr=config.error_rate.fpr,
        delta=config.error_rate.delta,
        seed=config.seed,
        artefact=scorer.digest,
    )
    rate = config.error_rate
    return with_errors(result, scorer, rate.fpr, rate.delta, background=loaded.test, signals=loaded.signals)


def _result(
    trained: TrainedAnomaly, scorer: Scorer, loaded: Loaded, evaluation: EvaluationResult | None, clock: _Clock
) -> AnomalyResult:
    from scipy.stats import ks_2samp

    from neyman.anomaly.summary import error_rates, score_histograms
    from neyman.cli.anomaly_characterise import characterise

    config = trained.config
    calibration, test = np.asarray(scorer.calibration), scorer.score(loaded.test)
    candidates, events, excess = searched(scorer, loaded, config)
    characterisation = characterise(
        trained, loaded.test, events, [each.row for each in candidates.events],
        samples=min(SAMPLES, len(loaded.test) // 2), seed=config.seed, excess=excess,
    )  # fmt: skip
    clock("search and characterisation")
    return AnomalyResult(
        config=config.model_dump(mode="json"),
        training=_training(trained),
        evaluation=evaluation,
        scores=score_histograms(calibration, test, {name: scorer.score(x) for name, x in loaded.signals.items()}),
        error_rates=error_rates(calibration, test, fpr=config.error_rate.fpr, delta=config.error_rate.delta),
        exchangeable_p_value=float(ks_2samp(calibration, test).pvalue),
        candidates=candidates,
        characterisation=characterisation,
        score_sigma=trained.scoring.model.sigmas[trained.scoring.model.score_level],
        seconds=clock.seconds,
        provenance=provenance(),
    )


def searched(scorer: Scorer, loaded: Loaded, config: AnomalyConfig) -> tuple[Candidates, np.ndarray, Excess]:
    """Search one half of the test background with a little signal in it; the other half says what is expected.

    Returns:
        The candidates, their raw features, and the excess.
    """
    from neyman.anomaly.excess import find_excess
    from neyman.anomaly.explaining import explain
    from neyman.anomaly.summary import compare_features

    rng = stream(config.seed, "search")
    half = len(loaded.test) // 2
    parts, truth = [loaded.test[:half]], ["background"] * half
    wanted = round(INJECTED * half / max(1, len(loaded.signals)))
    injected = {}
    for name, signal in loaded.signals.items():
        chosen = signal[rng.choice(len(signal), min(wanted, len(signal)), replace=False)]
        parts.append(chosen)
        truth += [name] * len(chosen)
        injected[name] = len(chosen)
    order = rng.permutation(len(truth))
    x, truth = np.concatenate(parts)[order], [truth[at] for at in order]
    scores = scorer.score(x)
    rows = np.argsort(-scores, kind="stable")[:TOP]
    explained = explain(scorer, x[rows], rows.tolist())
    strength = {name: sum(event.share[name] for event in explained) for name in scorer.names}
    chosen_features = sorted(strength, key=lambda name: -strength[name])[:COMPARED]
    flags = scorer.flags(scores, config.error_rate.fpr, config.error_rate.delta)
    found = Candidates(
        events=explained,
        truth=[truth[row] for row in rows.tolist()],
        searched=len(x),
        injected=injected,
        flagged=None if flags is None else int(flags.sum()),
        flagged_signal=None
        if flags is None
        else sum(bool(flag) and kind != "background" for flag, kind in zip(flags, truth, strict=True)),
        features=compare_features(scorer.names, loaded.test, loaded.signals, x[rows], chosen=chosen_features),
    )
    return found, x[rows], find_excess(scores, scorer.score(loaded.test[half:]), seed=config.seed)


def _training(trained: TrainedAnomaly) -> TrainingResult:
    history, preparation = trained.history, trained.scoring.preparation
    train, _, calibration = trained.events
    used = [name for at, name in enumerate(preparation.names) if at in preparation.source]
    return TrainingResult(
        history=TrainingHistory.model_validate(history, from_attributes=True),
        features=used,
        constant=list(preparation.constant),
        redundant=list(preparation.redundant),
        training_events=train,
        calibration_events=calibration,
        smallest_fpr=-np.expm1(np.log(trained.config.error_rate.delta) / calibration),
        cpu_seconds=trained.cost.cpu_seconds,
        joules=trained.cost.joules,
        artefact=trained.digest,
    )
