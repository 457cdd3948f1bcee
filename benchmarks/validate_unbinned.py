"""The claims of docs/unbinned.md at full size: the normalised form finds the truth, the published form does not.

    python benchmarks/validate_unbinned.py --json docs/validation/fit-unbinned.json --docs docs/unbinned.md

The problem is that of examples/fit_unbinned.py, whose densities are known in closed form. Three questions: what single
experiments of growing size give; whether intervals cover, in pseudo-experiments that are drawn from the densities with
their auxiliary data; by how much a fit scatters if its reference is a sample. `--reduced` is the size of the tests.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from reporting import between_markers, origin, publish, validation_options

from neyman.likelihood.data import Data
from neyman.likelihood.model import Model
from neyman.likelihood.workspace import Workspace
from neyman.plots.text import minus

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import fit_unbinned as example

FULL = {"events": (1800, 18_000, 180_000), "toys": {1800: 400, 18_000: 200}, "ratios": (1, 4, 16, 64), "seeds": 100}
REDUCED = {"events": (600,), "toys": {600: 8}, "ratios": (4,), "seeds": 4}
SHAPES = ("scale", "slope")
BOUND = 5.0


def models(folder: Path, events: int) -> dict[str, Model]:
    """The normalised and the published form, with a grid for a reference."""
    channel = example.unbinned(example.draw(events, 0), folder)
    documents = {"normalised": channel, "unnormalised": {**channel, "normalise": False}}
    return {
        name: Workspace.from_dict(example.document(each, []), folder=folder).model() for name, each in documents.items()
    }


def expected_cells(events: int) -> np.ndarray:
    """Events that the densities themselves give the cells of the grid at the truth."""
    yields = example.draw(events, 0).yields
    truth = [example.TRUE[name] for name in SHAPES]
    return sum(
        example.TRUE[example.FACTOR[name]] * yields[name] * np.exp(density(example.GRID, *truth)) * example.WIDTH
        for name, density in example.DENSITY.items()
    )


def experiment(model: Model, expected: np.ndarray, rng: np.random.Generator) -> Data:
    """A pseudo-experiment: events in the cells of the grid, which are the reference, and auxiliary data."""
    counts = rng.poisson(expected)
    rows = np.flatnonzero(counts)
    events = model.unbinned[0].reference.take(rows, counts[rows].astype(float))
    centres = [example.TRUE[model.names[place]] for place in model.auxiliary_of]
    return Data(np.array([float(counts.sum())]), rng.normal(centres, 1.0), (events,))


def coverage(folder: Path, events: int, toys: int) -> dict:
    """Pulls of μ, and what became of the shapes, in pseudo-experiments."""
    found, expected = {}, expected_cells(events)
    for name, model in models(folder, events).items():
        rng = np.random.default_rng(events)  # the same experiments for both
        fits = [model.fit(experiment(model, expected, rng)) for _ in range(toys)]
        good = [each for each in fits if each["mu"].error and np.isfinite(each["mu"].error)]
        pulls = np.array([(each["mu"].value - example.TRUE["mu"]) / each["mu"].error for each in good])
        found[name] = {
            "toys": toys,
            "with_error": len(good),
            "pull_mean": float(pulls.mean()),
            "pull_width": float(pulls.std(ddof=1)),
            "covered_68": float((np.abs(pulls) < 1).sum() / toys),
            "shape_at_bound": float(np.mean([any(abs(each[k].value) >= BOUND for k in SHAPES) for each in fits])),
            "mean_warnings": float(np.mean([len(each.result.warnings) for each in fits])),
        }
    return {"events": events, **found}


def sampled_reference(folder: Path, events: int, ratios: tuple[int, ...], seeds: int) -> dict:
    """Scatter of the estimates over samples of the reference, for one set of data, in units of their errors."""
    model = models(folder, events)["normalised"]
    data = experiment(model, expected_cells(events), np.random.default_rng(1))
    exact, channel = model.fit(data), model.unbinned[0]
    share, rows = channel.reference.weights / channel.reference.weights.sum(), []
    for ratio in ratios:
        moved = []
        for seed in range(seeds):
            counts = np.random.default_rng([ratio, seed]).multinomial(ratio * events, share)
            drawn = np.flatnonzero(counts)
            sample = channel.reference.take(drawn, counts[drawn].astype(float))
            found = replace(model, unbinned=(replace(channel, reference=sample),)).fit(data)
            moved.append([(found[name].value - exact[name].value) / exact[name].error for name in ("mu", *SHAPES)])
        scatter = np.sqrt(np.mean(np.square(moved), axis=0))
        rows.append({"ratio": ratio, **dict(zip(("mu", *SHAPES), scatter.tolist(), strict=True))})
    return {"events": events, "seeds": seeds, "rows": rows}


def with_results(page: str, report: dict) -> str:
    """The page with the tables between its markers."""
    lines = [
        "| events | 4 bins | unbinned | from truth | not normalised | from truth | its background integrates to |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in report["experiments"]:
        binned, good, bad = (each["fits"][name] for name in ("binned", "normalised", "unnormalised"))
        lines.append(
            f"| {each['events']:,} | {_pm(binned)} | {_pm(good)} | {minus(example.pull(good, 'mu'))} | {_pm(bad)} | "
            f"{minus(example.pull(bad, 'mu'))} | {bad['integral']:.3f} |"
        )
    lines += [
        "",
        "| events | experiments | form | pull of μ: mean | width | 68 % interval covers | a shape is at its bound |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in report["coverage"]:
        for name, words in (("normalised", "normalised"), ("unnormalised", "not normalised")):
            found = each[name]
            mean, covered, bound = minus(f"{found['pull_mean']:+.2f}"), found["covered_68"], found["shape_at_bound"]
            lines.append(
                f"| {each['events']:,} | {found['toys']} | {words} | {mean} | {found['pull_width']:.2f} | "
                f"{100 * covered:.0f} % | {100 * bound:.0f} % |"
            )
    lines += ["", "| N_ref / N_obs | scatter of μ, in σ | of `scale` | of `slope` |", "|---|---|---|---|"]
    lines += [
        f"| {row['ratio']} | {row['mu']:.2f} | {row['scale']:.2f} | {row['slope']:.2f} |"
        for row in report["reference"]["rows"]
    ]
    return between_markers(page, lines)


def _pm(found: dict) -> str:
    return f"{found['mu'][0]:.2f} ± {found['mu'][1]:.2f}"


def main() -> None:
    """Measure, and write what was found."""
    parser = validation_options(__doc__)
    parser.add_argument("--picture", type=Path, help="draw the profiles of the single experiments")
    asked = parser.parse_args()
    size = REDUCED if asked.reduced else FULL
    began = origin("python benchmarks/validate_unbinned.py" + (" --reduced" if asked.reduced else ""))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compared = [example.compare(events, folder) for events in size["events"]]
        report = {
            "experiments": [
                {key: value for key, value in each.items() if key not in ("profiles", "slopes")} for each in compared
            ],
            "coverage": [coverage(folder, *each) for each in size["toys"].items()],
            "reference": sampled_reference(folder, size["events"][0], size["ratios"], size["seeds"]),
        }
    publish({**began, "truth": example.TRUE, **report}, asked, with_results)
    if asked.picture:
        example.save_figure(example.picture(compared), asked.picture)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
