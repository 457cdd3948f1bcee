"""A bump on a falling mass spectrum, fitted in bins, without bins, and without bins or normalisation.

Energy scale and slope of the background change the spectrum in nearly the same way, by 5 to 6 % at one standard
deviation. All densities are known in closed form, so that the exact likelihood stands beside the fits.

    python examples/fit_unbinned.py unbinned.png [--events 1800 18000 180000] [--json FILE]
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize
from scipy.stats import norm

from neyman.core.files import write_json
from neyman.likelihood.fitting import Fit
from neyman.likelihood.workspace import Workspace
from neyman.likelihood.workspace.arrays import array_reference
from neyman.plots import save_figure
from neyman.plots.panels import legend_above, new_figure, one_panel
from neyman.plots.style import BAND, EXACT, LEARNED, PRIOR, TRUTH, styled

LOW, HIGH = 100.0, 160.0  # GeV
MASS, RESOLUTION, DECAY = 125.0, 2.5, 30.0  # GeV
SPREAD = 15.76  # GeV, standard deviation of the background's mass
SCALE, SLOPE = 0.055, 0.05  # root mean square of ln g, the changes at one standard deviation
SIGNAL = 0.06  # of all events
TRUE = {"mu": 1.3, "k_background": 1.0, "scale": -0.6, "slope": -0.6}
WIDTH = 0.01  # GeV, of its cells
GRID = LOW + WIDTH * (np.arange(6000) + 0.5)  # GeV, the reference: a grid makes integrals exact
SLOPES = np.linspace(-5, 3, 65)
FORMS = {"binned": "4 bins", "normalised": "unbinned", "unnormalised": "not normalised", "exact": "exact"}


def signal(mass: np.ndarray, scale: float = 0.0, slope: float = 0.0) -> np.ndarray:
    """Logarithm of the density of the signal, per GeV."""
    centre = MASS + SCALE * RESOLUTION * scale
    inside = norm.cdf(HIGH, centre, RESOLUTION) - norm.cdf(LOW, centre, RESOLUTION)
    return norm.logpdf(mass, centre, RESOLUTION) - np.log(inside)


def background(mass: np.ndarray, scale: float = 0.0, slope: float = 0.0) -> np.ndarray:
    """Logarithm of the density of the background, per GeV."""
    rate = 1 / DECAY - (SCALE * scale + SLOPE * slope) / SPREAD
    return np.log(rate / -np.expm1(-rate * (HIGH - LOW))) - rate * (mass - LOW)


def reference(mass: np.ndarray) -> np.ndarray:
    """Logarithm of the density that all others are relative to."""
    return np.logaddexp(signal(mass), background(mass)) - np.log(2)


DENSITY = {"signal": signal, "background": background}
SYSTEMATICS = {"signal": ["scale"], "background": ["scale", "slope"]}
FACTOR = {"signal": "mu", "background": "k_background"}


@dataclass(frozen=True)
class Experiment:
    """Observed masses in GeV, and how many events were expected of each sample."""

    mass: np.ndarray
    yields: dict[str, float]


def draw(events: int, seed: int) -> Experiment:
    """Pseudo-data from the densities at the truth."""
    rng = np.random.default_rng(seed)
    yields = {"signal": SIGNAL * events, "background": (1 - TRUE["mu"] * SIGNAL) * events}
    parts = []
    for sample, density in DENSITY.items():
        share = np.exp(density(GRID, TRUE["scale"], TRUE["slope"]))
        cells = rng.choice(GRID, rng.poisson(TRUE[FACTOR[sample]] * yields[sample]), p=share / share.sum())
        parts.append(cells + WIDTH * (rng.random(len(cells)) - 0.5))
    return Experiment(np.concatenate(parts), yields)


def document(channel: dict, observations: list, parameters: list | None = None) -> dict:
    """A workspace of one channel."""
    measurement = {"name": "bump", "config": {"poi": "mu", "parameters": parameters or []}}
    return {"channels": [channel], "observations": observations, "measurements": [measurement], "version": "1.0.0"}


def unbinned(data: Experiment, folder: Path) -> dict:
    """The unbinned channel; writes its arrays."""

    def save(name: str, values: np.ndarray) -> dict:
        np.save(folder / f"{name}.npy", values)
        return array_reference(folder / f"{name}.npy", folder)

    def at_events(name: str, log_ratio: Callable[[np.ndarray], np.ndarray]) -> dict:
        return {
            "observed": save(f"{name}_obs", log_ratio(data.mass)),
            "reference": save(f"{name}_ref", log_ratio(GRID)),
        }

    samples = []
    for sample, density in DENSITY.items():
        modifiers = [{"name": FACTOR[sample], "type": "normfactor", "data": None}]
        for name in SYSTEMATICS[sample]:
            shape = {"hi": 1.0, "lo": 1.0, "relative_to": "nominal"}
            for side, alpha in (("hi", 1.0), ("lo", -1.0)):
                shape[f"{side}_log_ratio"] = at_events(
                    f"{sample}_{name}_{side}",
                    lambda mass, p=density, at={name: alpha}: p(mass, **at) - p(mass),
                )
            modifiers.append({"name": name, "type": "normplusshape", "data": shape})
        ratio = at_events(sample, lambda mass, p=density: p(mass) - reference(mass))
        samples.append({"name": sample, "yield": data.yields[sample], "log_ratio": ratio, "modifiers": modifiers})
    weights = {"weights": save("weights", np.exp(reference(GRID)) * WIDTH)}
    return {"name": "SR", "type": "unbinned", "observed": {}, "reference": weights, "samples": samples}


def binned(data: Experiment) -> tuple[dict, list]:
    """The same channel in bins of 15 GeV, and its observations."""
    edges, cells = np.linspace(LOW, HIGH, 5), GRID.reshape(4, -1)
    samples = []
    for sample, density in DENSITY.items():
        expected = {
            key: data.yields[sample] * np.exp(density(cells, **dict(key))).sum(1) * WIDTH for key in _variations(sample)
        }
        modifiers = [{"name": FACTOR[sample], "type": "normfactor", "data": None}]
        for name in SYSTEMATICS[sample]:
            hi, lo = (expected[((name, alpha),)].tolist() for alpha in (1.0, -1.0))
            modifiers.append({"name": name, "type": "histosys", "data": {"hi_data": hi, "lo_data": lo}})
        samples.append({"name": sample, "data": expected[()].tolist(), "modifiers": modifiers})
    counts = np.histogram(data.mass, edges)[0].astype(float).tolist()
    return {"name": "SR", "samples": samples}, [{"name": "SR", "data": counts}]


def _variations(sample: str) -> list[tuple]:
    return [(), *(((name, alpha),) for name in SYSTEMATICS[sample] for alpha in (1.0, -1.0))]


def fits(data: Experiment, folder: Path, parameters: list | None = None) -> dict[str, Fit]:
    """The three fits."""
    channel = unbinned(data, folder)
    documents = {
        "binned": document(*binned(data), parameters),
        "normalised": document(channel, [], parameters),
        "unnormalised": document({**channel, "normalise": False}, [], parameters),
    }
    return {name: Workspace.from_dict(each, folder=folder).model().fit() for name, each in documents.items()}


def exact_scan(data: Experiment, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """−2 ln L of the densities themselves with the slope held, and the strength of the signal there."""
    seen = np.histogram(data.mass, len(GRID), (LOW, HIGH))[0]  # cells are far narrower than what they resolve
    start, values, strengths = np.array([TRUE["mu"], 1.0, TRUE["scale"]]), [], []

    def twice_nll(theta: np.ndarray, slope: float) -> float:
        expected = theta[:2] * list(data.yields.values())
        density = expected @ [np.exp(p(GRID, theta[2], slope)) for p in DENSITY.values()]
        return 2 * (expected.sum() - seen @ np.log(density)) + theta[2] ** 2 + slope**2

    for slope in slopes:
        found = minimize(twice_nll, start, args=(slope,), method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-3})
        start = found.x
        values.append(found.fun)
        strengths.append(found.x[0])
    return np.array(values), np.array(strengths)


def summary(fit: Fit) -> dict:
    """What a table shows of a fit: values and errors, and what the density of the background integrates to."""
    found = {name: [fit[name].value, fit[name].error] for name in TRUE}
    checks = fit.result.unbinned.get("SR")
    return {**found, "integral": checks and checks.drift["background"], "message": fit.result.message}


def compare(events: int, folder: Path, *, seed: int = 1, slopes: np.ndarray = SLOPES) -> dict:
    """One experiment: its fits, and profiles over the slope."""
    data = draw(events, seed)
    found = fits(data, folder)
    scans = {name: found[name].scan("slope", low=slopes[0], high=slopes[-1], points=len(slopes)) for name in found}
    profiles = {name: scan.delta_twice_nll for name, scan in scans.items()}
    exact, strengths = exact_scan(data, slopes[::4])
    return {
        "events": len(data.mass),
        "fits": {name: summary(fit) for name, fit in found.items()},
        "slopes": slopes.tolist(),
        "profiles": profiles,
        "exact": {
            "slopes": slopes[::4].tolist(),
            "mu": strengths.tolist(),
            "profile": (exact - _lowest(slopes[::4], exact)).tolist(),
        },
    }


def _lowest(x: np.ndarray, y: np.ndarray) -> float:
    """Minimum of the parabola through the three lowest points and their neighbours."""
    near = slice(max(y.argmin() - 2, 0), y.argmin() + 3)
    a, b, c = np.polyfit(x[near], y[near], 2)
    return c - b**2 / (4 * a)


def pull(found: dict, name: str) -> str:
    """Distance from the truth in errors, where there are any."""
    value, error = found[name]
    return f"{(value - TRUE[name]) / error:+.1f} σ" if error and np.isfinite(error) else "no error"


def table(results: list[dict]) -> str:
    """The fits in lines."""
    lines = [f"{'events':>7}  {'fit':<14} {'mu':>14} {'from truth':>10} {'slope':>6}  ∫ g p of the background"]
    for result in results:
        for name, found in result["fits"].items():
            mu, error = found["mu"]
            integral = f"{found['integral']:.4f}" if found["integral"] else ""
            lines.append(
                f"{result['events']:7,}  {FORMS[name]:<14} {mu:6.3f} ± {error:.3f} {pull(found, 'mu'):>11}"
                f" {found['slope'][0]:6.2f}  {integral}"
            )
    return "\n".join(lines).replace("-", "−")


def picture(results: list[dict]) -> Figure:
    """Profiles over the slope: that of the un-normalised form has its minimum elsewhere."""
    looks = {
        "normalised": {"color": LEARNED, "linestyle": "-"},
        "unnormalised": {"color": TRUTH, "linestyle": "-."},
    }
    with styled():
        figure = new_figure(3.6 * len(results) + 0.6, 4.2)
        grid = figure.add_gridspec(1, len(results))
        for column, result in enumerate(results):
            axes = one_panel(figure, grid[column])
            handles = [
                *(
                    axes.plot(result["slopes"], result["profiles"][name], label=FORMS[name], linewidth=2, **look)[0]
                    for name, look in looks.items()
                ),
                *axes.plot(result["exact"]["slopes"], result["exact"]["profile"], "o", color=EXACT, label="exact"),
                axes.axvline(TRUE["slope"], color=PRIOR, linewidth=1.2, linestyle=":", label="truth"),
                axes.axvspan(-5.6, -5, color=BAND, linewidth=0, label="beyond the bounds"),
            ]
            lines = [rf"{result['events']:,} events, true $\mu$ = {TRUE['mu']}"]
            for name in looks:
                (mu, error), integral = (result["fits"][name][key] for key in ("mu", "integral"))
                extra = rf", $\int p$ = {integral:.3f}" if name == "unnormalised" else ""
                lines.append(rf"{FORMS[name]}: $\mu$ = {mu:.2f} ± {error:.2f}{extra}")
            axes.set_title("\n".join(lines), loc="left", fontsize=10)
            axes.set_xlim(-5.6, result["slopes"][-1])
            axes.set_ylim(-0.3, 12)
            axes.set_xlabel(r"$\alpha$, slope of the background [$\sigma$]")
            if column == 0:
                axes.set_ylabel(r"$-2\,\Delta\ln L$")
        legend_above(figure, handles, columns=5)
    return figure


def main() -> None:
    """Fit, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--events", type=int, nargs="+", default=[1800, 18_000, 180_000])
    parser.add_argument("--json", type=Path, help="write the numbers here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = [compare(events, Path(folder)) for events in asked.events]
    print(table(results))
    save_figure(picture(results), asked.picture)
    if asked.json:
        write_json(asked.json, results)


if __name__ == "__main__":
    main()
