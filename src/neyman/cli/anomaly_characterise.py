"""The step behind `neyman anomaly characterise`, and the part of a run that does the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neyman.anomaly.outcomes import Characterisation, Excess
from neyman.core.random import stream

if TYPE_CHECKING:
    from neyman.anomaly.trained import TrainedAnomaly

PROFILED = 5  # candidates with a profile


def characterise(
    trained: TrainedAnomaly,
    background: np.ndarray,
    candidates: np.ndarray,
    rows: Sequence[int],
    *,
    samples: int,
    seed: int,
    excess: Excess | None,
) -> Characterisation:
    """What a model learned, and what candidates look like to it.

    Args:
        trained: The model.
        background: Raw background events that it has not seen.
        candidates: Raw events, the highest score first.
        rows: Their rows.
        samples: Langevin samples.
        seed: The seed of everything.
        excess: The significance of all events, if there is background to compare with.
    """
    from neyman.anomaly.characterising import judge, sigma_profile

    preparation, model = trained.scoring.preparation, trained.scoring.model
    rng = stream(seed, "characterise", "background")
    prepared = preparation.apply_in_training(background, rng).astype(np.float64)
    noisy = prepared + model.sigmas[0] * rng.standard_normal(prepared.shape)  # samples have the noise of that level
    of_candidates = preparation.apply(candidates[:PROFILED]).astype(np.float64)
    return Characterisation(
        samples=judge(model.samples(samples, seed), noisy, seed=seed),
        profile=sigma_profile(model.scaled_score, model.sigmas, prepared, of_candidates, list(rows)[:PROFILED]),
        excess=excess,
        seed=seed,
        artefact=trained.digest,
    )


def characterise_step(
    artefact: Path, source: str, *, background: str | None, samples: int, seed: int, weights: str | None = None
) -> Characterisation:
    """Characterise a model and the candidates of a file."""
    from neyman.anomaly.excess import find_excess
    from neyman.anomaly.explaining import highest
    from neyman.anomaly.trained import TrainedAnomaly
    from neyman.cli.anomaly_judged import Judged
    from neyman.events.tables import TableFile

    trained, judged = TrainedAnomaly.load(artefact), Judged.open(artefact, weights)
    scorer = judged.scorer
    rows, candidates = highest(scorer, TableFile.open(source, job="anomaly"), PROFILED)
    excess = None
    if background is None:
        reference = trained.reload().test
    else:
        reference = judged.background(background)
        excess = find_excess(scorer.score(judged.events(source)), scorer.score(reference), seed=seed)
    return characterise(trained, reference, candidates, rows.tolist(), samples=samples, seed=seed, excess=excess)


def characterise_lines(result: Characterisation) -> list[str]:
    """What was found, in words."""
    test, profile, excess = result.samples, result.profile, result.excess
    lines = [
        f"Langevin samples against background: AUC {test.auc:.3f} [{test.low:.3f}, {test.high:.3f}]",
        f"background against background:       AUC {test.reference_auc:.3f}"
        f" [{test.reference_low:.3f}, {test.reference_high:.3f}] ({test.events:,} events of each)",
    ]
    for row, norms in zip(profile.rows, profile.candidates, strict=True):
        ratio = np.array(norms) / np.array(profile.background_median)
        at = int(np.argmax(ratio))
        lines.append(f"row {row}: most unusual at σ = {profile.sigmas[at]:.2g}, {ratio[at]:.1f} times the median")
    if excess is None:
        return [*lines, "no significance: --background names none to compare with"]
    bound = "at least " if excess.bounded else ""
    return [
        *lines,
        f"excess: {excess.local_z:.2f} standard deviations at the best of {len(excess.cuts)} thresholds, {bound}"
        f"{excess.global_z:.2f} with the choice (trials factor {excess.trials_factor:.1f}); systematics are not in it",
    ]
