"""The JSON of a workspace: pyhf's format 1.0.0, and one modifier of our own, `polynomial`.

The models say what a document may look like; `checking` says whether it makes sense. A channel is binned; other kinds
would be told apart by a `type`, as modifiers are.
"""

from __future__ import annotations

import numbers
import sys
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictStr,
    field_validator,
)


def number(value: Any) -> int | float:  # noqa: ANN401 - whatever stands in the document
    """A finite number as it was written: 1 stays 1 and 1.0 stays 1.0, on which pyhf's digests depend."""
    plain: int | float
    if type(value) is float:  # most are, and the question of what else is a number takes longer
        plain = value
    elif isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError("a number")
    else:
        plain = int(value) if isinstance(value, numbers.Integral) else float(value)
    if not -MOST <= plain <= MOST:
        raise ValueError("a finite number")
    return plain


MOST = sys.float_info.max
# The serialiser changes nothing; without it pydantic finds out the type of each number, which takes ten times as long.
Number = Annotated[int | float, PlainValidator(number), PlainSerializer(lambda value: value)]
Numbers = Annotated[tuple[Number, ...], Field(min_length=1)]
Name = Annotated[StrictStr, Field(min_length=1)]
Power = Annotated[int, Field(strict=True, ge=0)]


class Node(BaseModel):
    """Base of all parts of a document: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NormFactor(Node):
    """A free factor on the yield of a sample."""

    name: Name
    type: Literal["normfactor"]
    data: None


class NormSysData(Node):
    """Relative yields at -1 and +1 standard deviation."""

    lo: Number
    hi: Number


class NormSys(Node):
    """A systematic uncertainty of the yield, with a normal constraint."""

    name: Name
    type: Literal["normsys"]
    data: NormSysData


class HistoSysData(Node):
    """Yields in each bin at -1 and +1 standard deviation."""

    lo_data: Numbers
    hi_data: Numbers


class HistoSys(Node):
    """A systematic uncertainty of yields that moves all bins together, with a normal constraint."""

    name: Name
    type: Literal["histosys"]
    data: HistoSysData


class ShapeSys(Node):
    """Uncertainties of the yield, independent in each bin, with Poisson constraints; `data` are absolute."""

    name: Name
    type: Literal["shapesys"]
    data: Numbers


class StatError(Node):
    """Statistical uncertainties of simulation, shared by the samples of a channel, with normal constraints."""

    name: Name
    type: Literal["staterror"]
    data: Numbers


class ShapeFactor(Node):
    """A free factor in each bin."""

    name: Name
    type: Literal["shapefactor"]
    data: None


class Lumi(Node):
    """The luminosity, with a normal constraint that each measurement describes."""

    name: Literal["lumi"]
    type: Literal["lumi"]
    data: None


class Term(Node):
    """One term of a polynomial: a coefficient times powers of parameters."""

    coefficient: Number
    powers: dict[StrictStr, Power]


class PolynomialData(Node):
    """A polynomial: the parameters that it depends on, and its terms."""

    parameters: Annotated[tuple[Name, ...], Field(min_length=1)]
    terms: Annotated[tuple[Term, ...], Field(min_length=1)]


class Polynomial(Node):
    """A factor on the yield that is a polynomial of free parameters: interference, Wilson coefficients.

    This is neyman's own; pyhf refuses a workspace that has one.
    """

    name: Name
    type: Literal["polynomial"]
    data: PolynomialData


Modifier = Annotated[
    NormFactor | NormSys | HistoSys | ShapeSys | StatError | ShapeFactor | Lumi | Polynomial,
    Field(discriminator="type"),
]


class Sample(Node):
    """The expected yields of one process, and what changes them."""

    name: Name
    data: Numbers
    modifiers: tuple[Modifier, ...]


class Channel(Node):
    """A histogram, as the sum of its samples."""

    name: Name
    samples: Annotated[tuple[Sample, ...], Field(min_length=1)]


class Observation(Node):
    """The observed counts of the channel with the same name."""

    name: Name
    data: Numbers


class ParameterConfig(Node):
    """How a measurement treats a parameter; what is absent is as the modifier says."""

    name: Name
    inits: Numbers | None = None
    bounds: Annotated[tuple[tuple[Number, Number], ...], Field(min_length=1)] | None = None
    auxdata: Numbers | None = None
    factors: Numbers | None = None
    sigmas: Numbers | None = None
    fixed: StrictBool | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _absent_is_not_null(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the document
        if value is None:
            raise ValueError("a value, or no such key")
        return value


class MeasurementConfig(Node):
    """The parameter of interest, `""` for none, and how parameters are treated."""

    poi: StrictStr
    parameters: tuple[ParameterConfig, ...]


class Measurement(Node):
    """One way to use the model: what is measured, and where parameters start and are constrained."""

    name: Name
    config: MeasurementConfig

    @property
    def poi(self) -> str | None:
        """The name of the parameter of interest, if there is one."""
        return self.config.poi or None


class Document(Node):
    """The whole workspace."""

    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1)]
    observations: Annotated[tuple[Observation, ...], Field(min_length=1)]
    version: Literal["1.0.0"]
