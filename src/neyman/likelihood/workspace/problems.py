"""What is wrong with a document, and where; told one at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from neyman.core.errors import WorkspaceError

LONGEST = 60
"""Characters of one value or name in a message."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        path: JSON path, as `$.channels[0].samples[1].data`.
        found: What stands there.
        expected: What would have been right.
        hint: What to try.
    """

    path: str
    found: str
    expected: str = ""
    hint: str = ""


def error(problems: Sequence[Problem], *, where: str) -> WorkspaceError:
    """The error that tells the first problem, and how many more there are.

    Args:
        problems: One at least.
        where: The file, or what the document is.
    """
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return WorkspaceError(
        first.found + more,
        expected=first.expected,
        where=f"{where}: {first.path}" if where else first.path,
        hint=first.hint,
    )


def check_unique(names: Iterable[str], path: str, what: str) -> Iterator[Problem]:
    """Names that stand twice in a list."""
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in first:
            found = f"{what} {shown(name)} stands twice, first in {path}[{first[name]}]"
            yield Problem(f"{path}[{index}]", found, "each name once")
        first.setdefault(name, index)


def json_path(parts: Iterable[str | int]) -> str:
    """The JSON path of keys and indices.

    Examples:
        >>> json_path(["channels", 2, "samples", 0, "data"])
        '$.channels[2].samples[0].data'
    """
    return "$" + "".join(_step(part) for part in parts)


def _step(part: str | int) -> str:
    if isinstance(part, str) and part.isidentifier() and len(part) <= LONGEST:
        return f".{part}"
    return f"[{shown(part)}]"


def shown(value: object, longest: int = LONGEST) -> str:
    """A JSON value as a message shows it: in one line, and short.

    Args:
        value: The value.
        longest: Most characters of a text or a number.

    Examples:
        >>> shown(float("nan")), shown(None), shown([1, 2]), shown("mu")
        ('NaN', 'null', 'a list of 2', "'mu'")
    """
    if isinstance(value, dict | list | tuple):
        return _shown_container(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("infinity" if value > 0 else "-infinity")
    if isinstance(value, int) and value.bit_length() > 1000:
        return "a number of hundreds of digits"
    text = repr(value) if isinstance(value, str | int | float) else f"a {type(value).__module__}.{type(value).__name__}"
    return text if len(text) <= longest else f"{text[: longest - 4]}...{text[-1]}"


def _shown_container(value: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> str:
    kind = "object" if isinstance(value, dict) else "list"
    if not value:
        return f"an empty {kind}"
    return "an object" if kind == "object" else f"a list of {len(value)}"


def listed(names: Iterable[str]) -> str:
    """Names in a message: eight at most.

    Examples:
        >>> listed(f"bin{i}" for i in range(12))
        'bin0, bin1, bin2, bin3, bin4, bin5, bin6, bin7 and 4 more'
    """
    names = [name if len(name) <= 30 and name.isprintable() else shown(name[:25], 40) for name in names]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
