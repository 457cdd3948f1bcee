"""B⁰→K*⁰(→K⁺π⁻)ℓ⁺ℓ⁻ as a function of a Wilson coefficient, with its exact density."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError
from neyman.events.columns import Schema
from neyman.events.events import Events
from neyman.simulation.eos.angles import LONGITUDINAL, NAMES, RATE, angular_functions
from neyman.simulation.eos.information import fisher_information
from neyman.simulation.eos.sampling import Sampler
from neyman.simulation.eos.tables import AngularTable, angular_table
from neyman.simulation.eos.window import check_options, check_window
from neyman.simulation.protocol import check_count, generator, theta_row, theta_rows

_FLOOR = 1e-12  # of the mean density: what lies below is rounding where the density has a zero
_GROUP = 8  # densities that are multiplied before their logarithm is taken


class BToKstarMuMu:
    r"""Unbinned B⁰→K*⁰μ⁺μ⁻ decays: q² and three angles, as a function of Re C9.

    The shape of the distribution is used, not the number of decays. Amplitudes are those of EOS
    (arXiv:2111.15428) with its default form factors; a P-wave K* of zero width, no S-wave. The tag BFS2004
    (QCD factorisation, Beneke, Feldmann and Seidel, hep-ph/0412400) is for large recoil, q² below about
    8 GeV²; GP2004 (Grinstein and Pirjol, hep-ph/0404250) for low recoil, q² above about 14 GeV². In between
    are the charmonium resonances, which no tag describes. Non-local charm effects have no uncertainty here.

    Angles are those of LHCb (arXiv:1512.04442), see `neyman.simulation.eos.angles`. EOS is asked for angular
    coefficients once (a few seconds, then kept in the cache); the density is their exact quadratic form in
    C9, within 2·10⁻⁶ of EOS.

    Args:
        q2: Window in q², GeV².
        tag: How amplitudes are calculated: BFS2004, GP2004, GvDV2020 or Naive.
        lepton: `mu`, or `e` with the coefficient C9 of electrons.
        flavour: `B0`, `B0bar`, or `average`: the CP average (dΓ + dΓ̄)/(Γ + Γ̄) that untagged decays follow.

    Raises:
        ConfigError: If an option is unknown or the window leaves the phase space.
        MissingDependencyError: If EOS is not installed.
        NumericsError: If splines cannot follow EOS in this window.

    Examples:
        >>> decay = BToKstarMuMu(q2=(1.1, 6.0))
        >>> observables = decay.observables(decay.standard_model)
        >>> {name: round(observables[name], 3) for name in ("F_L", "A_FB", "P5p")}
        {'F_L': 0.731, 'A_FB': -0.039, 'P5p': -0.361}
    """

    parameters: tuple[str, ...] = ("C9",)

    def __init__(
        self,
        q2: Sequence[float] = (1.0, 8.0),
        *,
        tag: str = "BFS2004",
        lepton: str = "mu",
        flavour: str = "average",
    ) -> None:
        self.options = check_options(q2, tag=tag, lepton=lepton, flavour=flavour)
        self.schema: Schema = self.options.schema()
        others = {"tag": tag, "lepton": lepton, "flavour": flavour}
        self.table: AngularTable = angular_table(self.options.q2, self.parameters, others)
        self._sampler = Sampler(self.table)
        self._rate: Float[np.ndarray, " m"] = self.table.integral(*self.options.q2) @ RATE

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in dataclasses.asdict(self.options).items())
        return f"BToKstarMuMu({options})"

    @property
    def standard_model(self) -> dict[str, float]:
        """The Standard Model's values of the parameters."""
        return dict(zip(self.parameters, self.table.center.tolist(), strict=True))

    def config(self) -> dict[str, Any]:
        """What an equal simulator can be rebuilt from."""
        options = dataclasses.asdict(self.options)
        return {"kind": "BToKstarMuMu", **options, "q2": list(self.options.q2)}

    def simulate(self, theta: Mapping[str, float], n_events: int, rng: np.random.Generator | int) -> Events:
        """One set of independent events; see `Simulator.simulate`."""
        rows = theta_row(theta, self.parameters)
        return Events.from_matrix(self.simulate_sets(rows, n_events, generator(rng))[0], self.schema)

    def simulate_sets(
        self, theta: Float[np.ndarray, "b d"], n_events: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "b n c"]:
        """Many sets of independent events at once; see `Simulator.simulate_sets`."""
        return self._sampler.draw(theta_rows(theta, self.parameters), check_count(n_events), rng)

    def terms(self, matrix: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n m"]:
        """What each event contributes: p(x|θ) = terms · b(θ) / (rate · b(θ)), b(θ) = `table.monomials(θ)`.

        They do not depend on θ: compute them once for events that are evaluated at many θ.
        """
        functions = angular_functions(matrix[:, 1], matrix[:, 2], matrix[:, 3])
        return np.asarray(np.einsum("nmi,ni->nm", self.table(matrix[:, 0]), functions))

    @property
    def rate_terms(self) -> Float[np.ndarray, " m"]:
        """The integral of `terms` over the window and all angles: Γ(θ) in units of the Standard Model's."""
        return self._rate

    def log_prob(self, theta: Mapping[str, float], events: Events) -> Float[np.ndarray, " n"]:
        """Logarithm of the normalised density, in GeV⁻² rad⁻¹."""
        rows = theta_row(theta, self.parameters)
        return np.asarray(np.log(self._density(rows, self._terms_of(events))[:, 0]))

    def score(self, theta: Mapping[str, float], events: Events) -> Float[np.ndarray, "n d"]:
        """Derivative of `log_prob` with respect to each parameter."""
        return self._score_grid(theta_row(theta, self.parameters), self._terms_of(events))[:, 0]

    def score_grid(
        self, grid: Float[np.ndarray, "g d"], matrix: Float[np.ndarray, "n 4"]
    ) -> Float[np.ndarray, "n g d"]:
        """The score of each event at many θ."""
        return self._score_grid(theta_rows(grid, self.parameters), self.terms(matrix))

    def fisher(self, theta: Mapping[str, float]) -> float:
        """Fisher's information of one event on C9, the only parameter: 1/√(N · fisher) bounds its error.

        Examples:
            >>> decay = BToKstarMuMu()
            >>> round((1000 * decay.fisher(decay.standard_model)) ** -0.5, 3)  # Cramér-Rao bound for 1000 events
            0.178
        """
        return float(self.fisher_matrix(theta).item())

    def fisher_matrix(self, theta: Mapping[str, float]) -> Float[np.ndarray, "d d"]:
        """Fisher's information of one event, by quadrature; see `TractableSimulator.fisher_matrix`."""
        rows = theta_row(theta, self.parameters)
        return fisher_information(self.table, self.table.monomials(rows)[0], self.table.gradients(rows)[0])

    def log_likelihood_grid(
        self, grid: Float[np.ndarray, "g d"], matrix: Float[np.ndarray, "n 4"]
    ) -> Float[np.ndarray, " g"]:
        """The log-likelihood of one set of events at many θ."""
        rows, terms = theta_rows(grid, self.parameters), self.terms(matrix)
        whole = len(terms) - len(terms) % _GROUP
        rest = np.log(self._density(rows, terms[whole:])).sum(axis=0)
        # One logarithm for eight events: eight densities of 1e-12 to 1e3 are far from the limits of a float.
        blocks = np.split(terms[:whole], _GROUP)
        product = self._density(rows, blocks[0])
        for block in blocks[1:]:
            product *= self._density(rows, block)
        return np.asarray(np.log(product).sum(axis=0) + rest)

    def angular_coefficients(
        self, q2: Float[np.ndarray, " n"], theta: Mapping[str, float]
    ) -> Float[np.ndarray, "n 12"]:
        """J_i(q²) with LHCb's signs, in the order of `angles.NAMES`, in EOS's units (GeV⁻¹).

        Raises:
            DataError: If a q² is outside the window.
        """
        self.schema.check("q2", q2)
        monomials = self.table.monomials(theta_row(theta, self.parameters))[0]
        return np.asarray(np.einsum("nmi,m->ni", self.table(q2), monomials)) * self.table.scale

    def observables(self, theta: Mapping[str, float], q2: Sequence[float] | None = None) -> dict[str, float]:
        """F_L, A_FB, P5' and the S_i, integrated over a bin in q², with LHCb's signs.

        S_i = 4/3 ⟨J_i⟩/⟨dΓ/dq²⟩ and A_FB = 3/4 S6s + 3/8 S6c (arXiv:0811.1214), P5' = S5/(2 √(−S2c S2s))
        (arXiv:1303.5794), all in LHCb's signs. For massless leptons P5' is LHCb's S5/√(F_L (1 − F_L))
        (arXiv:1512.04442); for muons in 1.1 < q² < 6 GeV² that is smaller by 2 %. With the flavour `average`
        they are CP averages.

        Args:
            theta: The parameters.
            q2: The bin, GeV², inside the window; None for the whole window.

        Raises:
            ConfigError: If the bin is not inside the window.
        """
        low, high = check_window(self.options.q2 if q2 is None else q2, self.options.q2)
        monomials = self.table.monomials(theta_row(theta, self.parameters))[0]
        integrated = monomials @ self.table.integral(low, high)
        s = dict(zip(NAMES, (4 / 3) * integrated / (integrated @ RATE), strict=True))
        longitudinal = float(integrated @ LONGITUDINAL / (integrated @ RATE))
        return {
            "F_L": longitudinal,
            "A_FB": float(0.75 * s["6s"] + 0.375 * s["6c"]),
            "P5p": float(s["5"] / (2 * np.sqrt(-s["2c"] * s["2s"]))),
            **{f"S{name}": float(s[name]) for name in ("3", "4", "5", "6s", "7", "8", "9")},
        }

    def _terms_of(self, events: Events) -> Float[np.ndarray, "n m"]:
        if events.schema.names != self.schema.names:
            raise DataError(
                f"events of {', '.join(events.schema.names)}", expected=f"columns {', '.join(self.schema.names)}"
            )
        matrix = events.matrix
        self.schema.check("q2", matrix[:, 0])  # they may come from a wider window
        return self.terms(matrix)

    def _score_grid(
        self, rows: Float[np.ndarray, "g d"], terms: Float[np.ndarray, "n m"]
    ) -> Float[np.ndarray, "n g d"]:
        gradients = self.table.gradients(rows).transpose(1, 0, 2)  # (m, g, d)
        rate = self._rate @ self.table.monomials(rows).T
        change = np.tensordot(terms, gradients / rate[:, None], axes=1)
        of_rate = np.tensordot(self._rate, gradients, axes=1) / rate[:, None]
        return np.asarray(change / self._density(rows, terms)[:, :, None] - of_rate)

    def _density(self, rows: Float[np.ndarray, "g d"], terms: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n g"]:
        monomials = self.table.monomials(rows).T
        density = terms @ (monomials / (self._rate @ monomials))
        return np.asarray(np.maximum(density, self._floor, out=density))

    @functools.cached_property
    def _floor(self) -> float:
        low, high = self.options.q2
        return _FLOOR / ((high - low) * 8 * np.pi)
