"""The files that the example reads: trees of three processes, and density ratios that need no training.

python make_files.py [FOLDER]

An event has a mass and a balance, whose densities are Gaussian and exponential, and a score that says how much it looks
like signal. All three are independent of each other for a given process, so the density ratios that a network would
learn are known in closed form. `scale` moves all masses, `recoil` all balances. The points are not drawn at random but
spread evenly (a low-discrepancy sequence), so few of them are like many.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import uproot
from scipy.stats import expon, norm, truncexpon, truncnorm
from scipy.stats.distributions import rv_frozen

EVENTS = 3000
LOW, HIGH = 60.0, 160.0
SIGNAL_REGION = -1.0, 4.5

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Process:
    """A process and its densities: a peak has a mean mass and a width, a falling spectrum a length alone."""

    expected: float
    score: float
    balance: float
    length: float = 0.0
    mean: float = 0.0
    width: float = 0.0

    @property
    def mass(self) -> rv_frozen:
        """The distribution of its mass, between 60 and 160 GeV."""
        if self.length:
            return truncexpon((HIGH - LOW) / self.length, loc=LOW, scale=self.length)
        edges = (LOW - self.mean) / self.width, (HIGH - self.mean) / self.width
        return truncnorm(*edges, loc=self.mean, scale=self.width)

    def density(self, mass: np.ndarray, balance: np.ndarray) -> np.ndarray:
        """The density of events in mass and balance; it is the same in every region of the score."""
        return self.mass.pdf(mass) * expon(scale=self.balance).pdf(balance)

    def events(self) -> Columns:
        """The columns of its tree."""
        first, second, third = _even_points(EVENTS).T
        return {
            "mass": self.mass.ppf(first).astype("f4"),
            "balance": expon(scale=self.balance).ppf(second).astype("f4"),
            "presel_score": norm(self.score, 1.8).ppf(third).astype("f4"),
            "weights": np.full(EVENTS, self.expected / EVENTS),
        }


PROCESSES = {
    "signal": Process(expected=150, score=2.0, balance=0.6, mean=125, width=6),
    "zboson": Process(expected=1500, score=0.5, balance=1.0, mean=91, width=8),
    "continuum": Process(expected=4000, score=-1.5, balance=1.4, length=60),
}


def varied(process: Process, systematic: str, sigmas: int) -> Process:
    """A process under a systematic: densities change, and so does the yield."""
    if systematic == "scale":
        factor = 1 + 0.01 * sigmas
        lengths = {name: getattr(process, name) * factor for name in ("length", "mean", "width")}
        return replace(process, expected=process.expected * (1 + 0.02 * sigmas), **lengths)
    balance = process.balance * (1 + 0.05 * sigmas)
    return replace(process, expected=process.expected * (1 - 0.03 * sigmas), balance=balance)


def _even_points(count: int) -> np.ndarray:
    """Points in the unit cube (R. L. Roberts' sequence R3)."""
    root = 1.2207440846057596  # of x⁴ = x + 1
    return (0.5 + np.arange(1, count + 1)[:, None] * root ** -np.arange(1.0, 4.0)) % 1


def make(folder: Path) -> None:
    """Write everything."""
    (folder / "ratios").mkdir(parents=True, exist_ok=True)
    sides = {f"{name}_{side}": (name, sign) for name in ("scale", "recoil") for side, sign in (("up", 1), ("dn", -1))}
    _write_trees(folder / "dataset_nominal.root", PROCESSES)
    for label, side in sides.items():
        shifted = {name: varied(process, *side) for name, process in PROCESSES.items()}
        _write_trees(folder / f"dataset_{label}.root", shifted)

    # The "observed" events of the signal region: simulation, weighted to what is expected.
    selected = {name: _in_signal_region(process.events()) for name, process in PROCESSES.items()}
    mass, balance, weights = (
        np.concatenate([columns[key] for columns in selected.values()]).astype(float)
        for key in ("mass", "balance", "weights")
    )
    np.save(folder / "asimov_weights.npy", weights)

    # The same events stand for the reference, which has equal parts of all processes.
    counts = [len(columns["mass"]) for columns in selected.values()]
    np.save(folder / "reference_weights.npy", np.repeat(1 / (len(counts) * np.array(counts)), counts))

    nominal = {name: process.density(mass, balance) for name, process in PROCESSES.items()}
    reference = np.mean(list(nominal.values()), axis=0)
    for name, process in PROCESSES.items():
        np.save(folder / "ratios" / f"{name}.npy", (nominal[name] / reference).astype("f4"))
        for label, side in sides.items():
            ratio = varied(process, *side).density(mass, balance) / nominal[name]
            np.save(folder / "ratios" / f"{name}_{label}.npy", ratio.astype("f4"))


def _in_signal_region(columns: Columns) -> Columns:
    low, high = SIGNAL_REGION
    inside = (columns["presel_score"] >= low) & (columns["presel_score"] <= high)
    return {name: column[inside] for name, column in columns.items()}


def _write_trees(path: Path, processes: dict[str, Process]) -> None:
    with uproot.recreate(path) as file:
        for name, process in processes.items():
            columns = process.events()
            file.mktree(f"tree_{name}", {key: column.dtype for key, column in columns.items()})
            file[f"tree_{name}"].extend(columns)


if __name__ == "__main__":
    make(Path(sys.argv[1] if len(sys.argv) > 1 else "saved_datasets"))
