"""The schema of events: what each column is called, its unit, its range, whether it is periodic."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from neyman.core.errors import DataError
from neyman.core.files import finite


@dataclass(frozen=True, kw_only=True)
class Column:
    """One variable of an event.

    Attributes:
        name: The name in files and in code.
        unit: Its unit, `"1"` if it has none.
        low: Lowest allowed value, in that unit.
        high: Highest allowed value, in that unit.
        periodic: Whether `low` and `high` are the same point, as for an angle.
        label: How a figure writes it, in LaTeX.
        role: Whether it is a variable that was measured or a condition that is given.
    """

    name: str
    unit: str = "1"
    low: float = -np.inf
    high: float = np.inf
    periodic: bool = False
    label: str = ""
    role: Literal["observable", "condition"] = "observable"

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise DataError(f"column '{self.name}' goes from {self.low} to {self.high}", expected="low below high")
        if self.periodic and not np.isfinite(self.high - self.low):
            raise DataError(f"column '{self.name}' is periodic without a period", expected="finite low and high")

    @property
    def axis_label(self) -> str:
        """Label and unit as they stand on an axis."""
        text = self.label or self.name
        return text if self.unit == "1" else f"{text} [{self.unit}]"


@dataclass(frozen=True)
class Schema:
    """The columns of a kind of events, in order.

    Raises:
        DataError: If there is no column, or two have the same name.
    """

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        if not self.columns:
            raise DataError("a schema without columns", expected="at least one")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise DataError(f"column '{twice[0]}' stands twice in the schema", expected="each name once")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise DataError(f"no column '{name}' in the schema", expected=f"one of {', '.join(self.names)}")

    def check(self, name: str, values: np.ndarray, *, where: str = "") -> None:
        """Refuse values that the column cannot have.

        Raises:
            DataError: For NaN, infinities, or values outside the range, with the first row and the count.
        """
        column = self[name]
        bad = ~np.isfinite(values)
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"column '{name}' is {values[row]} in row {row} ({int(bad.sum())} of {len(values)} rows not finite)",
                where=where,
                expected="finite numbers",
                hint="drop these events, or find out why they are there",
            )
        outside = (values < column.low) | (values > column.high)
        if outside.any():
            row = int(np.argmax(outside))
            raise DataError(
                f"column '{name}' is {values[row]:.6g} in row {row} ({int(outside.sum())} of {len(values)} rows)",
                where=where,
                expected=f"{column.low:.6g} to {column.high:.6g}" + (f" {column.unit}" if column.unit != "1" else ""),
                hint=_range_hint(column, values),
            )

    def to_json(self) -> list[dict[str, Any]]:
        """The schema as JSON can hold it: no bound is null."""
        return [finite(asdict(column)) for column in self.columns]

    @classmethod
    def from_json(cls, columns: Any, *, where: str = "") -> Schema:  # noqa: ANN401 - whatever was in the file
        """The schema that `to_json` wrote.

        Raises:
            DataError: If it is something else.
        """
        try:
            return cls(tuple(_column_from_json(column) for column in columns))
        except (TypeError, ValueError, AttributeError) as error:
            raise DataError(f"not a schema: {error}", where=where, expected="a list of columns") from error


def _column_from_json(column: Any) -> Column:  # noqa: ANN401 - whatever was in the file
    given: dict[str, Any] = dict(column)
    for bound in ("low", "high"):
        if given.get(bound, 0.0) is None:
            del given[bound]
    return Column(**given)


def _range_hint(column: Column, values: np.ndarray) -> str:
    largest = float(np.abs(values).max())
    if column.unit == "rad" and column.low == -np.pi and np.pi < largest <= 2 * np.pi and float(values.min()) >= 0:
        return f"if {column.name} goes from 0 to 2π, subtract 2π from what is above π"
    if column.unit == "rad" and np.pi < largest <= 360:
        return f"if {column.name} is in degrees, convert it to radians"
    if column.unit == "GeV^2" and largest > 1e4:
        return f"if {column.name} is in MeV^2, divide it by 1e6"
    return f"select events inside the range of {column.name} before"
