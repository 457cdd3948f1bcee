"""Fits with an unbinned region against the published form of that likelihood, compiled, with its own gradient.

    python benchmarks/fit_unbinned.py --json

A region of observed events and as many reference events, 3 samples, 5 systematics on each, |α| < 1; and a control
region. One core, CPU seconds, the best of several, compilation left out; each contestant has a process of its own.
Before anything is timed, our −2 ln L without normalisation must be that of the published form to nine digits. Prints
one JSON object last, in which ratios are those of 100,000 events:

- `value_grad_over_read`: value and gradient of our −ln L, normalised (sums over observed and over reference events),
  over the time to read all ratios and templates once: a sum of each array, in double precision;
- `value_grad_vs_published_form`: theirs over ours; `…_same_function` is against ours without normalisation, and in
  `…_coefficients_before` theirs has all polynomials worked out before, which its form does not do;
- `fit_vs_published_form`: Minuit on theirs (strategy 2, the default of its toolkit) over `Model.fit()`, which asks
  Minuit for a second opinion; `fit_alone_vs_published_form` is against ours without that;
- `profile_vs_published_form`: 20 values of mu, all else minimised; the faster of two ways of theirs over `Fit.scan`,
  which finds intervals as well;
- `memory_growth`: what the temporaries of an evaluation grow by, per byte of arrays, up to a million events;
- `by_events`: all that was measured, by number of events.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
from reporting import origin, show, speed_options
from unbinned import samples

FULL = {"events": [100_000, 1_000_000], "repeat": 20, "points": 20}
REDUCED = {"events": [2_000, 8_000], "repeat": 2, "points": 3}
HUGE = 10_000_000
SAME = 1e-9
STRATEGIES = 2, 1
"""Of Minuit; the first is the default of the published form's toolkit."""


def spent(function) -> tuple[float, object]:
    began = time.process_time()
    result = function()
    return time.process_time() - began, result


def best(function, repeat: int) -> float:
    function()
    return min(spent(function)[0] for _ in range(repeat))


