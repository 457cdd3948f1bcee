"""How values are written in a fit config: names, formulas, edges of bins."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from neyman.core.config import Config
from neyman.core.errors import ConfigError
from neyman.fit.expressions import parse


def _listed(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    """One name stands for a list of one; a list without names would silently mean nothing."""
    if value is None or isinstance(value, str):
        return value if value is None else (value,)
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("at least one name; leave the key out for all")
        if twice := [name for name in value if value.count(name) > 1]:
            raise ValueError(f"each name once, not '{twice[0]}' twice")
    return value


def _text(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if not math.isfinite(value):
        raise ValueError("a finite number")
    return repr(value)


def _understood(text: str) -> str:
    try:
        parse(text)
    except ConfigError as error:
        details = f" ({error.expected})" if error.expected else ""
        raise ValueError(f"an expression that can be read: {error.found}{details}") from None
    return text


class UniformBinning(Config):
    """Bins of one width, as `{Bins: 10, Range: [500, 1500]}`.

    Attributes:
        Bins: Their number.
        Range: The lowest and the highest edge.
    """

    Bins: int = Field(ge=1, le=100_000)
    Range: tuple[float, float]


def _edges(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    if not isinstance(value, dict):
        return value
    uniform = UniformBinning.model_validate(value)
    return np.linspace(*uniform.Range, uniform.Bins + 1).tolist()


def _increasing(edges: tuple[float, ...]) -> tuple[float, ...]:
    if len(edges) < 2 or not all(low < high for low, high in pairwise(edges)):
        raise ValueError("at least two edges, each above the one before")
    return edges


Names = Annotated[tuple[str, ...] | None, BeforeValidator(_listed, json_schema_input_type=str | list[str] | None)]
Formula = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | float), AfterValidator(_understood)]
Edges = Annotated[
    tuple[float, ...],
    BeforeValidator(_edges, json_schema_input_type=list[float] | UniformBinning),
    AfterValidator(_increasing),
]
Label = Annotated[str, Field(min_length=1)]
