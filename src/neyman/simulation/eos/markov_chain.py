"""EOS's own Markov chain: what the exact sampler is checked against."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.core.errors import ConfigError
from neyman.core.random import seed_from
from neyman.events.columns import Schema
from neyman.events.events import Events
from neyman.simulation.eos.amplitudes import CONJUGATE, eos_options, eos_parameters, load_eos
from neyman.simulation.eos.window import check_options
from neyman.simulation.protocol import check_count, generator, theta_row, theta_rows

PDF = "B->K^*ll::P(q2,cos(theta_l),cos(theta_K),phi)"
"""EOS's normalised density in the angles of LHCb."""

_NAMES = ("q2", "cos(theta_l)", "cos(theta_K)", "phi")


class BToKstarMuMuMarkovChain:
    """B⁰→K*⁰μ⁺μ⁻ decays of one flavour from EOS's adaptive Markov chain.

    Use `BToKstarMuMu` for all but cross-checks. Events of a chain are **not independent**: at stride 10 their
    integrated autocorrelation time is 3 to 10 and a fifth to a third of them repeat another exactly, so that
    1000 of them tell as much as 100 to 400 independent ones (measure it with
    `neyman.diagnostics.autocorrelation.integrated_autocorrelation_time`). One event of BFS2004 takes about
    0.1 s. EOS has no CP-averaged density: the flavour is one of the two.

    Args:
        q2: Window in q², GeV².
        tag: How amplitudes are calculated, as for `BToKstarMuMu`.
        lepton: `mu` or `e`.
        flavour: `B0bar`, EOS's default, or `B0`.
        stride: Steps of the chain per event that is kept.
        pre_N: Steps of each run in advance, which adapt the proposal and are discarded.
        preruns: How many of these.
        chains: Independent chains per set, each from a start of its own; their events stand one chain after another.

    Raises:
        ConfigError: If an option is unknown, the window leaves the phase space, or a number is below one.
        MissingDependencyError: If EOS is not installed.
    """

    parameters: tuple[str, ...] = ("C9",)

    def __init__(
        self,
        q2: Sequence[float] = (1.0, 8.0),
        *,
        tag: str = "BFS2004",
        lepton: str = "mu",
        flavour: str = "B0bar",
        stride: int = 10,
        pre_N: int = 200,
        preruns: int = 2,
        chains: int = 1,
    ) -> None:
        if flavour == "average":
            raise ConfigError("EOS has no CP-averaged density", expected="flavour B0bar or B0")
        self.options = check_options(q2, tag=tag, lepton=lepton, flavour=flavour)
        self.schema: Schema = self.options.schema()
        self.chain = {"stride": stride, "pre_N": pre_N, "preruns": preruns, "chains": chains}
        for name, value in self.chain.items():
            if value < 1:
                raise ConfigError(f"{name} is {value}", expected="at least 1")

    def simulate(self, theta: Mapping[str, float], n_events: int, rng: np.random.Generator | int) -> Events:
        """One set of events, which are not independent; see `Simulator.simulate`."""
        rows = theta_row(theta, self.parameters)
        return Events.from_matrix(self.simulate_sets(rows, n_events, generator(rng))[0], self.schema)

    def simulate_sets(
        self, theta: Float[np.ndarray, "b d"], n_events: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "b n c"]:
        """Sets of events one after the other; see `Simulator.simulate_sets`."""
        rows, n = theta_rows(theta, self.parameters), check_count(n_events)
        sizes = [len(part) for part in np.array_split(np.arange(n), min(n, self.chain["chains"]))]
        return np.stack([np.concatenate([self._run(row, size, rng) for size in sizes]) for row in rows])

    def config(self) -> dict[str, Any]:
        """What an equal simulator can be rebuilt from."""
        options = dataclasses.asdict(self.options)
        return {"kind": "BToKstarMuMuMarkovChain", **options, "q2": list(self.options.q2), **self.chain}

    def _run(self, row: Float[np.ndarray, " d"], n: int, rng: np.random.Generator) -> Float[np.ndarray, "n 4"]:
        """One chain."""
        eos, options = load_eos(), self.options
        kinematics = {name: 0.5 * (low + high) for name, low, high in self._variables()}
        for name, low, high in self._variables():
            kinematics |= {f"{name}_min": low, f"{name}_max": high}
        choice = eos_options(options.tag, options.lepton, CONJUGATE[options.flavour][0])
        old = np.random.RandomState(seed_from(rng))  # the only kind that pypmc takes
        lengths = {name: self.chain[name] for name in ("stride", "pre_N", "preruns")}
        with eos_parameters(row, self.parameters, options.lepton) as (values, _), _quiet():
            pdf = eos.SignalPDF.make(PDF, values, eos.Kinematics(**kinematics), choice)
            samples, _ = pdf.sample_mcmc(N=n, rng=old, **lengths)
        order = [variable.name() for variable in pdf.variables]
        return np.stack([samples[:, order.index(name)] for name, *_ in self._variables()], axis=1)

    def _variables(self) -> list[tuple[str, float, float]]:
        """What EOS calls each column, with its range."""
        return [(name, column.low, column.high) for name, column in zip(_NAMES, self.schema.columns, strict=True)]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the progress bars and the log that EOS writes to stderr while a chain runs."""
    log = logging.getLogger("EOS")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            # pypmc uses what SciPy and NumPy have deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            yield
    finally:
        log.setLevel(level)
