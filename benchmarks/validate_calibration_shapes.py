"""Does the calibration get correlations right, which maps of one variable at a time cannot?

    python benchmarks/validate_calibration_shapes.py --json JSON --docs docs/calibration.md

Four correlated shower shapes, of which margins *and* correlations differ between data and simulation. A classifier that
sees shapes and conditions judges each method on the same independent events, beside a second sample of data (the
floor) and the exact map of each shape alone, which no method that treats shapes one by one can surpass.
"""

from __future__ import annotations

import json

import numpy as np
from reporting import between_markers, origin, publish, validation_options

from neyman.calibration.baselines import BoostedReweighting, CellQuantileMap, InclusiveQuantileMap
from neyman.calibration.config import CalibrationConfig, ChecksConfig
from neyman.calibration.metrics import measure
from neyman.calibration.sample import Sample
from neyman.calibration.trained import train_calibration
from neyman.core.random import stream
from neyman.simulation.shower_shapes import map_of_each, shower_shapes_sample

FULL = {"train": 100_000, "draw": 100_000, "draws": 3}
REDUCED = {"train": 4000, "draw": 4000, "draws": 2}
METHODS = {
    "uncorrected": "uncorrected",
    "quantile_map": "quantile map",
    "cell_quantile_map": "quantile map in cells",
    "exact_map_of_each": "exact map of each shape alone",
    "reweighting": "boosted reweighting",
    "corrected": "flow",
    "floor": "floor: other data",
}


def drawn(kind: str, events: int, seed: int, config: CalibrationConfig) -> Sample:
    """Independent events; the seed of the training is 1."""
    found = shower_shapes_sample(kind, events, seed)
    x, c = (
        np.stack([found[name] for name in names], axis=1) for names in (config.variable_names, config.condition_names)
    )
    return Sample(x, c, np.ones(events), config.variable_names, config.condition_names)


def study(size: dict[str, int], *, short: bool) -> dict:
    """Every method on the same draws."""
    events = int(size["train"] * 1.2)
    config = CalibrationConfig.model_validate(
        {
            "data": {"kind": "shower_shapes", "events": events},
            "split": {"train": size["train"] / events, "validation": 0.1 * size["train"] / events},
            "members": 0,
            **({"training": {"epochs": 4}} if short else {}),
        }
    )
    flow = train_calibration(config)
    loaded = flow.reload()
    simulation, data = loaded.simulation.train, loaded.data.train
    methods = {
        "corrected": flow.corrected,
        "quantile_map": InclusiveQuantileMap.fit(simulation, data).corrected,
        "cell_quantile_map": CellQuantileMap.fit(simulation, data).corrected,
        "reweighting": BoostedReweighting.fit(simulation, data, stream(1, "reweighting")).corrected,
        "exact_map_of_each": lambda sample: sample.with_x(map_of_each(sample.x, sample.c)),
        "uncorrected": lambda sample: sample,
    }
    rows: dict[str, list] = {name: [] for name in METHODS}
    for number in range(size["draws"]):
        raw, judge, other = (
            drawn(kind, size["draw"], 1000 + 10 * number + step, config)
            for step, kind in enumerate(("simulation", "data", "data"))
        )
        candidates = {name: method(raw) for name, method in methods.items()} | {"floor": other}
        for name, candidate in candidates.items():
            found = measure(candidate, judge, ChecksConfig(), stream(number, "classifier", name))
            rows[name].append(found.model_dump(mode="json"))
        print(number, {name: round(each[-1]["auc"], 4) for name, each in rows.items()}, flush=True)
    return {
        "methods": {name: summary(each) for name, each in rows.items()},
        "cpu_seconds": flow.cpu_seconds,
        "trained_on": list(flow.trained_on),
    }


def summary(rows: list[dict]) -> dict[str, float]:
    """Means over the draws, and the largest error of one of them for the area."""
    keys = ("auc", "chi2_per_bin", "chi2_per_bin_cells", "effective_events")
    found = {key: float(np.mean([row[key] for row in rows])) for key in keys}
    errors = np.array([row["auc_error"] for row in rows])
    return found | {"auc_error": float(np.sqrt((errors**2).sum()) / len(rows))}


def with_results(page: str, report: dict) -> str:
    """The page with the table between its markers."""
    lines = ["| method | classifier's AUC | χ²/bin | in cells | effective events |", "|---|---|---|---|---|"]
    for method, name in METHODS.items():
        row = report["study"]["methods"][method]
        auc = f"{row['auc']:.4f} ± {row['auc_error']:.4f}"
        chi2 = f"{row['chi2_per_bin']:.2f} | {row['chi2_per_bin_cells']:.2f}"
        lines.append(f"| {name} | {auc} | {chi2} | {row['effective_events']:,.0f} |")
    return between_markers(page, lines, "shapes")


def main() -> None:
    """Answer the question."""
    asked = validation_options(__doc__).parse_args()
    size = REDUCED if asked.reduced else FULL
    report = {
        **origin("python benchmarks/validate_calibration_shapes.py"),
        "sizes": size,
        "study": study(size, short=asked.reduced),
    }
    publish(report, asked, with_results)
    print(json.dumps({name: row["auc"] for name, row in report["study"]["methods"].items()}))


if __name__ == "__main__":
    main()
