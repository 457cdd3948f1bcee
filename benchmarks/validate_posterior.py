"""The claims of the posterior job at full size: every estimator, several seeds, against the exact posterior.

    python benchmarks/validate_posterior.py --out scratch --json docs/validation/posterior.json

Trains each estimator once per seed with the default config, checks it at N = 200, 1000 and 10,000 on sets that
no training has seen, and adds the row that must fail: the prior. `--reduced` is the size that CI runs.
Interrupted, it goes on where it stopped.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

from reporting import between_markers, origin, publish, validation_options

from neyman.core.files import write_json
from neyman.posterior.checking import check, check_estimator
from neyman.posterior.config import PosteriorConfig
from neyman.posterior.estimators import ExactGrid, PriorEstimator
from neyman.posterior.results import CheckResult
from neyman.posterior.trained import TrainedPosterior, train_posterior

SIZES = (200, 1000, 10_000)
TARGET_KL = {"scores": 0.02, "set_encoder": 0.05}
FULL = {"seeds": (1, 2, 3), "sets": 2000, "exact_sets": 300}
REDUCED = {"seeds": (1,), "sets": 200, "exact_sets": 50}


def config_of(kind: str, seed: int, *, reduced: bool) -> PosteriorConfig:
    training = {}
    if reduced:
        training = {
            "statistic": {"epochs": 3, "steps_per_epoch": 30},
            "flow": {"epochs": 5, "steps_per_epoch": 40, "events": 3_000_000},
        }
    return PosteriorConfig.model_validate(
        {"prior": {"C9": [3, 5]}, "events": [200, 10_000], "estimator": kind, "training": training, "seed": seed}
    )


def trained_at(path: Path, config: PosteriorConfig) -> TrainedPosterior:
    if path.exists():
        return TrainedPosterior.load(path)
    return train_posterior(config, checkpoints=path.with_name(path.name + ".training")).save(path)


def row(kind: str, seed: int | None, result: CheckResult, cpu_seconds: float) -> dict[str, object]:
    sizes = {
        str(size.n_events): {
            "kl": size.exact.kl,
            "kl_error": size.exact.kl_error,
            "sd_ratio": size.exact.sd_ratio,
            "sd_ratio_error": size.exact.sd_ratio_error,
            "shift_rms": size.exact.shift_rms,
            "rank_p_value": size.ranks["C9"].p_value,
            "coverage_p_value": size.coverage.p_value,
            "coverage_within_bands": all(
                low <= level <= high
                for level, low, high in zip(size.coverage.level, size.coverage.low, size.coverage.high, strict=True)
            ),
            "tarp_p_value": size.tarp.p_value,
            "width_over_cramer_rao": (
                None
                if not size.cramer_rao or not size.cramer_rao["C9"] or not size.width["C9"]
                else size.width["C9"] / size.cramer_rao["C9"]
            ),
        }
        for size in result.sizes
        if size.exact is not None
    }
    return {"estimator": kind, "seed": seed, "training_cpu_seconds": cpu_seconds, "sizes": sizes}


def summarise(rows: list[dict]) -> dict[str, dict]:
    """For each estimator and size: the mean over seeds, and the worst."""
    table: dict[str, dict] = {}
    for kind in dict.fromkeys(r["estimator"] for r in rows):
        mine = [r for r in rows if r["estimator"] == kind]
        table[kind] = {
            str(size): {
                "kl": statistics.fmean(r["sizes"][str(size)]["kl"] for r in mine),
                "kl_worst_seed": max(r["sizes"][str(size)]["kl"] for r in mine),
                "sd_ratio": statistics.fmean(r["sizes"][str(size)]["sd_ratio"] for r in mine),
                "smallest_p_value": min(
                    min(r["sizes"][str(size)][key] for key in ("rank_p_value", "coverage_p_value", "tarp_p_value"))
                    for r in mine
                ),
                "coverage_within_bands": [r["sizes"][str(size)]["coverage_within_bands"] for r in mine],
            }
            for size in SIZES
        }
    return table


def with_results(page: str, report: dict) -> str:
    """The page with the table of results between its markers."""
    lines = ["| estimator | training, CPU-s | N | KL | width ratio | smallest p |", "|---|---|---|---|---|---|"]
    for kind, table in summarise(report["rows"]).items():
        spent = statistics.fmean(r["training_cpu_seconds"] for r in report["rows"] if r["estimator"] == kind)
        for size, found in table.items():
            first = size == str(SIZES[0])
            lines.append(
                f"| {f'`{kind}`' * first} | {f'{spent:.0f}' * first} | {int(size):,} | {found['kl']:.4f} (worst seed "
                f"{found['kl_worst_seed']:.4f}) | {found['sd_ratio']:.3f} | {found['smallest_p_value']:.2g} |"
            )
    return between_markers(page, lines)


def main() -> None:
    parser = validation_options(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for artefacts")
    parser.add_argument("--seeds", type=int, nargs="+", help="other seeds than the three of the claim")
    parser.add_argument("--no-training", action="store_true", help="report the rows that are there already")
    parser.add_argument("--kinds", nargs="+", default=list(TARGET_KL))
    options = parser.parse_args()
    scale = REDUCED if options.reduced else FULL
    come_from = origin("python benchmarks/validate_posterior.py" + (" --reduced" if options.reduced else ""))
    began = time.process_time()
    rows = []
    seeds = tuple(options.seeds or scale["seeds"])
    for seed in seeds:
        for kind in options.kinds:
            done = options.out / f"{kind}-{seed}.json"
            if not done.exists() and options.no_training:
                continue
            if not done.exists():
                config = config_of(kind, seed, reduced=options.reduced)
                trained = trained_at(options.out / f"{kind}-{seed}", config)
                result = check(
                    trained, sets=scale["sets"], exact_sets=scale["exact_sets"], sizes=SIZES, seed=1000 + seed
                )
                write_json(done, row(kind, seed, result, trained.cpu_seconds))
            rows.append(json.loads(done.read_text()))
            print(json.dumps({k: v for k, v in rows[-1].items() if k != "sizes"}), flush=True)
            for size, found in rows[-1]["sizes"].items():
                print("   ", size, {k: round(v, 4) for k, v in found.items() if isinstance(v, float)}, flush=True)
    done = options.out / "prior.json"
    if not done.exists():
        config = config_of("scores", 1, reduced=True)
        simulator, prior = config.build_simulator(), config.build_prior()
        result = check_estimator(
            PriorEstimator(prior),
            simulator,
            sizes=SIZES,
            sets=min(500, scale["sets"]),
            exact_sets=scale["exact_sets"],
            seed=1001,
            exact=ExactGrid(simulator, prior),
        )
        write_json(done, row("prior", None, result, 0.0))
    rows.append(json.loads(done.read_text()))
    table = summarise(rows)
    report = {
        **come_from,
        "seeds": list(seeds),
        "sets": scale["sets"],
        "exact_sets": scale["exact_sets"],
        "targets": {"kl": TARGET_KL, "sd_ratio": [0.97, 1.03], "p_value": 1e-3},
        "cpu_seconds_of_this_call": time.process_time() - began,
        "table": table,
        "rows": rows,
    }
    publish(report, options, with_results)
    print(json.dumps(report["table"]))


if __name__ == "__main__":
    main()
