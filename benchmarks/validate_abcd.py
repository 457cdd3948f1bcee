"""Is training on CLs under constraints worth it? Each method gets as many configurations, chosen on validation events.

    python benchmarks/validate_abcd.py --data toy --work WORK --json docs/validation/abcd-toy.json
    python benchmarks/validate_abcd.py --data semi_visible_jets --work WORK --json docs/validation/abcd-svj.json

Methods: CLs under constraints; Double DisCo, whose λ is scanned; cross-entropy alone; two features in place of scores.
A configuration is drawn at random, trained once, and judged by the expected limit on validation events at cuts that
close within 10 % there. The best of a method is trained again for each seed, with new toys or another split, and looked
at once on test events. Every trial is a file in WORK: a run that was stopped goes on.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from pathlib import Path

import numpy as np
from reporting import between_markers, origin, publish, validation_options

from neyman.abcd.checking import check
from neyman.abcd.config import AbcdConfig
from neyman.abcd.evaluation import choose_cuts
from neyman.abcd.trained import train_abcd
from neyman.core.errors import NeymanError
from neyman.core.files import digest, write_json
from neyman.core.random import stream

LARGEST, LEAST = 0.1, 5.0  # of |δ|; of the expected background in each region of each bin
TOY = {
    "data": {
        "kind": "toy",
        "background": 1_800_000,
        "signal": 540_000,
        "background_yield": 100_000,
        "signal_yield": 100,
    },
    "split": {"train": 0.0225, "validation": 0.4875},
    "features": ["x0", "x1", "x2"],
    "discriminant": {"column": "m", "edges": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]},
}
SVJ = {
    "data": {
        "kind": "semi_visible_jets",
        "generated": {"semi_visible_jets": 16_000, "qcd": 216_000, "top_pairs": 36_000, "vector_bosons": 48_000},
    },
    "discriminant": {"column": "transverse_mass", "edges": [200, 700, 1000, 1250, 1500, 2000]},
    "luminosity": 138_000.0,
}
DATA = {"toy": TOY, "semi_visible_jets": SVJ}
REFERENCES = {"toy": list(itertools.combinations(["x0", "x1", "x2"], 2)), "semi_visible_jets": []}
SEEDS = {"toy": 5, "semi_visible_jets": 3}
TRIALS = 30
REDUCED = {"background": 6000, "signal": 3000, "background_yield": 6000, "signal_yield": 60}


def drawn(method: str, number: int, *, short: bool) -> dict:
    """A configuration of a method; number 0 is its default."""
    rng = stream(7, "abcd", method, number)

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    steps = {"epochs": 2, "steps_per_epoch": 25, "learning_rate": 1e-2} if short else {}
    steps = steps or {"epochs": 10, "steps_per_epoch": 30}  # few looks at validation events, of which there are many
    batches = {"epochs": 5, "steps_per_epoch": 80, **(steps if short else {}), "batch": 10_000}
    if method in {"cls", "cls_alone"}:
        options = {
            "training": {**steps, "learning_rate": between(1e-3, 1e-2)},
            "warm_up": {**batches, "learning_rate": between(1e-3, 1e-2)},
            "steepness": [between(2, 10), between(15, 60)],
            "cuts": [1 - between(0.01, 0.3)] * 2,
        }
        if method == "cls":
            disco, closure = between(3, 100), between(0.01, 0.06)
            options |= {"disco": disco, "multiplier_rate": between(0.01, 0.3)}
            options["constraints"] = {"closure": closure, "random_closure": closure, "disco": between(1e-3, 2e-2)}
        else:
            options["mc_statistics"] = False
        defaults = {"training": steps, "warm_up": batches}
    elif method == "double_disco":
        options = {"disco": between(1, 300), "training": {**batches, "learning_rate": between(1e-3, 1e-2)}}
        defaults = {"training": batches}
    else:
        epochs = {} if short else {"steps_per_epoch": int(rng.integers(40, 200))}
        options = {"training": {**batches, **epochs, "learning_rate": between(1e-3, 1e-2)}}
        defaults = {"training": batches}
    return {"kind": method, **(options if number else defaults)}


def configured(data: str, method: dict, seed: int, *, short: bool) -> AbcdConfig:
    """The config of a trial."""
    found = dict(DATA[data])
    if short:
        found |= {"data": {**found["data"], **REDUCED}, "split": {}}
    if data == "semi_visible_jets":
        found["data"] = {**found["data"], "simulation_seed": 1}
    return AbcdConfig.model_validate(
        {**found, "method": method, "seed": seed, "evaluation": {"largest_non_closure": LARGEST, "least_yield": LEAST}}
    )


def kept(work: Path, key: dict, make) -> dict:
    """What a trial found, from its file if it was done before."""
    path = work / f"{digest(key)}.json"
    if path.exists():
        return json.loads(path.read_text())["found"]
    found = make()
    work.mkdir(parents=True, exist_ok=True)
    write_json(path, {"key": key, "found": found})
    return found


def trial(config: AbcdConfig, *, test: bool) -> dict:
    """Train once. What validation says of it, and, only if it was chosen already, what the test says."""
    began = time.process_time()
    try:
        trained = train_abcd(config)
    except NeymanError as error:
        return {"limit": None, "error": str(error), "cpu_seconds": time.process_time() - began}
    found = {"cpu_seconds": time.process_time() - began, "allowed": trained.allowed}
    if not test:
        sample = trained.scored(trained.reload().parts.validation)
        choice = choose_cuts(
            sample, np.asarray(config.discriminant.edges), config.evaluation, also=np.asarray(trained.cuts)
        )
        return found | {"limit": choice.limit if math.isfinite(choice.limit) else None}
    seen = check(trained)
    return found | shown(seen.test) | {"optimum": None if seen.optimum is None else seen.optimum.mu_limit_exp[2]}


def shown(cuts) -> dict:
    return {
        "limit": cuts.mu_limit_exp[2],
        "band": cuts.mu_limit_exp,
        "non_closure": cuts.total_non_closure,
        "non_closure_error": cuts.total_non_closure_error,
        "bins": cuts.non_closure,
        "bin_errors": cuts.non_closure_error,
        "contamination": cuts.contamination,
        "allowed": cuts.allowed,
    }


def study(data: str, work: Path, methods: list[str], trials: int, seeds: int, *, short: bool) -> dict:
    """All trials of all methods, and the chosen ones on test events."""
    result = {}
    for method in methods:
        count = 1 if method in {"bce", "cls_alone"} else trials  # nothing in them asks for closure: they are warnings
        found = []
        for number in range(count):
            config = configured(data, drawn(method, number, short=short), 1, short=short)
            key = {"trial": config.model_dump(mode="json"), "test": False}
            found.append(kept(work, key, lambda config=config: trial(config, test=False)))
            print(method, number, found[-1]["limit"], f"{found[-1]['cpu_seconds']:.0f} s", flush=True)
        limits = [each["limit"] if each["limit"] is not None else math.inf for each in found]
        best = int(np.argmin(limits))
        tests = []
        for seed in range(1, seeds + 1):
            config = configured(data, drawn(method, best, short=short), seed, short=short)
            key = {"trial": config.model_dump(mode="json"), "test": True}
            tests.append(kept(work, key, lambda config=config: trial(config, test=True)))
            print(method, "test", seed, {k: tests[-1].get(k) for k in ("limit", "non_closure", "optimum")}, flush=True)
        result[method] = {
            "configurations": count,
            "allowed": sum(math.isfinite(each) for each in limits),
            "chosen": drawn(method, best, short=short),
            "validation_limits": [each["limit"] for each in found],
            "cpu_seconds": sum(each["cpu_seconds"] for each in (*found, *tests)),
            "tests": tests,
        }
    if REFERENCES[data]:
        result["cut_and_count"] = cut_and_count(data, seeds, short=short)
    return result


def cut_and_count(data: str, seeds: int, *, short: bool) -> dict:
    """Pairs of features in place of scores; the pair is chosen on validation events of the first seed."""
    from neyman.abcd.data import load
    from neyman.abcd.evaluation import assess
    from neyman.abcd.plane import ScoredSample

    edges = np.asarray(DATA[data]["discriminant"]["edges"])

    def scored(sample, pair):
        return ScoredSample(sample.matrix(pair), sample.events[column], sample.weights, sample.is_signal)

    found, tests = [], []
    for seed in range(1, seeds + 1):
        config = configured(data, drawn("bce", 0, short=short), seed, short=short)
        column, parts = config.discriminant.column, load(config).parts
        if seed == 1:
            choices = (choose_cuts(scored(parts.validation, one), edges, config.evaluation) for one in REFERENCES[data])
            found = [choice.limit for choice in choices]
            pair = REFERENCES[data][int(np.argmin(found))]
        choice = choose_cuts(scored(parts.validation, pair), edges, config.evaluation)
        seen = assess(scored(parts.test, pair), edges, choice.cuts)
        tests.append(
            {
                "limit": float(seen.limit.expected[2]),
                "non_closure": seen.closure.total,
                "non_closure_error": seen.closure.error,
                "allowed": choice.allowed,
            }
        )
    limits = [each if math.isfinite(each) else None for each in found]
    return {"configurations": len(found), "chosen": list(pair), "validation_limits": limits, "tests": tests}


def summary(result: dict) -> dict:
    """Mean and standard error over seeds, and the ratio to Double DisCo seed by seed."""
    found = {}
    base = dict(enumerate(result.get("double_disco", {}).get("tests", [])))
    for method, each in result.items():
        tests = [one for one in each["tests"] if one.get("limit") is not None]
        limits = np.array([one["limit"] for one in tests])
        closes = [abs(one["non_closure"]) <= LARGEST for one in tests]
        row = {"seeds": len(tests), "closes": sum(closes)}
        if tests:
            row |= {"limit": limits.mean(), "limit_sd": limits.std(ddof=1) if len(tests) > 1 else None}
            row["non_closure"] = float(np.mean([one["non_closure"] for one in tests]))
            row["largest_non_closure"] = max(abs(one["non_closure"]) for one in tests)
        optima = [one["optimum"] for one in tests if one.get("optimum")]
        if optima and len(optima) == len(tests):
            row["over_optimum"] = float((limits / optima).mean())
        pairs = [
            one["limit"] / base[number]["limit"]
            for number, one in enumerate(each["tests"])
            if one.get("limit") is not None and base.get(number, {}).get("limit") is not None
        ]
        if pairs and method != "double_disco":
            row["over_double_disco"] = float(np.mean(pairs))
            row["over_double_disco_error"] = (
                float(np.std(pairs, ddof=1) / np.sqrt(len(pairs))) if len(pairs) > 1 else None
            )
        found[method] = row
    return found


NAMES = {
    "cls": "CLs under constraints",
    "double_disco": "Double DisCo",
    "bce": "cross-entropy alone",
    "cut_and_count": "two features",
    "cls_alone": "CLs alone",
}


def with_results(page: str, report: dict) -> str:
    """The page with a table between its markers."""
    lines = [
        "| trained by | tried | limit on μ | over the best score's | over Double DisCo's | δ of test events | closes |",
        "|---|---|---|---|---|---|---|",
    ]
    for method, name in NAMES.items():
        row, found = report["summary"].get(method, {}), report["methods"].get(method, {})
        if not row.get("seeds"):
            continue
        spread = "" if row.get("limit_sd") is None else f" ± {row['limit_sd']:.3f}"
        error = row.get("over_double_disco_error")
        over = "" if "over_double_disco" not in row else f"{row['over_double_disco']:.2f}"
        over += "" if error is None or not over else f" ± {error:.2f}"
        best = f"{row['over_optimum']:.2f}" if "over_optimum" in row else ""
        closure = f"{_percent(row['non_closure'])}, largest {_percent(row['largest_non_closure'])}"
        cells = [name, found["configurations"], f"{row['limit']:.3f}{spread}", best, over, closure]
        lines.append(f"| {' | '.join(map(str, cells))} | {row['closes']} of {row['seeds']} |")
    return between_markers(page, lines)


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %".replace("-", "−") if abs(value) < 10 else f"a factor {1 + value:.0f}"


def main() -> None:
    """Study one kind of data."""
    parser = validation_options(__doc__)
    parser.add_argument("--data", choices=DATA, default="toy")
    parser.add_argument("--work", type=Path, required=True, help="folder of finished trials")
    parser.add_argument("--methods", nargs="+", default=["double_disco", "cls", "bce", "cls_alone"])
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--seeds", type=int)
    asked = parser.parse_args()
    began = origin(f"python benchmarks/validate_abcd.py --data {asked.data} --trials {asked.trials}")
    found = study(
        asked.data, asked.work, asked.methods, asked.trials, asked.seeds or SEEDS[asked.data], short=asked.reduced
    )
    report = {
        **began,
        "largest_non_closure": LARGEST,
        "summary": summary(found),
        "methods": found,
    }
    publish(report, asked, with_results)
    print(json.dumps(report["summary"]))


if __name__ == "__main__":
    main()
