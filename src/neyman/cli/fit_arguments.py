"""Arguments that are more than a word: `mu=1`, `patchset.json:NAME`, `normsys=code1,histosys=code0`, `jes=JES_*`."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

from neyman.core.errors import InputError, near
from neyman.likelihood.workspace import Patch, PatchSet


def pairs(given: Iterable[str] | None, option: str) -> dict[str, str]:
    """`name=value`, several times.

    Raises:
        InputError: If one is something else, or a name comes twice.

    Examples:
        >>> pairs(["SR=signal", "CR=control"], "--channel")
        {'SR': 'signal', 'CR': 'control'}
    """
    found: dict[str, str] = {}
    for text in given or ():
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise InputError(f"found '{text}'", where=option, expected="two words with = between, as name=value")
        if name in found:
            raise InputError(f"'{name}' twice", where=option, expected="each name once")
        found[name] = value
    return found


def values(given: Iterable[str] | None, option: str) -> dict[str, float]:
    """`name=number`, several times.

    Raises:
        InputError: If one is something else, or not finite.

    Examples:
        >>> values(["mu=1", "jes=-0.5"], "--fix")
        {'mu': 1.0, 'jes': -0.5}
    """
    found = {}
    for name, text in pairs(given, option).items():
        try:
            found[name] = float(text)
        except ValueError:
            raise InputError(f"found '{name}={text}'", where=option, expected="a number, as mu=1") from None
        require_finite([found[name]], f"{option} {name}")
    return found


def require_finite(given: Sequence[float], option: str) -> None:
    """Refuse NaN and infinities.

    Raises:
        InputError: If there is one.
    """
    for value in given:
        if not math.isfinite(value):
            raise InputError(f"found {value}", where=option, expected="a finite number")


def require_range(given: tuple[float, float], option: str) -> None:
    """Refuse a range without extent.

    Raises:
        InputError: If the first value is not below the second, or one is not finite.
    """
    require_finite(given, option)
    if not given[0] < given[1]:
        raise InputError(f"found {given[0]:g} to {given[1]:g}", where=option, expected="the lower value first")


def interpolation(given: str | None) -> dict[str, Any]:
    """Interpolation codes as `Model.build` takes them.

    Raises:
        InputError: If there is no such code.
    """
    from neyman.likelihood.interpolation import HistosysCode, NormsysCode

    codes = {"normsys": get_args(NormsysCode), "histosys": get_args(HistosysCode)}
    found = pairs(given.split(",") if given is not None else (), "--interpolation")
    for kind, code in found.items():
        for word, known in ((kind, tuple(codes)), (code, codes.get(kind, ()))):
            if word not in known:
                raise InputError(
                    f"found '{word}' in '{kind}={code}'",
                    where="--interpolation",
                    expected=f"one of {', '.join(known)}",
                    hint=near(word, known),
                )
    return found


def groups(given: Iterable[str] | None, names: Sequence[str]) -> dict[str, list[str]]:
    """Names of parameters, by group, from patterns as `JES=jes_*,jer`.

    Raises:
        InputError: If nothing has such a name.

    Examples:
        >>> groups(["JES=jes_*"], ["mu", "jes_eta", "jes_pt"])
        {'JES': ['jes_eta', 'jes_pt']}
    """
    found: dict[str, list[str]] = {}
    for group, patterns in pairs(given, "--group").items():
        members: dict[str, None] = {}
        for pattern in (each.strip() for each in patterns.split(",")):
            # A name may hold brackets, as gamma[3], which a pattern would read as a choice of letters.
            here = [name for name in names if name == pattern or fnmatch.fnmatchcase(name, pattern)]
            if not here:
                raise InputError(f"no parameter '{pattern}'", where=f"--group {group}", hint=near(pattern, names))
            members.update(dict.fromkeys(here))
        found[group] = list(members)
    return found


def patches(given: Iterable[str] | None) -> list[Patch]:
    """JSON patches: files, or `patchset.json:NAME` for one of a set.

    Raises:
        InputError: If a file cannot be read, holds something else, or has no patch of that name.
    """
    found = []
    for text in given or ():
        file, colon, name = text.rpartition(":")
        of_a_set = colon and name and not Path(text).exists() and Path(file).is_file()
        found.append(PatchSet.load(file)[name] if of_a_set else Patch.of(text))
    return found
