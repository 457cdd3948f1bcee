"""A binned model as arrays: what the compiled likelihood reads.

Bins of all channels stand in one row of B, channels sorted by name. S is the largest number of samples of a channel; a
channel with fewer is filled up with samples that yield nothing. The P parameters are numbered anew:

- first the K that act on whole samples: normfactors and lumi, the α of systematics, those of polynomials only;
- then the bin-wise ones. Those that share no bin with each other come last: their block of the Hessian is diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from neyman.likelihood.binwise import Pairs, find_bin_wise
from neyman.likelihood.grid import Grid
from neyman.likelihood.interpolation import KINKED, Factor, HistosysCode, NormsysCode, Shift, factor, shift
from neyman.likelihood.parameters import ParameterSet, Spec, users
from neyman.likelihood.precision import Bools, Floats, Ints


class Polynomials(NamedTuple):
    """Factors that are polynomials of parameters: J of them, each with at most T terms.

    Attributes:
        coefficients: Shape (J, T).
        powers: Of each of the K parameters of whole samples, shape (J, T, K).
        uses: Which samples have which factor, shape (J, S, C).
    """

    coefficients: Floats
    powers: Ints
    uses: Bools


class Constraints(NamedTuple):
    """Terms of auxiliary data, the normal ones before the Poisson ones.

    Attributes:
        normal: Numbers of the parameters with a normal constraint.
        sigma: Their widths.
        poisson: Numbers of the parameters with a Poisson constraint.
        tau: Their rate factors.
    """

    normal: Ints
    sigma: Floats
    poisson: Ints
    tau: Floats


class Tables(NamedTuple):
    """Everything but parameters and data.

    Attributes:
        nominal: Yields, shape (S, B).
        channel: The channel of each bin, shape (B,).
        member: 1 where a bin is in a channel, else 0, shape (B, C).
        linear: Which samples have which normfactor or lumi, shape (K₁, S, C).
        factor: Of normsys, one row for each entry of `factor_parameter`, shape (…, S, C).
        factor_parameter: Numbers of their parameters.
        shift: Of histosys, one row for each entry of `shift_parameter`, shape (…, S, B).
        shift_parameter: Numbers of their parameters.
        kink: Which parameters have a kink at 0, shape (P,).
        slot: Numbers of the bin-wise parameters of each sample in each bin; P where there is none, shape (M, S, B).
        pairs: Pairs of a bin-wise parameter and a bin that it scales.
        polynomials: Polynomial factors.
        constraints: Terms of auxiliary data.
        unbinned: Numbers of the bins that stand for unbinned channels, shape (U,).
    """

    nominal: Floats
    channel: Ints
    member: Floats
    linear: Bools
    factor: Factor
    factor_parameter: Ints
    shift: Shift
    shift_parameter: Ints
    kink: Bools
    slot: Ints
    pairs: Pairs
    polynomials: Polynomials
    constraints: Constraints
    unbinned: Ints


@dataclass(frozen=True)
class Layout:
    """What decides how the arrays are read; compiled code depends on it, and on shapes.

    Attributes:
        wide: K, the number of parameters of whole samples.
        dense: How many parameters stand before the diagonal block.
        size: P, the number of parameters.
        degree: The highest power in a polynomial; 0 if there is none.
        kinked: Whether the likelihood has kinks.
        histosys: Interpolation of histosys.
        normsys: Interpolation of normsys.
    """

    wide: int
    dense: int
    size: int
    degree: int
    kinked: bool
    histosys: HistosysCode
    normsys: NormsysCode


@dataclass(frozen=True)
class Compiled:
    """Arrays, layout, and where things of the workspace went.

    Attributes:
        tables: The arrays.
        layout: How to read them.
        order: Number, in the workspace's order, of each parameter of the tables, shape (P,).
        auxiliary: Number, in the workspace's auxiliary data, of each constraint of the tables, shape (A,).
    """

    tables: Tables
    layout: Layout
    order: Int[np.ndarray, " p"]
    auxiliary: Int[np.ndarray, " a"]


def compile_tables(
    channels: Sequence[Spec],
    sets: Sequence[ParameterSet],
    *,
    histosys: HistosysCode,
    normsys: NormsysCode,
    unbinned: Sequence[str] = (),
) -> Compiled:
    """Turn channels, sorted by name, and their parameters into arrays.

    Args:
        channels: The channels; an unbinned one as a single bin with the yields of its samples.
        sets: Their parameters.
        histosys: Interpolation code of shapes.
        normsys: Interpolation code of normalisations.
        unbinned: Names of the unbinned channels.
    """
    grid = Grid.of(channels)
    starts = dict(
        zip([each.name for each in sets], np.cumsum([0, *(each.size for each in sets)]).tolist(), strict=False)
    )
    linear = _names(channels, "normfactor") + _names(channels, "lumi")
    scaled, shifted = _names(channels, "normsys"), _names(channels, "histosys")
    wide = list(dict.fromkeys([*linear, *scaled, *shifted, *(each.name for each in sets if each.scalar)]))
    number = {name: index for index, name in enumerate(wide)}
    local = find_bin_wise(channels, grid, starts)
    order = np.array([starts[name] for name in wide] + local.coupled + local.separate, int)
    place = np.argsort(order)
    nominal = _nominal(channels, grid)
    polynomials = _polynomials(channels, grid, number)
    constraints, auxiliary = _constraints(sets, place)
    kink = np.zeros(len(order), bool)
    kink[[number[name] for name in scaled]] |= normsys in KINKED
    kink[[number[name] for name in shifted]] |= histosys in KINKED
    tables = Tables(
        nominal=nominal,
        channel=grid.channel_of_bin,
        member=np.eye(grid.channels)[grid.channel_of_bin],
        linear=_linear(channels, grid, linear),
        factor=_factor(channels, grid, scaled),
        factor_parameter=np.array([number[name] for name in scaled], int),
        shift=_shift(channels, grid, shifted, nominal, histosys),
        shift_parameter=np.array([number[name] for name in shifted], int),
        kink=kink,
        slot=local.slots(place),
        pairs=local.pairs(place, dense=len(wide) + len(local.coupled)),
        polynomials=polynomials,
        constraints=constraints,
        unbinned=np.array([grid.starts[grid.names.index(name)] for name in unbinned], int),
    )
    layout = Layout(
        wide=len(wide),
        dense=len(wide) + len(local.coupled),
        size=len(order),
        degree=int(polynomials.powers.max(initial=0)),
        kinked=bool(kink.any()),
        histosys=histosys,
        normsys=normsys,
    )
    return Compiled(_unsigned(tables), layout, order, auxiliary)


def one_sided(compiled: Compiled) -> Bool[np.ndarray, " p"]:
    """Which parameters pull some yields to the same side up and down, by a tenth of their effect or more.

    Args:
        compiled: The model; the answer is in the order of its tables, shape (P,).
    """
    tables = compiled.tables
    found = np.zeros(compiled.layout.size, bool)
    for part, numbers in ((tables.factor, tables.factor_parameter), (tables.shift, tables.shift_parameter)):
        # `down` is the change from the lower template to the nominal one for a shift, and ln(lo) for a factor
        up, down = np.asarray(part.up), np.asarray(part.down) * (1 if part is tables.shift else -1)
        axes = tuple(range(1, up.ndim))
        whole = (np.abs(up) + np.abs(down)).sum(axes)
        same = np.where(up * down < 0, np.minimum(np.abs(up), np.abs(down)), 0.0).sum(axes)
        found[np.asarray(numbers)[same > 0.05 * whole]] = True
    return found


def _unsigned(tables: Tables) -> Tables:
    """Numbers without sign: for others JAX compiles the wrapping of negative ones into every look-up."""

    def convert(part: Any) -> Any:  # noqa: ANN401 - an array, or a tuple of parts
        if isinstance(part, tuple):
            return type(part)(*(convert(each) for each in part))
        return part.astype(np.uint32) if part.dtype.kind == "i" else part

    converted: Tables = convert(tables)
    return converted


def _names(channels: Sequence[Spec], kind: str) -> list[str]:
    found = (m["name"] for c in channels for s in c["samples"] for m in s["modifiers"] if m["type"] == kind)
    return list(dict.fromkeys(found))


def _nominal(channels: Sequence[Spec], grid: Grid) -> Float[np.ndarray, "s b"]:
    nominal = np.zeros((grid.samples, grid.bins))
    for channel in channels:
        for sample in channel["samples"]:
            nominal[grid.row(channel, sample), grid.slice(channel)] = sample["data"]
    return nominal


def _linear(channels: Sequence[Spec], grid: Grid, names: Sequence[str]) -> Bool[np.ndarray, "k s c"]:
    uses = np.zeros((len(names), grid.samples, grid.channels), bool)
    for k, name in enumerate(names):
        for kind in ("normfactor", "lumi"):
            for channel, sample, _ in users(channels, kind, name):
                uses[k, grid.row(channel, sample), grid.number(channel)] = True
    return uses


def _factor(channels: Sequence[Spec], grid: Grid, names: Sequence[str]) -> Factor:
    lo = np.ones((len(names), grid.samples, grid.channels))
    hi = lo.copy()
    for k, name in enumerate(names):
        for channel, sample, modifier in users(channels, "normsys", name):
            at = (k, grid.row(channel, sample), grid.number(channel))
            lo[at], hi[at] = modifier["data"]["lo"], modifier["data"]["hi"]
    return factor(lo, hi)


def _shift(
    channels: Sequence[Spec],
    grid: Grid,
    names: Sequence[str],
    nominal: Float[np.ndarray, "s b"],
    code: HistosysCode,
) -> Shift:
    lo = np.tile(nominal, (len(names), 1, 1))
    hi = lo.copy()
    for k, name in enumerate(names):
        for channel, sample, modifier in users(channels, "histosys", name):
            at = (k, grid.row(channel, sample), grid.slice(channel))
            lo[at], hi[at] = modifier["data"]["lo_data"], modifier["data"]["hi_data"]
    return shift(lo, np.broadcast_to(nominal, lo.shape), hi, code)


def _polynomials(channels: Sequence[Spec], grid: Grid, number: dict[str, int]) -> Polynomials:
    found: dict[str, list[tuple[Spec, Spec, Spec]]] = {}
    for name in _names(channels, "polynomial"):
        for user in users(channels, "polynomial", name):
            found.setdefault(repr(user[2]["data"]), []).append(user)
    terms = [where[0][2]["data"]["terms"] for where in found.values()]
    most = max((len(each) for each in terms), default=0)
    coefficients = np.zeros((len(found), most))
    powers = np.zeros((len(found), most, len(number)), int)
    uses = np.zeros((len(found), grid.samples, grid.channels), bool)
    for j, (where, each) in enumerate(zip(found.values(), terms, strict=True)):
        for t, term in enumerate(each):
            coefficients[j, t] = term["coefficient"]
            for name, power in term["powers"].items():
                powers[j, t, number[name]] = power
        for channel, sample, _ in where:
            uses[j, grid.row(channel, sample), grid.number(channel)] = True
    return Polynomials(coefficients, powers, uses)


def _constraints(
    sets: Sequence[ParameterSet], place: Int[np.ndarray, " p"]
) -> tuple[Constraints, Int[np.ndarray, " a"]]:
    kind, widths, numbers, begin = [], [], [], 0
    for each in sets:
        count = len(each.widths)
        kind += [each.constraint] * count
        widths += each.widths.tolist()
        numbers += place[begin : begin + count].tolist()
        begin += each.size
    kinds, sigma, number = np.array(kind), np.array(widths), np.array(numbers, int)
    normal, poisson = np.flatnonzero(kinds == "normal"), np.flatnonzero(kinds == "poisson")
    found = Constraints(number[normal], sigma[normal], number[poisson], sigma[poisson])
    return found, np.concatenate([normal, poisson]).astype(int)
