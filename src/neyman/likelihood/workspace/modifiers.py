"""The modifiers of pyhf's format 1.0.0, and two of our own: `polynomial`, and for unbinned channels `normplusshape`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictStr

from neyman.likelihood.workspace.event_arrays import EventArrays
from neyman.likelihood.workspace.nodes import Name, Node, Number, Numbers, Power, Sparse


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


class NormPlusShapeData(Sparse):
    """The density of a sample at -1 and +1 standard deviation, and its yield there.

    Attributes:
        hi: Relative yield at +1 standard deviation, as of a normsys.
        lo: Relative yield at -1 standard deviation.
        hi_log_ratio: ln p(x|+1)/p(x|0) of each event; without it and `lo_log_ratio` the shape stays.
        lo_log_ratio: ln p(x|-1)/p(x|0) of each event.
        relative_to: Whether the log ratios are to the `nominal` density of the sample, as above, or to the `reference`
            density of the channel; if absent, reference events decide when the arrays are read.
    """

    hi: Number
    lo: Number
    hi_log_ratio: EventArrays | None = None
    lo_log_ratio: EventArrays | None = None
    relative_to: Literal["nominal", "reference"] | None = None


class NormPlusShape(Node):
    """A systematic uncertainty of an unbinned sample, its yield and its density, with a normal constraint.

    This is neyman's own, as unbinned channels are.
    """

    name: Name
    type: Literal["normplusshape"]
    data: NormPlusShapeData


BinnedModifier = Annotated[
    NormFactor | NormSys | HistoSys | ShapeSys | StatError | ShapeFactor | Lumi | Polynomial,
    Field(discriminator="type"),
]
UnbinnedModifier = Annotated[
    NormFactor | NormSys | Lumi | Polynomial | NormPlusShape,
    Field(discriminator="type"),
]
Modifier = BinnedModifier | UnbinnedModifier
