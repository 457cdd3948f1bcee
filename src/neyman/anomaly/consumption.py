"""What a computation cost: CPU time, and energy where the machine measures it.

Intel and recent AMD processors count the energy of a whole package (Running Average Power Limit, RAPL); Linux shows
it under `/sys/class/powercap`. It is of all that runs on the package, and often readable for root alone. Where it
is not, the energy is an *estimate*: CPU time at a stated power per core, without memory, cooling and idle cores.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WATTS_PER_CORE = 10.0
"""A core of a server under load, from 5 to 15 W by processor: 150 W of thermal design power over 16 cores."""
RAPL = Path("/sys/class/powercap")


@dataclass
class Consumption:
    """CPU time and energy.

    Attributes:
        cpu_seconds: CPU time of this process and its children.
        joules: Energy that was measured; None where the machine does not say.
    """

    cpu_seconds: float = 0.0
    joules: float | None = None

    @property
    def estimated_joules(self) -> float:
        """CPU time at `WATTS_PER_CORE`.

        Examples:
            >>> Consumption(cpu_seconds=120.0).estimated_joules
            1200.0
        """
        return self.cpu_seconds * WATTS_PER_CORE

    def in_words(self) -> str:
        """One sentence that says which of the two it is.

        Examples:
            >>> Consumption(cpu_seconds=120.0).in_words()
            '120 CPU-s; energy not measured, about 1.2 kJ at an assumed 10 W per core'
            >>> Consumption(cpu_seconds=120.0, joules=2500.0).in_words()
            '120 CPU-s; 2.5 kJ measured by RAPL, of all that ran on the processor meanwhile'
        """
        if self.joules is None:
            return (
                f"{self.cpu_seconds:,.0f} CPU-s; energy not measured, about {_amount(self.estimated_joules)} at an"
                f" assumed {WATTS_PER_CORE:g} W per core"
            )
        return (
            f"{self.cpu_seconds:,.0f} CPU-s; {_amount(self.joules)} measured by RAPL, of all that ran on the processor"
            " meanwhile"
        )


@contextlib.contextmanager
def consumption(counters: Path = RAPL) -> Iterator[Consumption]:
    """Measure a block; what it gives is filled in when the block ends.

    Args:
        counters: Where Linux shows the counters of energy.

    Examples:
        >>> with consumption() as used:
        ...     _ = sum(range(1000))
        >>> used.cpu_seconds >= 0
        True
    """
    found = Consumption()
    packages = _packages(counters)
    before, cpu = [_joules(package) for package in packages], _cpu_seconds()
    try:
        yield found
    finally:
        found.cpu_seconds = _cpu_seconds() - cpu
        after = [_joules(package) for package in packages]
        spent = [_difference(package, a, b) for package, a, b in zip(packages, before, after, strict=True)]
        if spent and all(each is not None for each in spent):
            found.joules = sum(each for each in spent if each is not None)


def _cpu_seconds() -> float:
    import os

    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _packages(counters: Path) -> list[Path]:
    """One folder a processor; their parts, such as memory, are inside and not counted again."""
    return sorted(
        path.parent for path in counters.glob("intel-rapl:[0-9]*/energy_uj") if path.parent.name.count(":") == 1
    )


def _joules(package: Path) -> float | None:
    try:
        return 1e-6 * float((package / "energy_uj").read_text())
    except (OSError, ValueError):  # for root alone, or nothing behind it
        return None


def _difference(package: Path, before: float | None, after: float | None) -> float | None:
    """The counter begins anew at its end, once an hour or so."""
    if before is None or after is None:
        return None
    if after >= before:
        return after - before
    try:
        return after - before + 1e-6 * float((package / "max_energy_range_uj").read_text())
    except (OSError, ValueError):
        return None


def _amount(joules: float) -> str:
    unit, size = next(((unit, size) for unit, size in (("MJ", 1e6), ("kJ", 1e3)) if joules >= size), ("J", 1.0))
    return f"{float(f'{joules / size:.2g}'):g} {unit}"
