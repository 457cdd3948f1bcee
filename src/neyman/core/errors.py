"""The errors that neyman raises on purpose.

    NeymanError
    ├── InputError                   what the user gave cannot be used; exit code 2
    │   ├── ConfigError              a config file: unknown key, wrong type, missing value
    │   ├── DataError                events or parameters: NaN, missing column, out of range
    │   ├── ArtefactError            a trained network on disk: corrupt, foreign, incompatible
    │   ├── WorkspaceError           a statistical model: bins that do not match, a POI that is not there
    │   └── MissingDependencyError   an extra that is not installed
    └── NumericsError                the computation itself failed: divergence, no convergence

Each says what was found, what was expected, where, and what to try, in at most five lines.
"""

from __future__ import annotations

import difflib
import functools
import importlib
from collections.abc import Callable, Iterable
from types import ModuleType

MAX_LINES = 5


class NeymanError(Exception):
    """An error with a message meant for the person who caused it.

    Args:
        found: What was found, in one line.
        expected: What would have been right.
        where: File, line, column name or JSON path.
        hint: What to try next.
    """

    def __init__(self, found: str, *, expected: str = "", where: str = "", hint: str = "") -> None:
        self.found, self.expected, self.where, self.hint = found, expected, where, hint
        super().__init__(found, expected, where, hint)

    def __reduce__(self) -> tuple[Callable[..., NeymanError], tuple[str]]:
        """A worker process hands its errors to the parent; keyword-only arguments need help with that."""
        remake = functools.partial(type(self), expected=self.expected, where=self.where, hint=self.hint)
        return remake, (self.found,)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.found}" if self.where else self.found]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.hint:
            lines.append(f"  try: {self.hint}")
        return "\n".join("\n".join(lines).splitlines()[:MAX_LINES])


class InputError(NeymanError):
    """What the user gave cannot be used. The command line exits with code 2."""


class ConfigError(InputError):
    """A config file that cannot be used."""


class DataError(InputError):
    """Events or parameter values that cannot be used."""


class ArtefactError(InputError):
    """A trained network on disk that cannot be trusted or does not fit."""


class WorkspaceError(InputError):
    """A workspace, or what is asked of it, that cannot be used."""


class MissingDependencyError(InputError):
    """A library that belongs to an extra that is not installed."""


class NumericsError(NeymanError):
    """A computation that failed although its input was acceptable."""


def require(module: str, *, job: str) -> ModuleType:
    """Import an optional library, or say which extra brings it.

    Args:
        module: Name of the module, e.g. `"torch"`.
        job: The job that needs it, which is also the name of the extra.

    Raises:
        MissingDependencyError: If the module cannot be found.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise MissingDependencyError(
            f"{job} needs {module}, which is not installed", hint=f"pip install 'neyman[{job}]'"
        ) from error


def near(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known name, whatever the case; empty if none is near.

    Examples:
        >>> near("mu_sgi", ["lumi", "mu_sig"])
        "did you mean 'mu_sig'?"
        >>> near("PT", ["pt", "eta"])
        "did you mean 'pt'?"
    """
    names = list(known)
    small = {each.lower(): each for each in reversed(names)}
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    found = found or [small[each] for each in difflib.get_close_matches(name.lower(), small, n=1, cutoff=0.5)]
    return f"did you mean '{found[0]}'?" if found else ""
