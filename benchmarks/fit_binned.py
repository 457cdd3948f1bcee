"""Binned fits against pyhf and cabinetry: the same workspace, data and core, in a process of its own each.

    python benchmarks/fit_binned.py --json

Prints one JSON object last, with ratios of CPU time, theirs over ours:

- `fit_vs_pyhf_jax`: one fit of 20 channels, 600 bins, 660 parameters, compilation included, both models built before;
- `value_grad_vs_pyhf_jax`: value and gradient of −2 ln L there, both compiled before;
- `toys_vs_pyhf`: 1000 pseudo-experiments of a small model, fitted, against pyhf's fastest backend and minimiser, both
  compiled before; `toys_vs_pyhf_cold` counts our compilation, and not theirs;
- `scan_vs_cabinetry`: a profile of 31 points of a medium model.

A contestant that does not end in ten times our time is stopped, and its ratio is reported as at least that.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

FULL = {"channels": 20, "bins": 30, "samples": 5, "systematics": 60, "toys": 1000, "peer_toys": 50, "points": 31}
REDUCED = {"channels": 3, "bins": 5, "samples": 3, "systematics": 6, "toys": 200, "peer_toys": 5, "points": 7}


def large(scale: dict) -> dict:
    """Correlated shape and normalisation systematics on all samples, of the size that analyses have: per cents."""
    rng = np.random.default_rng(1)
    channels, observations = [], []
    for c in range(scale["channels"]):
        x = np.linspace(-1, 1, scale["bins"])
        samples = []
        for s in range(scale["samples"]):
            nominal = np.exp(-(0.5 + 0.3 * s) * (x + 1)) * rng.uniform(80, 300)
            if s == 0:
                nominal = 40 * np.exp(-0.5 * (x / 0.25) ** 2) + 1
            modifiers = [{"name": f"stat_{c}", "type": "staterror", "data": (0.03 * nominal).tolist()}]
            if s == 0:
                modifiers.append({"name": "mu", "type": "normfactor", "data": None})
            for k in range(scale["systematics"]):
                size = rng.normal(0, 0.02)
                if k % 2:
                    data = {"hi": 1 + size, "lo": 1 / (1 + size)}
                    modifiers.append({"name": f"np_{k}", "type": "normsys", "data": data})
                else:
                    tilt = size * (x * rng.normal() + rng.normal())
                    data = {
                        "hi_data": (nominal * (1 + tilt)).tolist(),
                        "lo_data": (nominal * (1 - 0.8 * tilt)).tolist(),
                    }
                    modifiers.append({"name": f"np_{k}", "type": "histosys", "data": data})
            samples.append({"name": f"sample_{s}", "data": nominal.tolist(), "modifiers": modifiers})
        channels.append({"name": f"channel_{c:02d}", "samples": samples})
        total = np.sum([sample["data"] for sample in samples], axis=0)
        observations.append({"name": f"channel_{c:02d}", "data": rng.poisson(total).astype(float).tolist()})
    return workspace(channels, observations)


def small() -> dict:
    """A signal region and a control region, eight parameters."""
    lumi = {"name": "lumi", "type": "normsys", "data": {"hi": 1.02, "lo": 0.98}}
    signal = {
        "name": "signal",
        "data": [5.0, 10.0, 5.0],
        "modifiers": [{"name": "mu", "type": "normfactor", "data": None}, lumi],
    }
    shape = {
        "name": "shape",
        "type": "histosys",
        "data": {"hi_data": [55.0, 61.0, 50.0], "lo_data": [46.0, 59.0, 60.0]},
    }
    stat = {"name": "stat", "type": "staterror", "data": [3.0, 3.0, 3.0]}
    free = {"name": "k", "type": "normfactor", "data": None}
    background = {"name": "background", "data": [50.0, 60.0, 55.0], "modifiers": [lumi, shape, stat, free]}
    control = {"name": "background", "data": [500.0], "modifiers": [free, lumi]}
    channels = [{"name": "SR", "samples": [signal, background]}, {"name": "CR", "samples": [control]}]
    return workspace(channels, [{"name": "SR", "data": [58.0, 66.0, 57.0]}, {"name": "CR", "data": [512.0]}])


def workspace(channels: list, observations: list) -> dict:
    measurement = {"name": "measurement", "config": {"poi": "mu", "parameters": []}}
    return {"channels": channels, "observations": observations, "measurements": [measurement], "version": "1.0.0"}


def medium() -> dict:
    return large({"channels": 3, "bins": 8, "samples": 4, "systematics": 16})


def spent(function, *, repeat: int = 1) -> tuple[float, object]:
    began = time.process_time()
    for _ in range(repeat):
        result = function()
    return (time.process_time() - began) / repeat, result


# Each contestant runs in a process of its own and gives what it measured.


def ours_fit(scale: dict) -> dict:
    from neyman.likelihood.precision import jax
    from neyman.likelihood.workspace import Workspace

    build, model = spent(lambda: Workspace.from_dict(large(scale)).model())
    fit, found = spent(model.fit)
    again, _ = spent(model.fit)
    from neyman.likelihood.compilation import THOROUGH
    from neyman.likelihood.terms import negative_log_likelihood

    both = jax.jit(
        jax.value_and_grad(negative_log_likelihood, argnums=2), static_argnames="layout", compiler_options=THOROUGH
    )
    theta = found.theta[model.compiled.order]
    arguments = (model.tables, model.compiled.layout, theta, *model.arranged(model.observed))
    jax.block_until_ready(both(*arguments))
    derivative, _ = spent(lambda: jax.block_until_ready(both(*arguments)), repeat=200)
    return {
        "build": build,
        "fit": fit,
        "fit_again": again,
        "value_grad": derivative,
        "twice_nll": found.result.twice_nll,
        "parameters": len(model.names),
        "mu": found["mu"].value,
        "error": found["mu"].error,
        "steps": found.result.steps,
    }


def pyhf_fit(scale: dict, optimizer: str) -> dict:
    import jax
    import pyhf

    pyhf.set_backend("jax", optimizer)
    source = pyhf.Workspace(large(scale), validate=False)
    build, model = spent(lambda: source.model(validate=False))
    data = source.data(model)
    result = {"build": build}
    if optimizer == "scipy":
        start = np.array(model.config.suggested_init())
        values = np.array(data)
        both = jax.jit(jax.value_and_grad(lambda theta: -2 * model.logpdf(theta, values)[0]))
        jax.block_until_ready(both(start))
        result["value_grad"], _ = spent(lambda: jax.block_until_ready(both(start)), repeat=200)
        print(json.dumps(result), flush=True)
        pyhf.set_backend("jax", optimizer)
    fit, (best, value) = spent(lambda: pyhf.infer.mle.fit(data, model, return_fitted_val=True))
    return {**result, "fit": fit, "twice_nll": float(value), "mu": float(best[model.config.poi_index])}


def ours_toys(scale: dict) -> dict:
    from neyman.likelihood.toys import toys
    from neyman.likelihood.workspace import Workspace

    model = Workspace.from_dict(small()).model()
    cold, _ = spent(lambda: toys(model, count=scale["toys"], seed=2))
    cost, found = spent(lambda: toys(model, count=scale["toys"], seed=1))
    return {"toys": cost, "toys_cold": cold, "pull_mean": found.parameters["k"].pull_mean, "converged": found.converged}


def pyhf_toys(scale: dict, backend: str, optimizer: str) -> dict:
    import pyhf

    pyhf.set_backend(backend, optimizer)
    source = pyhf.Workspace(small())
    model = source.model()
    start = model.config.suggested_init()
    np.random.seed(1)  # noqa: NPY002 - pyhf draws from the global generator
    data = model.make_pdf(pyhf.tensorlib.astensor(start)).sample((scale["peer_toys"],))
    pyhf.infer.mle.fit(np.asarray(data[0]).tolist(), model)  # compiled before the clock starts
    cost, _ = spent(lambda: [pyhf.infer.mle.fit(np.asarray(each).tolist(), model) for each in data])
    return {"toys": cost / scale["peer_toys"] * scale["toys"]}


def ours_scan(scale: dict) -> dict:
    from neyman.likelihood.workspace import Workspace

    model = Workspace.from_dict(medium()).model()
    cost, found = spent(lambda: model.fit().scan("mu", low=0.0, high=2.0, points=scale["points"]))
    return {
        "scan": cost,
        "values": found.values[:: scale["points"] // 6],
        "rise": found.delta_twice_nll[:: scale["points"] // 6],
    }


def cabinetry_scan(scale: dict) -> dict:
    import cabinetry

    model, data = cabinetry.model_utils.model_and_data(medium())
    cost, found = spent(lambda: cabinetry.fit.scan(model, data, "mu", par_range=(0.0, 2.0), n_steps=scale["points"]))
    step = scale["points"] // 6
    return {"scan": cost, "values": found.parameter_values[::step].tolist(), "rise": found.delta_nlls[::step].tolist()}


CONTESTANTS = {
    "ours_fit": ours_fit,
    "pyhf_fit_scipy": lambda scale: pyhf_fit(scale, "scipy"),
    "pyhf_fit_minuit": lambda scale: pyhf_fit(scale, "minuit"),
    "ours_toys": ours_toys,
    **{
        f"pyhf_toys_{backend}_{optimizer}": lambda scale, b=backend, o=optimizer: pyhf_toys(scale, b, o)
        for backend in ("numpy", "jax")
        for optimizer in ("scipy", "minuit")
    },
    "ours_scan": ours_scan,
    "cabinetry_scan": cabinetry_scan,
}


def run(name: str, *, reduced: bool, limit: float | None = None) -> dict | None:
    """What a contestant measured; None if it did not end in time."""
    command = [sys.executable, __file__, "--contestant", name, *(["--reduced"] if reduced else [])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=limit, env=environment)
        found = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as late:
        lines = (late.stdout or b"").decode().splitlines()
        found = json.loads(lines[-1]) if lines else None
        print(f"{name}: not done after {limit:.0f} s", file=sys.stderr, flush=True)
        return found
    print(f"{name}: {found}", file=sys.stderr, flush=True)
    return found


def ratio(peers: list[dict | None], key: str, ours: float) -> float:
    """The fastest peer over ours; 10 if none ended in ten times our time."""
    times = [peer[key] for peer in peers if peer and key in peer]
    return min(times) / ours if times else 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    parser.add_argument("--reduced", action="store_true", help="the size that CI runs")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        print(json.dumps(CONTESTANTS[options.contestant](REDUCED if options.reduced else FULL)))
        return
    small_ones = [name for name in CONTESTANTS if name.startswith("pyhf_toys")]
    ours = {name: run(name, reduced=options.reduced) for name in ("ours_fit", "ours_toys", "ours_scan")}
    if options.reduced:
        small_ones = small_ones[:1]
    patience = None if options.reduced else 30 + 25 * ours["ours_fit"]["fit"]
    fits = [
        run(name, reduced=options.reduced, limit=patience)
        for name in ("pyhf_fit_scipy", "pyhf_fit_minuit")[: 1 if options.reduced else 2]
    ]
    toys = [run(name, reduced=options.reduced) for name in small_ones]
    scan = run("cabinetry_scan", reduced=options.reduced)
    report = {
        "fit_vs_pyhf_jax": ratio(fits, "fit", ours["ours_fit"]["fit"]),
        "value_grad_vs_pyhf_jax": ratio(fits, "value_grad", ours["ours_fit"]["value_grad"]),
        "toys_vs_pyhf": ratio(toys, "toys", ours["ours_toys"]["toys"]),
        "toys_vs_pyhf_cold": ratio(toys, "toys", ours["ours_toys"]["toys_cold"]),
        "scan_vs_cabinetry": ratio([scan], "scan", ours["ours_scan"]["scan"]),
        "ours": ours,
        "peers": {"fit": fits, "toys": dict(zip(small_ones, toys, strict=True)), "scan": scan},
    }
    print(json.dumps(report, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
