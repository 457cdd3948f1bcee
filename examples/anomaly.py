"""The score of a run: background, signals, the threshold, and why the first candidate stands out.

neyman demo anomaly
python examples/anomaly.py neyman-demo/anomaly/results.json scores.png
"""

import sys
from pathlib import Path

import numpy as np

from neyman.anomaly.outcomes import AnomalyResult
from neyman.plots import save_figure
from neyman.plots.score_distribution import plot_scores


def main(results: Path, picture: Path) -> None:
    """Draw the score, and say what was found."""
    found = AnomalyResult.load(results)
    for each in found.evaluation.separations if found.evaluation else []:
        area = each.auroc
        print(f"{each.signal:12} {each.score:12} AUROC {area.value:.3f} [{area.low:.3f}, {area.high:.3f}]")
    for rate in found.error_rates:
        promise = "nothing" if rate.threshold is None else f"a threshold of {rate.threshold:.3f}"
        print(f"false-positive rate {rate.fpr:g}: {rate.calibration_events:,} of {rate.needed:,} events give {promise}")
    first = found.candidates.events[0]
    strongest = list(first.feature_attribution.items())[:3]
    print(f"first candidate: {', '.join(f'{name} {amount:+.1f} σ' for name, amount in strongest)}")

    scores, rate = found.scores, found.error_rates[0]
    figure = plot_scores(
        np.array(scores.edges),
        np.array(scores.calibration, dtype=float),
        np.array(scores.test, dtype=float),
        signals={name: np.array(counts, dtype=float) for name, counts in scores.signals.items()},
        threshold=rate.threshold,
        fpr=rate.fpr,
        log_x=scores.logarithmic,
        label="score norm",
    )
    save_figure(figure, picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