class Peak:
    """How far the memory of this process rises, in bytes: Linux tells, and can be told to begin anew."""

    def __enter__(self):
        Path("/proc/self/clear_refs").write_text("5")
        self.before = self._status("VmRSS")
        return self

    def __exit__(self, *_):
        self.rise = self._status("VmHWM") - self.before

    @staticmethod
    def _status(key: str) -> int:
        return 1024 * int(re.search(rf"{key}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


# Each contestant runs in a process of its own and gives what it measured.


def same_function(folder: Path, scale: dict) -> dict:
    """The largest relative difference of −2 ln L, and of a component of its gradient, between ours and theirs."""
    from unbinned import published

    from neyman.likelihood.workspace import Workspace

    model = Workspace.load(folder / samples.name_of(normalise=False)).model()
    data, order = published.measurement(folder), [model.names.index(name) for name in samples.PARAMETERS]
    before = published.with_coefficients(data)
    result = {"value": 0.0, "gradient": 0.0, "coefficients_before": 0.0}

    def differ(what: str, one: np.ndarray | float, other: np.ndarray | float) -> None:
        result[what] = max(result[what], float(np.abs(one - other).max() / np.abs(other).max()))

    for row in np.vstack([samples.points(4), samples.points(4, reach=2.5)]):
        point = dict(zip(samples.PARAMETERS, row.tolist(), strict=True))
        value, gradient = published.value_and_gradient(row, data)
        differ("value", model.twice_nll(point), float(value) + published.same_constants())
        differ("gradient", model.gradient(point)[order], np.asarray(gradient))
        if np.abs(row[published.FREE :]).max() < 1:
            differ("coefficients_before", float(published.value(row, before)), float(value))
    return result


def read(folder: Path, scale: dict) -> dict:
    """One read of all ratios and templates, of observed and of reference events."""
    loaded = [samples.load(folder, which) for which in ("observed", "reference")]
    arrays = [array for found in loaded for name, array in found.items() if name != "weights"]
    seconds = best(lambda: [array.sum() for array in arrays], scale["repeat"])
    return {"bytes": sum(array.nbytes for array in arrays), "read": seconds}


def ours(folder: Path, scale: dict) -> dict:
    return measured(folder, scale, normalise=True)


def ours_same_function(folder: Path, scale: dict) -> dict:
    return measured(folder, scale, normalise=False)


def measured(folder: Path, scale: dict, *, normalise: bool) -> dict:
    from neyman.likelihood.fitting import fit
    from neyman.likelihood.workspace import Workspace

    build, model = spent(lambda: Workspace.load(folder / samples.name_of(normalise=normalise)).model())
    theta, events = samples.points(1)[0], (model.observed.events[0], model.unbinned[0].reference)
    point = dict(zip(samples.PARAMETERS, theta.tolist(), strict=True))
    evaluate = value_and_gradient(model, point)
    evaluate()
    model.hessian(point)
    with Peak() as evaluating:
        result = {"build": build, "arrays": sum(map(size, events)), "value_grad": best(evaluate, scale["repeat"])}
        result["with_hessian"] = best(lambda: model.hessian(point), scale["repeat"] // 2)
    result["memory_of_evaluation"] = evaluating.rise
    if "fits" in scale["with"]:
        for name, function in (("fit_alone", lambda: fit(model)), ("fit", model.fit)):
            result[f"{name}_first"], found = spent(function)
            with Peak() as fitting:
                result[name] = best(function, 2)
            result[f"memory_of_{name}"] = fitting.rise
            result[f"evaluations_of_{name}"] = evaluations(function)
        result |= {
            "twice_nll": found.result.twice_nll,
            "estimates": {name: [found[name].value, found[name].error] for name in samples.PARAMETERS},
            "message": found.result.message,
            "second_minimiser": found.result.second_minimiser,
        }
    if "profiles" in scale["with"]:
        mu = found["mu"]
        # Within one error: farther out the published form has no minimum, for its densities grow without limit.
        ends = {"low": max(mu.value - mu.error, 0.0), "high": mu.value + mu.error, "points": scale["points"]}
        result["profile_first"], profile = spent(lambda: found.scan("mu", **ends))
        result["profile"], _ = spent(lambda: found.scan("mu", **ends))
        result["evaluations_of_profile"] = evaluations(lambda: found.scan("mu", **ends))
        result |= {"grid": profile.values, "rise": profile.delta_twice_nll}
    return result


def size(events) -> int:
    """Bytes of everything that is kept of events."""
    return sum(each.nbytes for each in (events.templates.ratio, events.templates.varied, events.weights, events.packed))


def value_and_gradient(model, point: dict) -> Callable:
    """Of the whole −ln L, as Minuit asks for them."""
    from neyman.likelihood.compilation import QUICK
    from neyman.likelihood.derivatives import derivatives
    from neyman.likelihood.precision import jax

    compiled = jax.jit(derivatives, static_argnames="layout", compiler_options=QUICK)
    main, auxiliary = model.arranged(model.observed)
    terms, theta = model.unbinned_terms(model.observed), model.vector(point)[model.compiled.order]

    def evaluate():
        fixed = {"side": np.ones(len(theta)), "main": main, "auxiliary": auxiliary}
        found = compiled(model.tables, model.compiled.layout, theta, **fixed, pull=terms.pull(theta, curvature=False))
        return float(found.value), np.asarray(found.gradient)

    return evaluate


def evaluations(function: Callable) -> dict:
    """How often a fit goes through the events, with and without second derivatives."""
    from neyman.likelihood.unbinned.terms import Terms

    counts, original = Counter(), Terms.pull

    def counted(terms, theta, *, exact=True, curvature=True):
        counts["with_hessian" if curvature else "without"] += 1
        return original(terms, theta, exact=exact, curvature=curvature)

    Terms.pull = counted
    function()
    Terms.pull = original
    return dict(counts)


def theirs(folder: Path, scale: dict) -> dict:
    from unbinned import published

    wait = published.jax.block_until_ready
    data, point = wait(published.measurement(folder)), samples.points(1)[0]
    result = {}
    for name, function in (("value", published.value), ("value_grad", published.value_and_gradient)):
        result[f"{name}_first"], _ = spent(lambda f=function: wait(f(point, data)))
        result[name] = best(lambda f=function: wait(f(point, data)), scale["repeat"])
    for strategy in STRATEGIES if "fits" in scale["with"] else ():
        engine, calls = published.minuit(data, strategy)
        result[f"fit_strategy_{strategy}"], _ = spent(engine.migrad)
        result[f"strategy_{strategy}"] = {
            "calls": dict(calls),
            "valid": engine.valid,
            "twice_nll": engine.fval + published.same_constants(),
            "estimates": {each.name: [each.value, each.error] for each in engine.params},
        }
    if "profiles" in scale["with"]:
        for name, profile in (("mnprofile", published.profile), ("from_the_last", published.profile_from_the_last)):
            engine, calls = published.minuit(data, 1)
            engine.migrad()
            calls.clear()
            result[f"profile_{name}"], rise = spent(lambda e=engine, p=profile: p(e, scale["grid"]))
            result[name] = {"calls": dict(calls), "rise": rise}
    return result


def theirs_coefficients_before(folder: Path, scale: dict) -> dict:
    """With all polynomials worked out before."""
    from unbinned import published

    wait = published.jax.block_until_ready
    data, point = wait(published.with_coefficients(published.measurement(folder))), samples.points(1)[0]
    first, _ = spent(lambda: wait(published.value_and_gradient(point, data)))
    return {
        "value_grad_first": first,
        "value_grad": best(lambda: wait(published.value_and_gradient(point, data)), scale["repeat"]),
    }


CONTESTANTS = {
    each.__name__: each for each in (same_function, read, ours, ours_same_function, theirs_coefficients_before, theirs)
}


def run(name: str, folder: Path, scale: dict) -> dict:
    """What a contestant measured."""
    command = [sys.executable, __file__, "--contestant", name, "--folder", str(folder), "--scale", json.dumps(scale)]
    alone = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": alone}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{name}: {found}", file=sys.stderr, flush=True)
    return found


def contest(events: int, scale: dict) -> dict:
    """All contestants, on the same files."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        samples.write(folder, events)
        if "theirs" not in scale["with"]:
            return {name: run(name, folder, scale) for name in ("read", "ours")}
        found = {"same_function": run("same_function", folder, scale)}
        if not max(found["same_function"].values()) < SAME:
            raise SystemExit(f"with {events} events our likelihood is not theirs: {found['same_function']}")
        for name in list(CONTESTANTS)[1:]:
            found[name] = run(name, folder, {**scale, "grid": found.get("ours", {}).get("grid")})
        return found


def ratios(found: dict) -> dict:
    """Times of others over ours."""
    mine, same, other = found["ours"], found.get("ours_same_function"), found.get("theirs")
    result = {"value_grad_over_read": mine["value_grad"] / found["read"]["read"]}
    if other:
        result |= {
            "value_grad_vs_published_form": other["value_grad"] / mine["value_grad"],
            "value_grad_vs_published_form_same_function": other["value_grad"] / same["value_grad"],
            "value_grad_vs_published_form_coefficients_before": found["theirs_coefficients_before"]["value_grad"]
            / mine["value_grad"],
        }
    if other and "fit" in mine:
        for name, strategy in itertools.product(("fit", "fit_alone"), STRATEGIES):
            suffix = "" if strategy == STRATEGIES[0] else f"_strategy_{strategy}"
            result[f"{name}_vs_published_form{suffix}"] = other[f"fit_strategy_{strategy}"] / mine[name]
        result["fit_vs_published_form_same_function"] = other[f"fit_strategy_{STRATEGIES[0]}"] / same["fit"]
    if other and "profile" in mine:
        quicker = min(other["profile_mnprofile"], other["profile_from_the_last"])
        result["profile_vs_published_form"] = quicker / mine["profile"]
    return result


def growth(small: dict, large: dict, key: str) -> float:
    """Growth of temporaries per byte of arrays."""
    return (large["ours"][key] - small["ours"][key]) / (large["ours"]["arrays"] - small["ours"]["arrays"])


def finite(found):
    """With null where a number is not finite: an error that does not exist."""
    if isinstance(found, dict):
        return {key: finite(each) for key, each in found.items()}
    if isinstance(found, list):
        return [finite(each) for each in found]
    return None if isinstance(found, float) and not math.isfinite(found) else found


def main() -> None:
    parser = speed_options(__doc__)
    parser.add_argument(
        "--huge", action="store_true", help=f"also ours with {HUGE:,} events: 17 GB of memory, 6 of disk"
    )
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        print(json.dumps(CONTESTANTS[options.contestant](options.folder, options.scale)))
        return
    scale = REDUCED if options.reduced else FULL
    compared = {name: metadata.version(name) for name in ("jax", "numba", "iminuit")}
    began = origin("python benchmarks/fit_unbinned.py --json", **compared)
    load, (small, large) = [os.getloadavg()[0]], scale["events"]
    found = {
        small: contest(small, {**scale, "with": ["theirs", "fits", "profiles"]}),
        large: contest(large, {**scale, "with": ["fits"] if options.reduced else ["theirs", "fits"]}),
    }
    if options.huge:
        found[HUGE] = contest(HUGE, {**scale, "repeat": 4, "with": ["fits"]})
    load.append(os.getloadavg()[0])
    keys = ("evaluation", "fit_alone", "fit")
    report = {
        **ratios(found[small]),
        **{
            "memory_growth" + ("" if key == "evaluation" else f"_{key}"): growth(
                found[small], found[large], f"memory_of_{key}"
            )
            for key in keys
        },
        "ratios_by_events": {events: ratios(each) for events, each in found.items()},
        "by_events": found,
        "reduced": options.reduced,
        "load": load,
        **began,
    }
    show(finite(report), options)


if __name__ == "__main__":
    main()
