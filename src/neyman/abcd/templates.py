"""Expected yields in the four regions, bin by bin: what the fits see of the events.

| region | first score | second score | |
|---|---|---|---|
| A | high | low | |
| B | high | high | where the signal is looked for |
| C | low | low | |
| D | low | high | |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError, near
from neyman.core.files import read_json, write_json

REGIONS = ("A", "B", "C", "D")
"""The regions, in the order of the last axis of all arrays."""

_LARGEST = 10**300
_YIELDS = ("background", "signal", "observed", "variance")
_KEYS = ("background", "signal", "observed", "delta", "variance")


@dataclass(frozen=True, eq=False)
class Templates:
    """Yields per bin of the final discriminant and region, in events.

    Attributes:
        background: Expected background, shape (bins, 4).
        signal: Expected signal of strength 1, shape (bins, 4).
        observed: Observed events, shape (bins, 4); None if the data are blinded or not there.
        delta: Relative non-closure B·C/(A·D) − 1 that the fits allow for, shape (bins,); the background's if None.
        variance: Sum of squared weights of the background, shape (bins, 4); None if its statistics are not a matter.

    Raises:
        DataError: If a number is not finite or negative, shapes differ, there is no signal in B, or a yield that the
            non-closure is computed from is zero.

    Examples:
        >>> Templates(background=[[400, 55, 4000, 500]], signal=[[1, 15, 0.2, 1]]).non_closure
        array([0.1])
    """

    background: Float[np.ndarray, "bins 4"]
    signal: Float[np.ndarray, "bins 4"]
    observed: Float[np.ndarray, "bins 4"] | None = None
    delta: Float[np.ndarray, " bins"] | None = None
    variance: Float[np.ndarray, "bins 4"] | None = None

    def __init__(
        self,
        background: Any,  # noqa: ANN401
        signal: Any,  # noqa: ANN401
        observed: Any = None,  # noqa: ANN401
        delta: Any = None,  # noqa: ANN401
        variance: Any = None,  # noqa: ANN401
        *,
        where: str = "",
    ) -> None:
        given = {"background": background, "signal": signal, "observed": observed, "delta": delta, "variance": variance}
        arrays = {
            name: None if values is None else _array(values, _path(where, name)) for name, values in given.items()
        }
        _check(arrays, where)
        for name, array in arrays.items():
            object.__setattr__(self, name, array)

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.background)

    @property
    def non_closure(self) -> Float[np.ndarray, " bins"]:
        """Relative non-closure δ of each bin: `delta`, or B·C/(A·D) − 1 of the background."""
        if self.delta is not None:
            return self.delta
        a, b, c, d = self.background.T
        return np.asarray(b / a * (c / d) - 1)

    @classmethod
    def load(cls, path: Path) -> Templates:
        """Read a JSON file.

        Raises:
            InputError: If it is absent or is not JSON.
            DataError: If it does not hold templates, with the JSON path.
        """
        return cls.from_document(read_json(path), where=str(path))

    def save(self, path: Path) -> None:
        """Write a JSON file that `load` reads."""
        write_json(path, self.to_document())

    @classmethod
    def from_document(cls, document: object, where: str = "") -> Templates:
        """Templates from what a JSON file holds.

        Args:
            document: `{"background": {"A": [...], "B": ..., "C": ..., "D": ...}, "signal": {...}}`, with `observed`,
                `delta` (a list) and `variance` if they are known. Bins in a row.
            where: File name, for messages.

        Raises:
            DataError: If something is missing or cannot be used, with its JSON path.
        """
        if not isinstance(document, Mapping):
            raise DataError(f"{_kind(document)}", where=_path(where), expected='{"background": {...}, "signal": {...}}')
        for name in document:
            if name not in _KEYS:
                hint = near(str(name), _KEYS)
                raise DataError(f"unknown key '{name}'", where=_path(where), expected=", ".join(_KEYS), hint=hint)
        found: dict[str, Any] = {}
        for name in _KEYS:
            if document.get(name) is not None:
                part = document[name]
                found[name] = _regions(part, name, where) if name in _YIELDS else _numbers(part, _path(where, name))
            elif name in {"background", "signal"}:
                raise DataError(f"no '{name}'", where=_path(where), expected="background and signal in A, B, C and D")
        return cls(**found, where=where)

    def to_document(self) -> dict[str, Any]:
        """The JSON object that `from_document` reads."""
        document: dict[str, Any] = {}
        for name in _KEYS:
            array = getattr(self, name)
            if array is not None:
                rows = array.T.tolist()
                document[name] = dict(zip(REGIONS, rows, strict=True)) if name in _YIELDS else rows
        return document


def _path(where: str, *keys: str | int) -> str:
    """File and JSON path, as `limits.json: $.background.A[3]`."""
    path = "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return f"{where}: {path}" if where else path


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), f"the number {value}" if isinstance(value, int | float) else type(value).__name__)


def _bins(number: int) -> str:
    return "1 bin" if number == 1 else f"{number} bins"


def _numbers(values: object, where: str) -> Float[np.ndarray, " bins"]:
    if not isinstance(values, list) or not values:
        what = "an empty list" if values == [] else _kind(values)
        raise DataError(what, where=where, expected="a list of numbers, one for each bin")
    for i, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DataError(_kind(value), where=f"{where}[{i}]", expected="a number")
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise DataError("an integer of too many digits", where=f"{where}[{i}]", expected="a finite number")
    return np.array(values, float)


def _regions(part: object, name: str, where: str) -> Float[np.ndarray, "bins 4"]:
    if not isinstance(part, Mapping):
        raise DataError(_kind(part), where=_path(where, name), expected='{"A": [...], "B": [...], "C": ..., "D": ...}')
    for key in part:
        if key not in REGIONS:
            raise DataError(f"unknown region '{key}'", where=_path(where, name), expected="A, B, C and D")
    for region in REGIONS:
        if region not in part:
            raise DataError(f"no region '{region}'", where=_path(where, name), expected="A, B, C and D")
    rows = [_numbers(part[region], _path(where, name, region)) for region in REGIONS]
    for region, row in zip(REGIONS, rows, strict=True):
        if len(row) != len(rows[0]):
            place = _path(where, name, region)
            raise DataError(_bins(len(row)), where=place, expected=f"{len(rows[0])}, as in region A")
    return np.stack(rows, axis=1)


def _array(values: object, where: str) -> Float[np.ndarray, " ..."]:
    """A read-only copy in double precision."""
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise DataError("not an array of numbers", where=where) from None
    array.flags.writeable = False
    return array


def _check(arrays: Mapping[str, Float[np.ndarray, " ..."] | None], where: str) -> None:
    background = arrays["background"]
    if background is None or background.ndim != 2 or background.shape[1] != 4 or not len(background):
        shape = () if background is None else background.shape
        expected = "(bins, 4), regions in the order A, B, C, D"
        raise DataError(f"an array of shape {shape}", where=_path(where, "background"), expected=expected)
    for name, array in arrays.items():
        if array is not None:
            shape = background.shape if name in _YIELDS else background.shape[:1]
            if array.shape != shape:
                found = _bins(len(array)) if array.ndim == len(shape) else f"an array of shape {array.shape}"
                expected = f"{_bins(shape[0])}, as the background" if array.ndim == len(shape) else f"shape {shape}"
                raise DataError(found, where=_path(where, name), expected=expected)
            _check_numbers(name, array, where)
    signal = arrays["signal"]
    if signal is not None and not signal[:, 1].sum() > 0:
        hint = "B is where both scores are high: are the regions swapped?"
        raise DataError("no signal in B", where=_path(where, "signal", "B"), expected="a bin above zero", hint=hint)
    for name in ("background",) if arrays["delta"] is None or arrays["variance"] is not None else ():
        _forbid(
            background == 0,
            background,
            name,
            where=where,
            expected="above zero",
            hint="merge this bin with its neighbour",
        )


def _check_numbers(name: str, array: Float[np.ndarray, " ..."], where: str) -> None:
    _forbid(~np.isfinite(array), array, name, where=where, expected="a finite number", hint="")
    if name == "delta":
        _forbid(array <= -1, array, name, where=where, expected="above −1: B is predicted as (1 + δ)·A·D/C", hint="")
    else:
        hint = "merge this bin with its neighbour" if name == "background" else ""
        _forbid(array < 0, array, name, where=where, expected="zero or above", hint=hint)


def _forbid(
    wrong: np.ndarray, array: Float[np.ndarray, " ..."], name: str, *, where: str, expected: str, hint: str
) -> None:
    """Raise a DataError that names the first entry that is wrong."""
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        keys = (name, REGIONS[first[1]], first[0]) if array.ndim == 2 else (name, first[0])
        raise DataError(f"{array[first]:g}", where=_path(where, *keys), expected=expected, hint=hint)
