"""Does the calibration make simulation look like data? On a sample whose true correction is known.

    python benchmarks/validate_calibration.py --work WORK --json JSON --docs docs/calibration.md

Three questions. *Table*: half a million events of each sample to train on; then ten draws of 100,000 independent events
each are corrected by every method, and judged against as many of data, beside a second sample of data (the floor).
*Distance*: how far corrected values are from the true conditional map, for more and more training events. *Coverage*:
how often the band of the bootstrap holds the true map, over trainings on samples of their own. What is trained is kept
in WORK: a run that was stopped goes on.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import numpy as np
from reporting import between_markers, origin, publish, validation_options

from neyman.calibration.applying import band
from neyman.calibration.baselines import BoostedReweighting, CellQuantileMap, InclusiveQuantileMap
from neyman.calibration.cells import Cells
from neyman.calibration.config import CalibrationConfig, ChecksConfig
from neyman.calibration.metrics import Chi2, cells_chi2, inclusive_chi2, measure
from neyman.calibration.polish import Polish
from neyman.calibration.sample import Sample
from neyman.calibration.trained import TrainedCalibration, train_calibration
from neyman.core.files import digest
from neyman.core.random import stream
from neyman.diagnostics.intervals import binomial_interval
from neyman.simulation.impact_parameter import impact_parameter_sample, true_map

THRESHOLDS = (0.1, 0.2, 0.3)  # mm
CELLS = {"eta": (2.8, 3.4), "phi": (-1.87, -1.27, 1.27)}  # three of material times four of foil and halves
CHECKS = ChecksConfig(cells=CELLS, bins=50, tail_thresholds={"ip": THRESHOLDS})
CONDITIONS = ("pt", "eta", "phi", "npv")
FULL = {"train": 500_000, "draw": 100_000, "draws": 10, "large": 500_000, "large_draws": 2, "members": 5,
        "sizes": (20_000, 100_000, 500_000), "points": 5000, "repeats": 20, "small": 20_000,
        "public_iterations": 2500, "many": 60}  # fmt: skip
REDUCED = {"train": 6000, "draw": 5000, "draws": 2, "large": 8000, "large_draws": 1, "members": 3,
           "sizes": (2000, 6000), "points": 300, "repeats": 2, "small": 2000,
           "public_iterations": 30, "many": 3}  # fmt: skip
METHODS = {
    "uncorrected": "uncorrected",
    "public_spline": "spline of the public study",
    "quantile_map": "quantile map",
    "cell_quantile_map": "quantile map in cells",
    "reweighting": "boosted reweighting",
    "unpolished": "flow without polish",
    "corrected": "flow",
    "residual": "data with 1 % residual",
    "floor": "floor: other data",
}


def drawn(kind: str, events: int, seed: int, kinematics: str) -> Sample:
    """Independent events; seeds of the trainings are below 1000."""
    found = impact_parameter_sample(kind, events, seed, kinematics=kinematics)
    c = np.stack([found[name] for name in CONDITIONS], axis=1)
    return Sample(found["ip"][:, None], c, np.ones(events), ("ip",), CONDITIONS)


def config_of(train: int, members: int, seed: int, kinematics: str, *, short: bool) -> CalibrationConfig:
    """So many events to train on, a tenth of that for the choice of the epoch."""
    events = int(train * 1.2)
    return CalibrationConfig.model_validate(
        {
            "data": {"kind": "impact_parameter", "events": events, "kinematics": kinematics},
            "split": {"train": train / events, "validation": 0.1 * train / events},
            "members": members,
            "seed": seed,
            "checks": CHECKS.model_dump(mode="json"),
            **({"training": {"epochs": 2}} if short else {}),
        }
    )


def trained(config: CalibrationConfig, work: Path) -> TrainedCalibration:
    """Trained now, or before."""
    folder = work / digest(config.model_dump(mode="json"))[:16]
    if folder.exists():
        return TrainedCalibration.load(folder)
    state = work / f"{folder.name}.state"
    state.mkdir(parents=True, exist_ok=True)
    return train_calibration(config, state).save(folder)


class PublicSpline:
    """The recipe of the public study: a spline for each sample, three bins on [-4, 4], log10 of the IP as it is.

    Its README asks for 10,000 steps with all of 100,000 events at a rate of 0.001; here it is the same number of events
    of 8192 at a rate of 0.01, which shows the same tail.
    """

    def __init__(self, simulation: Sample, data: Sample, iterations: int) -> None:
        self.flows = [self._fit(sample, iterations) for sample in (simulation, data)]

    def _fit(self, sample: Sample, iterations: int):
        import torch
        from nflows import distributions, flows, transforms

        torch.manual_seed(42)
        values = torch.tensor(np.log10(sample.x[:100_000]), dtype=torch.float32)
        spline = transforms.PiecewiseRationalQuadraticCDF(shape=[1], tails="linear", tail_bound=4.0, num_bins=3)
        flow = flows.Flow(spline, distributions.StandardNormal([1]))
        optimiser = torch.optim.Adam(flow.parameters(), lr=1e-2)
        for _ in range(iterations):
            optimiser.zero_grad()
            loss = -flow.log_prob(values[torch.randint(0, len(values), (8192,))]).mean()
            loss.backward()
            optimiser.step()
        return spline

    def corrected(self, sample: Sample) -> Sample:
        """The same events with mapped impact parameters."""
        import torch

        with torch.no_grad():
            u = self.flows[0](torch.tensor(np.log10(sample.x), dtype=torch.float32))[0]
            z = self.flows[1].inverse(u)[0]
        return sample.with_x(10 ** z.double().numpy())


def table(size: dict, work: Path, kinematics: str, *, short: bool) -> dict:
    """Every method on the same draws."""
    flow = trained(config_of(size["train"], size["members"], 1, kinematics, short=short), work)
    loaded = flow.reload()
    simulation, data = loaded.simulation.train, loaded.data.train
    bare = dataclasses.replace(flow, nominal=dataclasses.replace(flow.nominal, polish=Polish.none(1)))
    spent = {"corrected": flow.histories["nominal"].cpu_seconds[-1]}
    methods = {"corrected": flow, "unpolished": bare}
    for name, make in {
        "quantile_map": lambda: InclusiveQuantileMap.fit(simulation, data),
        "cell_quantile_map": lambda: CellQuantileMap.fit(simulation, data),
        "reweighting": lambda: BoostedReweighting.fit(simulation, data, stream(1, "reweighting")),
        "public_spline": lambda: PublicSpline(simulation, data, size["public_iterations"]),
    }.items():
        began = time.process_time()
        methods[name] = make()
        spent[name] = time.process_time() - began
    found = {"cpu_seconds": spent, "trained_on": list(flow.trained_on)}
    for label, events, draws in (("draw", size["draw"], size["draws"]), ("large", size["large"], size["large_draws"])):
        rows: dict[str, list] = {}
        for number in range(draws):
            seed = 1000 + 10 * number + (5 if label == "large" else 0)
            raw, judge, other = (
                drawn(kind, events, seed + step, kinematics) for step, kind in enumerate(("simulation", "data", "data"))
            )
            candidates = {name: method.corrected(raw) for name, method in methods.items()}
            candidates |= {"uncorrected": raw, "floor": other, "residual": other.with_x(1.01 * other.x)}
            for name, candidate in candidates.items():
                measured = measure(candidate, judge, CHECKS, stream(number, "classifier", name))
                rows.setdefault(name, []).append(measured.model_dump(mode="json"))
            print(label, number, {n: round(r[-1]["chi2_per_bin_cells"], 3) for n, r in rows.items()}, flush=True)
        found[label] = {name: summary(each) for name, each in rows.items()}
    found["tails"] = tails(flow, size, kinematics)
    return found


def summary(rows: list[dict]) -> dict:
    """Means over draws and their errors."""
    found = {}
    for key in ("chi2_per_bin", "chi2_per_bin_cells", "auc"):
        values = np.array([row[key] for row in rows])
        error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
        found |= {key: float(values.mean()), f"{key}_error": error}
    found["wasserstein"] = float(np.mean([row["wasserstein"]["ip"] for row in rows]))
    ratios = np.array([[tail["ratio"] for tail in row["tails"]] for row in rows], dtype=float)
    errors = np.array([[tail["error"] for tail in row["tails"]] for row in rows], dtype=float)
    found["tails"] = ratios.mean(axis=0).tolist()
    found["tail_errors"] = (np.sqrt((errors**2).sum(axis=0)) / len(rows)).tolist()
    return found


def tails(flow: TrainedCalibration, size: dict, kinematics: str) -> list[dict]:
    """Corrected over true tail fractions; the truth is that of ten times as many events of data as are corrected.

    The uncertainty has the statistics of both and the spread of the bootstrap members.
    """
    events, draws = size["draw"], size["draws"]
    above = {"nominal": np.zeros(3), "data": np.zeros(3)}
    members = np.zeros((len(flow.members), 3))
    for number in range(draws):
        raw = drawn("simulation", events, 1000 + 10 * number, kinematics)
        corrected = flow.corrected(raw).x[:, 0]
        above["nominal"] += [(corrected > t).sum() for t in THRESHOLDS]
        members += [[(one[:, 0] > t).sum() for t in THRESHOLDS] for one in flow.variations(raw)]
        for step in (1, 2):
            judge = drawn("data", events, 1000 + 10 * number + step, kinematics).x[:, 0]
            above["data"] += [(judge > t).sum() for t in THRESHOLDS]
    found = []
    for place, threshold in enumerate(THRESHOLDS):
        n, m = above["nominal"][place], above["data"][place]
        ratio = 2 * n / m
        statistics = ratio * np.sqrt(1 / n + 1 / m)
        bootstrap = 2 / m * members[:, place].std(ddof=1)
        found.append(
            {
                "threshold_um": 1000 * threshold,
                "ratio": float(ratio),
                "statistics": float(statistics),
                "bootstrap": float(bootstrap),
                "error": float(np.hypot(statistics, bootstrap)),
                "events": int(n),
            }
        )
    return found


def histograms(size: dict, work: Path, kinematics: str, *, short: bool) -> dict:
    """χ²/bin of the flow and of its floor alone, over more draws than the table: of ten the mean is known to 0.05."""
    flow = trained(config_of(size["train"], size["members"], 1, kinematics, short=short), work)
    excess: dict[str, list[float]] = {"inclusive": [], "cells": []}
    for number in range(size["many"]):
        seed = 100_000 + 10 * number
        raw, judge, other = (
            drawn(kind, size["draw"], seed + step, kinematics)
            for step, kind in enumerate(("simulation", "data", "data"))
        )
        cells = Cells.of(judge, CELLS)
        both = flow.corrected(raw), other
        inclusive = [inclusive_chi2(candidate, judge, CHECKS.bins)[0].per_bin for candidate in both]
        in_cells = [
            sum((each[0] for each in cells_chi2(candidate, judge, cells, CHECKS.bins)), Chi2()).per_bin
            for candidate in both
        ]
        excess["inclusive"].append(inclusive[0] - inclusive[1])
        excess["cells"].append(in_cells[0] - in_cells[1])
    return {
        "draws": size["many"],
        **{name: {"excess": float(np.mean(each)), "error": float(np.std(each, ddof=1) / np.sqrt(len(each)))}
           for name, each in excess.items()},
    }  # fmt: skip


def distance(size: dict, work: Path, kinematics: str, *, short: bool) -> list[dict]:
    """|ln z − ln z_true| for more and more training events."""
    raw = drawn("simulation", size["points"], 5000, kinematics)
    truth = np.log(true_map(raw.x[:, 0], raw.c))
    found = []
    for train in size["sizes"]:
        members = size["members"] if train == size["train"] else 0
        flow = trained(config_of(train, members, 1, kinematics, short=short), work)
        loaded = flow.reload()
        inclusive = InclusiveQuantileMap.fit(loaded.simulation.train, loaded.data.train).corrected(raw)
        cells = CellQuantileMap.fit(loaded.simulation.train, loaded.data.train).corrected(raw)
        candidates = {"flow": flow.corrected(raw), "quantile_map": inclusive, "cell_quantile_map": cells, "none": raw}
        off = {name: float(np.abs(np.log(each.x[:, 0]) - truth).mean()) for name, each in candidates.items()}
        found.append({"trained_on": train, "mean_distance": off})
        print("distance", found[-1], flush=True)
    return found


def coverage(size: dict, work: Path, kinematics: str, *, short: bool) -> dict:
    """How often the true map is inside the 68 % band, over samples of their own; points of one training go together."""
    raw = drawn("simulation", size["points"], 6000, kinematics)
    truth = true_map(raw.x[:, 0], raw.c)
    shares = []
    for number in range(size["repeats"]):
        config = config_of(size["small"], size["members"], 100 + number, kinematics, short=short)
        flow = trained(config, work)
        low, high = band(flow, flow.corrected(raw).x, flow.variations(raw))
        shares.append(float(((low[:, 0] <= truth) & (truth <= high[:, 0])).mean()))
        print("coverage", number, round(shares[-1], 3), flush=True)
    mean, spread = float(np.mean(shares)), float(np.std(shares, ddof=1))
    independent = mean * (1 - mean) / max(spread**2, 1e-12)  # points that would scatter as much
    total = independent * len(shares)
    low, high = binomial_interval(round(mean * total), max(round(total), 1), level=0.99)
    return {
        "trained_on": size["small"],
        "members": size["members"],
        "repeats": len(shares),
        "share": mean,
        "spread": spread,
        "independent_points_per_training": independent,
        "interval": [float(low), float(high)],
        "holds_68_3": bool(low <= 0.683 <= high),
    }


PARTS = {"table": table, "histograms": histograms, "distance": distance, "coverage": coverage}


def with_results(page: str, report: dict) -> str:
    """The page with tables between its markers."""
    lines = [
        "| method | χ²/bin | in cells | in cells, 500k | AUC − ½ in 10⁻³ | W₁/σ in 10⁻³ | > 100 µm | > 200 µm "
        "| > 300 µm | CPU-s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    found = report["table"]
    for method, name in METHODS.items():
        row, large = found["draw"][method], found["large"][method]
        beyond = [f"{r:.2f} ± {e:.2f}" for r, e in zip(row["tails"], row["tail_errors"], strict=True)]
        auc_error = "" if row["auc_error"] is None else f" ± {1000 * row['auc_error']:.1f}"
        spent = found["cpu_seconds"].get(method)
        cells = [
            name, f"{row['chi2_per_bin']:.2f}", f"{row['chi2_per_bin_cells']:.2f}",
            f"{large['chi2_per_bin_cells']:.2f}", f"{1000 * (row['auc'] - 0.5):.1f}{auc_error}",
            f"{1000 * row['wasserstein']:.1f}", *beyond, "" if spent is None else f"{spent:.1f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |".replace("-", "−"))
    lines += [
        "",
        "| training events | flow | quantile map | quantile map in cells | uncorrected |",
        "|---|---|---|---|---|",
    ]
    for each in report["distance"]:
        off = each["mean_distance"]
        lines.append(
            f"| {each['trained_on']:,} | "
            + " | ".join(f"{off[name]:.4f}" for name in ("flow", "quantile_map", "cell_quantile_map", "none"))
            + " |"
        )
    return between_markers(page, lines)


def main() -> None:
    """Answer the three questions."""
    parser = validation_options(__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of trained corrections")
    parser.add_argument("--kinematics", choices=["toy", "pythia"], default="pythia")
    parser.add_argument("--only", choices=list(PARTS), help="one question, and its answer into what JSON has already")
    asked = parser.parse_args()
    size = REDUCED if asked.reduced else FULL
    report = {
        **origin(f"python benchmarks/validate_calibration.py --kinematics {asked.kinematics}"),
        "sizes": {name: list(value) if isinstance(value, tuple) else value for name, value in size.items()},
    }
    found = {name: PARTS[name](size, asked.work, asked.kinematics, short=asked.reduced)
             for name in ([asked.only] if asked.only else PARTS)}  # fmt: skip
    before = {}
    if asked.only and asked.json and asked.json.exists():
        before = json.loads(asked.json.read_text(encoding="utf-8"))
        if any(before[name] != value for name, value in report.items()):
            parser.error(f"{asked.json} is of another commit, of other versions or of other sizes")
    report = before | report | found
    whole = all(name in report for name in PARTS)
    publish(report, asked, with_results if whole else None)
    if not whole:
        return
    flow, floor = (report["table"]["draw"][name] for name in ("corrected", "floor"))
    excess = {key: flow[key] - floor[key] for key in ("chi2_per_bin", "chi2_per_bin_cells", "auc")}
    print(json.dumps({"excess": excess, "tails": report["table"]["tails"], "coverage": report["coverage"]}))


if __name__ == "__main__":
    main()
