"""Does the default score find signals that it has never seen, in collisions? One look, beside other scores.

    python benchmarks/validate_anomaly_collisions.py --work WORK --json JSON --docs docs/anomaly.md

*forty_mhz*: 57 features, W, Z and tt̄ from Pythia without QCD. *dijet*: 64 features, QCD with a jet above 1.2 TeV. The
scores, their hyperparameters and the default are those of the library; no signal has chosen any of them. All are fitted
on the same events, and judged on background and signals that nothing was fitted on. Events are kept in WORK, and what
Pythia made in the cache.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from reporting import between_markers, origin, publish, validation_options

from neyman.anomaly.config import AnomalyConfig
from neyman.anomaly.data import load
from neyman.anomaly.energy_model import EnergyModel
from neyman.anomaly.evaluation import evaluate
from neyman.anomaly.preparation import Preparation
from neyman.anomaly.scores.autoencoder import Autoencoder
from neyman.anomaly.scores.combination import Combined
from neyman.anomaly.scores.energy import EnergyScore
from neyman.anomaly.scores.forest import Forest
from neyman.anomaly.scores.knn import NearestNeighbours
from neyman.anomaly.scores.mahalanobis import Mahalanobis
from neyman.core.executors import local_executor
from neyman.events.events import Events
from neyman.events.parquet import write_parquet
from neyman.simulation.pythia.collider import accepted_events, background_mixture

SEED = 2026
SIGNALS = {
    "forty_mhz": ("a_4l", "leptoquark", "h0_tautau"),
    "dijet": ("zprime_tt", "zprime_xy", "qstar", "dark_jets"),
}
FULL = {"forty_mhz": (10_000, 1500), "dijet": (27_000, 4000)}
SPLIT = {"train": 0.6, "validation": 0.1, "calibration": 0.05}  # nothing is promised here; more for the test
REDUCED = {"forty_mhz": (300, 30), "dijet": (150, 20)}
TARGETS = {"a_4l": 0.93, "leptoquark": 0.91, "h0_tautau": 0.80}


def events(layout: str, sizes: tuple[int, int], signals: tuple[str, ...], work: Path, workers: int | None) -> dict:
    """Files of the background and of each signal, made if they are not there."""

    def file(name: str, number: int, make: Callable[[Executor], Events]) -> str:
        path = work / f"{layout}_{name}_{number}.parquet"
        if not path.exists():
            work.mkdir(parents=True, exist_ok=True)
            with local_executor(workers) as executor:
                write_parquet(path, make(executor))
        return str(path)

    background = file("background", sizes[0], lambda executor: background_mixture(layout, sizes[0], SEED, executor))
    found = {
        name: file(
            name,
            sizes[1],
            lambda executor, name=name: accepted_events(name, layout, sizes[1], SEED + 1, executor),
        )
        for name in signals
    }
    return {"kind": "files", "background": background, "signals": found}


def config_of(layout: str, sizes: tuple[int, int], work: Path, workers: int | None, *, short: bool) -> AnomalyConfig:
    """The defaults of the library on so many events."""
    signals = SIGNALS[layout][: 1 if short else None]
    return AnomalyConfig.model_validate(
        {
            "data": events(layout, sizes, signals, work, workers),
            "split": SPLIT,
            **({"training": {"epochs": 1}} if short else {}),
        }
    )


def study(config: AnomalyConfig) -> dict:
    """Every score on the same events."""
    loaded = load(config)
    preparation = Preparation.fit(loaded.train, loaded.names, config.features, loaded.periods)
    train, validation, test = (preparation.apply(x) for x in (loaded.train, loaded.validation, loaded.test))
    signals = {name: preparation.apply(x) for name, x in loaded.signals.items()}
    began = time.process_time()
    model = EnergyModel.fit(train, validation, config)
    network = time.process_time() - began
    spent = dict.fromkeys(("score_norm", "energy", "weighted_norm"), network)
    scores = {
        "combined": Combined([EnergyScore("score_norm", model=model), NearestNeighbours(seed=config.seed)]),
        **{name: EnergyScore(name, model=model) for name in spent},
        "knn": NearestNeighbours(seed=config.seed),
        "autoencoder": Autoencoder(seed=config.seed),
        "forest": Forest(seed=config.seed),
        "mahalanobis": Mahalanobis(),
    }
    background, found = {}, {name: {} for name in signals}
    for name, score in scores.items():
        began = time.process_time()
        score.fit(train, validation)
        spent.setdefault(name, time.process_time() - began + (network if name == "combined" else 0.0))
        background[name] = score.score_samples(test)
        for signal, z in signals.items():
            found[signal][name] = score.score_samples(z)
    result = evaluate(background, found, default=config.score, seed=config.seed)
    dump = config.model_dump(mode="json")
    files = {name: Path(file).name for name, file in dump["data"]["signals"].items()}
    dump["data"] |= {"background": Path(dump["data"]["background"]).name, "signals": files}  # wherever WORK was
    return {
        "config": dump,
        "features": int(train.shape[1]),
        "events": {"train": len(train), "test": len(test), **{name: len(z) for name, z in signals.items()}},
        "fit_cpu_seconds": spent,
        "separations": [each.model_dump(mode="json", exclude={"curve"}) for each in result.separations],
    }


def verdicts(report: dict) -> dict[str, dict]:
    """What the targets say of the default score."""
    found = {}
    for layout, each in report["studies"].items():
        default = each["config"]["score"]
        for row in each["separations"]:
            if row["score"] == default and row["signal"] in TARGETS:
                auroc, target = row["auroc"]["value"], TARGETS[row["signal"]]
                found[row["signal"]] = {"auroc": auroc, "target": target, "met": auroc >= target}
            if row["score"] == default and row["signal"] == "zprime_tt":
                other = next(
                    o for o in each["separations"] if (o["signal"], o["score"]) == ("zprime_tt", "autoencoder")
                )
                ours, theirs = (_at_99(each) for each in (row, other))
                ratio = ours / theirs if ours is not None and theirs else None
                found["zprime_tt"] = {"ours": ours, "autoencoder": theirs, "ratio": ratio, "layout": layout}
    return found


def _at_99(row: dict) -> float | None:
    efficiency = row["working_points"][0]["signal_efficiency"]
    return None if efficiency is None else efficiency["value"]


def with_results(page: str, report: dict) -> str:
    """The page with the tables between its markers."""
    lines = []
    for layout, each in report["studies"].items():
        signals = list(dict.fromkeys(row["signal"] for row in each["separations"]))
        train, test = each["events"]["train"], each["events"]["test"]
        lines += [
            f"`{layout}`, {each['features']} features, {train:,} events to train on, {test:,} to test:",
            "",
            f"| score | {' | '.join(signals)} | CPU-s |",
            "|---" * (len(signals) + 2) + "|",
        ]
        for score in dict.fromkeys(row["score"] for row in each["separations"]):
            cells = []
            for signal in signals:
                row = next(r for r in each["separations"] if (r["signal"], r["score"]) == (signal, score))
                efficiency = _at_99(row)
                told = "—" if efficiency is None else f"{efficiency:.3f}"
                cells.append(f"{row['auroc']['value']:.3f} ({told})")
            name = f"**{score}**" if score == each["config"]["score"] else score
            lines.append(f"| {name} | {' | '.join(cells)} | {each['fit_cpu_seconds'][score]:.0f} |")
        lines.append("")
    return between_markers(page, lines[:-1], "collisions")


def main() -> None:
    """Look once."""
    parser = validation_options(__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of the events")
    parser.add_argument("--layouts", nargs="+", choices=list(SIGNALS), default=list(SIGNALS))
    parser.add_argument("--workers", type=int, help="processes that simulate")
    asked = parser.parse_args()
    sizes = REDUCED if asked.reduced else FULL
    report = {
        **origin("python benchmarks/validate_anomaly_collisions.py"),
        "studies": {
            layout: study(config_of(layout, sizes[layout], asked.work, asked.workers, short=asked.reduced))
            for layout in asked.layouts
        },
    }
    report["verdicts"] = verdicts(report)
    publish(report, asked, with_results)
    print(json.dumps(report["verdicts"]))


if __name__ == "__main__":
    main()
