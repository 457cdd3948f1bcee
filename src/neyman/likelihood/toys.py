"""Pseudo-experiments, with auxiliary data that are drawn too.

They are cut into pieces of a fixed number, and each piece draws from a random stream of its own: the numbers do not
depend on how many processes share the work, nor on whether it runs here or on a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from neyman.core.errors import InputError, WorkspaceError
from neyman.core.executors import local_executor, map_unordered
from neyman.core.progress import progress
from neyman.core.random import stream
from neyman.likelihood.data import Data
from neyman.likelihood.fitting import Fit, fit
from neyman.likelihood.goodness import Distances, goodness_of_fit, looks, saturated
from neyman.likelihood.hypotheses import BANDS, Reference, checked, physical_bounds, poi_of
from neyman.likelihood.many import Fits, fit_many
from neyman.likelihood.model import Model, Parameters
from neyman.likelihood.outcomes import GoodnessOfFit, HypothesisTest, ParameterToys, Toys, UnbinnedGoodness
from neyman.likelihood.unbinned.channels import Events

PIECE = 500
_UNBINNED_PIECE = 50  # each has all its events


def draw(model: Model, parameters: Parameters | None, count: int, rng: np.random.Generator) -> list[Data]:
    """Pseudo-experiments at a point.

    Those of an unbinned channel are events of its reference: each as often as its expected weight says.

    Args:
        model: The model.
        parameters: The point.
        count: How many.
        rng: Where randomness comes from.

    Raises:
        WorkspaceError: If an unbinned channel has no reference, or events of negative expectation.
    """
    theta = model.vector(parameters)
    expected = model.asimov(theta)
    main = rng.poisson(np.maximum(expected.main, 0.0), (count, len(expected.main))).astype(float)
    width, poisson = _auxiliary_width(model)
    normal = expected.auxiliary + width * rng.normal(size=(count, len(width)))
    counted = rng.poisson(np.where(poisson, expected.auxiliary, 0.0), (count, len(width)))
    auxiliary = np.where(poisson, counted, normal)
    drawn = [Data(m, a) for m, a in zip(main, auxiliary, strict=True)]
    return [_with_events(model, data, expected.events, rng) for data in drawn] if model.unbinned else drawn


def _with_events(model: Model, data: Data, expected: Sequence[Events], rng: np.random.Generator) -> Data:
    """The same data with events that are drawn, and their number in place of that of the bin."""
    main, drawn = data.main.copy(), []
    for channel, at, events in zip(model.unbinned, model.compiled.tables.unbinned, expected, strict=True):
        if (events.weights < 0).any():
            raise WorkspaceError(
                f"channel '{channel.name}': {(events.weights < 0).sum()} reference events have negative expectations",
                expected="none, to draw from them",
                hint="a reference without negative weights",
            )
        counts = rng.poisson(events.weights)
        rows = np.flatnonzero(counts)
        drawn.append(events.take(rows, counts[rows].astype(float)))
        main[at] = counts.sum()
    return Data(main, data.auxiliary, tuple(drawn))


def _auxiliary_width(model: Model) -> tuple[Float[np.ndarray, " a"], Bool[np.ndarray, " a"]]:
    """Widths of normal auxiliary data, and which are counts instead."""
    constrained = [each for each in model.sets if each.constraint != "none"]
    poisson = np.concatenate(
        [np.full(each.size, each.constraint == "poisson") for each in constrained] or [np.zeros(0, bool)]
    )
    width = np.concatenate([each.widths for each in constrained] or [np.zeros(0)])
    return np.where(poisson, 0.0, width), poisson


@dataclass(frozen=True, eq=False)
class _Piece:
    """Some of the pseudo-experiments: what a worker needs."""

    model: Model
    theta: Float[np.ndarray, " p"]
    held: tuple[float | None, ...]
    bounds: Float[np.ndarray, "p 2"]
    seed: int
    name: str
    number: int
    count: int


def _work(piece: _Piece) -> list[Fits]:
    """Draw and fit: once for each entry of `held`, the value at which the parameter of interest stays, or None."""
    rng = stream(piece.seed, piece.name, piece.number)
    data = draw(piece.model, piece.theta, PIECE, rng)[: piece.count]
    fits = []
    for value in piece.held:
        start = piece.theta.copy()
        fixed = np.zeros(len(start), bool)
        if value is not None:
            index = poi_of(piece.model)
            start[index], fixed[index] = value, True
        fits.append(fit_many(piece.model, data, start, fixed=fixed, bounds=piece.bounds))
    return fits


def fit_toys(
    model: Model,
    theta: Float[np.ndarray, " p"],
    *,
    count: int,
    seed: int,
    name: str = "toys",
    held: tuple[float | None, ...] = (None,),
    bounds: Float[np.ndarray, "p 2"] | None = None,
    executor: Executor | None = None,
) -> list[Fits]:
    """Draw pseudo-experiments at a point and fit each of them, in one or several ways.

    Args:
        model: The model.
        theta: The point, shape (P,).
        count: How many.
        seed: The seed.
        name: What they are for: another name, other numbers.
        held: For each way, the value at which the parameter of interest is held, or None.
        bounds: Other bounds than the model's.
        executor: Where to compute; here by default.

    Raises:
        InputError: If `count` is not positive.
    """
    if count < 1:
        raise InputError(f"{count} pseudo-experiments", expected="at least 1")
    limits = model.bounds if bounds is None else bounds
    pieces = [
        _Piece(model, theta, held, limits, seed, name, number, min(PIECE, count - begin))
        for number, begin in enumerate(range(0, count, PIECE))
    ]
    done: dict[int, list[Fits]] = {}
    with progress("toys", total=count, unit="toys") as advance:
        for piece, fits in map_unordered(executor or local_executor(1), _work, pieces):
            done[piece.number] = fits
            advance(piece.count, "")
    return [_joined([done[number][way] for number in sorted(done)]) for way in range(len(held))]


def _joined(parts: list[Fits]) -> Fits:
    return Fits(*(np.concatenate([getattr(part, name) for part in parts]) for name in Fits.__dataclass_fields__))


def toys(
    model: Model,
    parameters: Parameters | None = None,
    *,
    count: int = 1000,
    seed: int = 0,
    executor: Executor | None = None,
) -> Toys:
    """Fit pseudo-experiments and compare the estimates with the truth.

    Args:
        model: The model.
        parameters: The truth; initial values by default.
        count: How many.
        seed: The seed.
        executor: Where to compute; here by default.
    """
    truth = model.vector(parameters)
    found = fit_toys(model, truth, count=count, seed=seed, executor=executor)[0]
    good = found.converged & np.isfinite(found.variance).all(1)
    theta, errors = found.theta[good], np.sqrt(found.variance[good])
    shown = 0 if model.poi is None else model.index(model.poi)
    return Toys(
        **model.identity(),
        toys=count,
        converged=int(good.sum()),
        seed=seed,
        parameters={
            name: _summary(truth[i], theta[:, i], errors[:, i])
            for i, name in enumerate(model.names)
            if not model.fixed[i]
        },
        values=theta[:, shown].tolist(),
        errors=errors[:, shown].tolist(),
        twice_nll=(2 * found.value[good]).tolist(),
    )


def _summary(truth: float, values: Float[np.ndarray, " n"], errors: Float[np.ndarray, " n"]) -> ParameterToys:
    pulls = (values - truth) / errors
    several = len(values) > 1
    return ParameterToys(
        truth=float(truth),
        mean=float(values.mean()) if several else None,
        sd=float(values.std(ddof=1)) if several else None,
        pull_mean=float(pulls.mean()) if several else None,
        pull_width=float(pulls.std(ddof=1)) if several else None,
        coverage_68=float((np.abs(pulls) < 1).mean()) if several else None,
        coverage_95=float((np.abs(pulls) < 2).mean()) if several else None,
    )


def hypothesis_test_with_toys(
    model: Model,
    value: float,
    data: Data | None = None,
    *,
    count: int = 1000,
    seed: int = 0,
    executor: Executor | None = None,
) -> HypothesisTest:
    """CLs from pseudo-experiments of both hypotheses, nuisance parameters as the data fit them.

    Args:
        model: The model.
        value: Value of the parameter of interest.
        data: The data; those of the workspace by default.
        count: How many of each hypothesis.
        seed: The seed.
        executor: Where to compute; here by default.
    """
    reference = Reference.of(model, data)
    q_obs = float(reference.statistics([value])[0][0])
    name = model.names[reference.poi]
    with_signal = checked(fit(model, reference.data, fixed={name: value}, start=reference.best)).theta
    bounds = physical_bounds(model)

    def statistics(theta: Float[np.ndarray, " p"], what: str) -> Float[np.ndarray, " n"]:
        free, held = fit_toys(
            model, theta, count=count, seed=seed, name=what, held=(None, value), bounds=bounds, executor=executor
        )
        good = free.converged & held.converged
        q = np.maximum(2 * (held.value - free.value), 0.0)
        below = free.theta[:, reference.poi] <= value
        found: Float[np.ndarray, " n"] = np.where(below, q, 0.0)[good]
        return found

    signal, background = statistics(with_signal, "signal"), statistics(reference.background, "background")

    def tails(q: float) -> tuple[float, float, float, float]:
        clsb, clb = float((signal >= q).mean()), float((background >= q).mean())
        cls = clsb / clb if clb > 0 else np.nan
        relative = (1 - clsb) / max(clsb * len(signal), 1.0) + (1 - clb) / max(clb * len(background), 1.0)
        return clsb, clb, cls, cls * float(np.sqrt(relative))

    clsb, clb, cls, error = tails(q_obs)
    from scipy.stats import norm

    quantiles = np.quantile(background, norm.cdf(-np.array(BANDS, float)))
    expected = [tails(float(q)) for q in quantiles]
    return HypothesisTest(
        **model.identity(),
        poi_value=value,
        cls_obs=cls,
        cls_exp=[each[2] for each in expected],
        clsb_obs=clsb,
        clb_obs=clb,
        q_obs=q_obs,
        cls_obs_error=error,
        cls_exp_error=expected[2][3],
        method="toys",
        toys=count,
    )


@dataclass(frozen=True, eq=False)
class _Refits:
    """Some of the pseudo-experiments of a best fit."""

    best: Fit
    seed: int
    number: int
    count: int


def _distances(piece: _Refits) -> tuple[list[float], dict[str, list[Distances]]]:
    """Draw at the best fit, fit, and measure how far each that converged is from its own best fit."""
    best, rng = piece.best, stream(piece.seed, "goodness", piece.number)
    data = draw(best.model, best.theta, _piece_size(best.model), rng)[: piece.count]
    fits = fit_many(best.model, data, best.theta, fixed=best.fixed)
    good = np.flatnonzero(fits.converged)
    statistics = [saturated(best.model, fits.theta[i], float(fits.value[i]), data[i]) for i in good]
    found = {
        look.channel.name: [look.distances(fits.theta[i], data[i].events[look.number]) for i in good]
        for look in looks(best)
    }
    return statistics, found


def _piece_size(model: Model) -> int:
    """How many pseudo-experiments are in memory at a time."""
    return _UNBINNED_PIECE if model.unbinned else PIECE


def goodness_of_fit_with_toys(
    best: Fit, *, count: int = 1000, seed: int = 0, executor: Executor | None = None
) -> GoodnessOfFit:
    """The p-values of goodness of fit from pseudo-experiments at the best fit, each of which is fitted itself.

    The data count as one of them, so that no p-value is zero (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9
    (2010) 39, eq. 2).

    Args:
        best: The best fit.
        count: How many pseudo-experiments.
        seed: The seed.
        executor: Where to compute; here by default.

    Raises:
        InputError: If `count` is not positive.
        WorkspaceError: If an unbinned channel has no reference.
    """
    if count < 1:
        raise InputError(f"{count} pseudo-experiments", expected="at least 1")
    asymptotic, size = goodness_of_fit(best), _piece_size(best.model)
    pieces = [
        _Refits(best, seed, number, min(size, count - begin)) for number, begin in enumerate(range(0, count, size))
    ]
    done: dict[int, tuple[list[float], dict[str, list[Distances]]]] = {}
    with progress("goodness of fit", total=count, unit="toys") as advance:
        for piece, found in map_unordered(executor or local_executor(1), _distances, pieces):
            done[piece.number] = found
            advance(piece.count, "")
    each = [done[number] for number in sorted(done)]
    values = [value for statistics, _ in each for value in statistics]
    return asymptotic.model_copy(
        update={
            "p_value": _tail(values, asymptotic.statistic),
            "method": "toys",
            "toys": count,
            "toy_statistics": values,
            "unbinned": {
                name: _with_toys(one, [distances for _, found in each for distances in found[name]])
                for name, one in asymptotic.unbinned.items()
            },
        }
    )


def _with_toys(found: UnbinnedGoodness, toys: Sequence[Distances]) -> UnbinnedGoodness:
    statistics, energies = ([float(getattr(one, name)) for one in toys] for name in Distances._fields)
    return found.model_copy(
        update={
            "p_value": _tail(statistics, found.statistic),
            "energy_p_value": _tail(energies, found.energy),
            "toy_statistics": statistics if found.statistic is not None else [],
            "toy_energies": energies if found.energy is not None else [],
        }
    )


def _tail(toys: Sequence[float], observed: float | None) -> float | None:
    if observed is None:
        return None
    return float((1 + np.count_nonzero(np.asarray(toys) >= observed)) / (1 + len(toys)))
