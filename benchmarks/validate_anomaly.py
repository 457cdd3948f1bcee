"""Does the anomaly score find what is anomalous? Beside other scores, on events whose labels are known.

    python benchmarks/validate_anomaly.py --suite tabular --seeds 1 2 3 --json JSON

*tabular*: the classification sets that come with scikit-learn, one class after the other as outliers (or, of digits, as
inliers). Half of the inliers are trained on, a fifth of them to choose the epoch; the other half and all outliers are
the test. These are development sets: the default score was chosen with them in view.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neyman.anomaly.config import AnomalyConfig
from neyman.anomaly.energy_model import EnergyModel
from neyman.anomaly.preparation import Preparation
from neyman.anomaly.scores.autoencoder import Autoencoder
from neyman.anomaly.scores.combination import Combined
from neyman.anomaly.scores.energy import EnergyScore
from neyman.anomaly.scores.forest import Forest
from neyman.anomaly.scores.knn import NearestNeighbours
from neyman.anomaly.scores.mahalanobis import Mahalanobis
from neyman.anomaly.scores.protocol import Score
from neyman.core.files import write_json
from neyman.core.provenance import commit, versions
from neyman.core.random import stream
from neyman.diagnostics.roc import auroc, average_precision

SIGMAS = (0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Task:
    """A table of which some rows are outliers; a family of tasks counts as one set."""

    family: str
    name: str
    x: np.ndarray
    outlier: np.ndarray


def tabular_tasks(digits: tuple[int, ...]) -> Iterator[Task]:
    """The sets that scikit-learn brings along; of the digits, these as outliers and as inliers."""
    from sklearn import datasets

    found = datasets.load_breast_cancer()
    yield Task("breast_cancer", "malignant", found.data, found.target == 0)
    for family, classes in (("wine", (0, 1, 2)), ("iris", (1, 2))):  # iris 0 is found by everything
        found = getattr(datasets, f"load_{family}")()
        for number in classes:
            yield Task(family, f"{family} {number}", found.data, found.target == number)
    found = datasets.load_digits()
    for number in digits:
        yield Task("digits: one is out", f"digit {number} out", found.data, found.target == number)
    for number in digits:
        yield Task("digits: one is in", f"digit {number} in", found.data, found.target != number)


def scores_of(z: np.ndarray, z_validation: np.ndarray, config: AnomalyConfig) -> dict[str, Score]:
    """All scores, fitted; those of the network share one."""
    model = EnergyModel.fit(z, z_validation, config)
    made: dict[str, Score] = {
        "knn": NearestNeighbours(seed=config.seed),
        "autoencoder": Autoencoder(seed=config.seed),
        "forest": Forest(seed=config.seed),
        "mahalanobis": Mahalanobis(),
        "energy": EnergyScore("energy", model=model),
        "weighted_norm": EnergyScore("weighted_norm", model=model),
        "combined": Combined([EnergyScore("score_norm", model=model), NearestNeighbours(seed=config.seed)]),
    }
    made |= {f"score_norm {sigma:g}": EnergyScore("score_norm", sigma=sigma, model=model) for sigma in SIGMAS}
    return {name: score.fit(z, z_validation) for name, score in made.items()}


def measured(task: Task, config: AnomalyConfig) -> dict[str, dict[str, float]]:
    """AUROC and AUPRC of each score."""
    rng = stream(config.seed, task.name)
    inliers = rng.permutation(np.flatnonzero(~task.outlier))
    half, held = len(inliers) // 2, len(inliers) // 10
    train, validation, test = inliers[held:half], inliers[:held], inliers[half:]
    names = tuple(f"x{number}" for number in range(task.x.shape[1]))
    x = task.x.astype(np.float64)
    preparation = Preparation.fit(x[train], names, config.features)
    z = [preparation.apply(x[rows]) for rows in (train, validation, test, np.flatnonzero(task.outlier))]
    found = {}
    for name, score in scores_of(z[0], z[1], config).items():
        background, signal = score.score_samples(z[2]), score.score_samples(z[3])
        found[name] = {"auroc": auroc(background, signal).value, "auprc": average_precision(background, signal)}
    return found


def tabular_suite(
    seeds: tuple[int, ...], *, epochs: int | None, only: str = "", digits: tuple[int, ...] = tuple(range(10))
) -> dict[str, dict[str, float]]:
    """Mean AUROC by family and score; the mean over families, each of one weight, is under `mean`."""
    rows: dict[str, list[dict[str, float]]] = {}
    for task in tabular_tasks(digits):
        if only not in task.family:
            continue
        for seed in seeds:
            config = AnomalyConfig.model_validate(
                {
                    "data": {"kind": "files", "background": "scikit-learn"},
                    "seed": seed,
                    "training": {} if epochs is None else {"epochs": epochs},
                }
            )
            began = time.process_time()
            found = {name: numbers["auroc"] for name, numbers in measured(task, config).items()}
            rows.setdefault(task.family, []).append(found)
            line = "  ".join(f"{name} {value:.3f}" for name, value in found.items())
            print(f"{task.name}, seed {seed}, {time.process_time() - began:.0f} s: {line}", flush=True)
    table = {
        family: {name: float(np.mean([row[name] for row in found])) for name in found[0]}
        for family, found in rows.items()
    }
    names = next(iter(table.values()))
    table["mean"] = {name: float(np.mean([row[name] for row in table.values()])) for name in names}
    return table


def table_lines(table: dict[str, dict[str, float]]) -> list[str]:
    """The table in Markdown, the best score first."""
    order = sorted(table["mean"], key=lambda name: -table["mean"][name])
    families = list(table)
    lines = [f"| score | {' | '.join(families)} |", "|---" * (len(families) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(f'{table[family][name]:.3f}' for family in families)} |" for name in order]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", choices=["tabular"], required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--epochs", type=int, help="of the energy network; default is that of the job")
    parser.add_argument("--digits", type=int, nargs="+", default=list(range(10)), help="which to take in turn")
    parser.add_argument("--only", default="", help="sets whose name has this in it")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    table = tabular_suite(
        tuple(arguments.seeds), epochs=arguments.epochs, only=arguments.only, digits=tuple(arguments.digits)
    )
    print("\n".join(table_lines(table)))
    if arguments.json:
        provenance = {"seeds": arguments.seeds, "commit": commit(), "versions": versions()}
        write_json(arguments.json, {"tabular": table, **provenance})


if __name__ == "__main__":
    main()
