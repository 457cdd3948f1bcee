"""A workspace compiled to a function of named parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.special import gammaln, xlogy

from neyman.core.errors import WorkspaceError
from neyman.likelihood.compilation import QUICK
from neyman.likelihood.data import Data
from neyman.likelihood.derivatives import Derivatives, derivatives, full_hessian
from neyman.likelihood.grid import Grid
from neyman.likelihood.interpolation import HistosysCode, NormsysCode
from neyman.likelihood.parameters import ParameterSet, build_parameter_sets, find
from neyman.likelihood.precision import jax
from neyman.likelihood.tables import Compiled, Tables, compile_tables
from neyman.likelihood.terms import expected_yields
from neyman.likelihood.unbinned.channels import Events, UnbinnedChannel
from neyman.likelihood.unbinned.loading import as_bin, load_channels
from neyman.likelihood.unbinned.sums import Kernel, default_kernel
from neyman.likelihood.unbinned.terms import Terms
from neyman.likelihood.workspace import Workspace

if TYPE_CHECKING:
    from neyman.likelihood.fitting import Fit
    from neyman.likelihood.results import Minimiser

Parameters = Mapping[str, float] | Sequence[float] | Float[np.ndarray, " p"]
Table = dict[str, dict[str, Float[np.ndarray, " b"]]]

_derivatives = jax.jit(derivatives, static_argnames="layout", compiler_options=QUICK)


@dataclass(frozen=True, eq=False)
class Model:
    """The likelihood of one measurement of a workspace.

    Parameters have pyhf's names and order. Wherever parameters are asked for, a mapping of names to values will do, the
    rest being at their initial values, or an array of all of them.

    Attributes:
        workspace: Digest of the workspace.
        measurement: Name of the measurement.
        poi: The parameter of interest, if there is one.
        sets: The parameters.
        grid: Places of channels, samples and bins.
        compiled: The model as arrays.
        observed: The data of the workspace.
        unbinned: The unbinned channels, sorted by name; in `grid` and `compiled` each is a bin with all its events.

    Examples:
        >>> sample = {"name": "all", "data": [10.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}
        >>> workspace = Workspace.from_dict({
        ...     "channels": [{"name": "SR", "samples": [sample]}],
        ...     "observations": [{"name": "SR", "data": [12.0]}],
        ...     "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        ...     "version": "1.0.0",
        ... })
        >>> fit = workspace.model().fit()
        >>> print(f"{fit['mu'].value:.4f} ± {fit['mu'].error:.4f}")
        1.2000 ± 0.3464
    """

    workspace: str
    measurement: str
    poi: str | None
    sets: tuple[ParameterSet, ...]
    grid: Grid
    compiled: Compiled
    observed: Data
    unbinned: tuple[UnbinnedChannel, ...] = ()

    @classmethod
    def build(
        cls,
        workspace: Workspace,
        *,
        measurement: str | None = None,
        poi: str | None = None,
        histosys: HistosysCode = "code4p",
        normsys: NormsysCode = "code4",
        kernel: Kernel | None = None,
        storage: Literal["float64", "float32"] = "float64",
    ) -> Model:
        """Compile a measurement.

        Args:
            workspace: The workspace.
            measurement: Name of the measurement; the first by default.
            poi: Another parameter of interest than the measurement's.
            histosys: Interpolation code of shapes.
            normsys: Interpolation code of normalisations.
            kernel: What computes the sums over events of unbinned channels: `compiled` (all cores), or `scanned` (JAX,
                also on a GPU); by default the one that fits the device.
            storage: How density ratios of unbinned channels are stored; sums are in double precision anyway.

        Raises:
            WorkspaceError: If the measurement or the parameter is not there, or a setting does not fit.
            DataError: If an array of an unbinned channel is not what the workspace says.
        """
        document = workspace.to_dict()
        chosen = workspace.measurement(measurement)
        config = next(m["config"] for m in document["measurements"] if m["name"] == chosen.name)
        channels = sorted(map(as_bin, document["channels"]), key=lambda channel: str(channel["name"]))
        sets = tuple(build_parameter_sets(channels, config["parameters"]))
        counts = {each["name"]: each["data"] for each in document["observations"]}
        name = config["poi"] if poi is None else poi
        if name:
            find(name, [label for each in sets for label in each.labels], what="parameter of interest")
        compiled = compile_tables(
            channels,
            sets,
            histosys=histosys,
            normsys=normsys,
            unbinned=sorted(each.name for _, each in workspace.document.unbinned),
        )
        starts = np.cumsum([0, *(each.size for each in sets)]).tolist()
        places = {each.name: compiled.order.tolist().index(at) for each, at in zip(sets, starts, strict=False)}
        unbinned = load_channels(workspace, places, kernel=kernel or default_kernel(), storage=np.dtype(storage).type)
        counts |= {channel.name: [events.total] for channel, events in unbinned}
        return cls(
            workspace=workspace.digest,
            measurement=chosen.name,
            poi=name or None,
            sets=sets,
            grid=Grid.of(channels),
            compiled=compiled,
            observed=Data(
                np.concatenate([np.asarray(counts[channel["name"]], float) for channel in channels]),
                np.concatenate([each.auxdata for each in sets] or [np.zeros(0)]),
                tuple(events for _, events in unbinned),
            ),
            unbinned=tuple(channel for channel, _ in unbinned),
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all parameters, those of single bins as `gamma[3]`."""
        return tuple(label for each in self.sets for label in each.labels)

    @cached_property
    def inits(self) -> Float[np.ndarray, " p"]:
        """Where fits begin."""
        return np.concatenate([each.inits for each in self.sets])

    @cached_property
    def bounds(self) -> Float[np.ndarray, "p 2"]:
        """Lowest and highest values."""
        return np.concatenate([each.bounds for each in self.sets])

    @cached_property
    def fixed(self) -> Bool[np.ndarray, " p"]:
        """Which parameters the workspace holds at their initial values."""
        return np.concatenate([each.fixed for each in self.sets])

    @cached_property
    def constrained(self) -> Bool[np.ndarray, " p"]:
        """Which parameters auxiliary data constrain."""
        return np.concatenate([np.full(each.size, each.constraint != "none") for each in self.sets])

    @cached_property
    def auxiliary_of(self) -> Int[np.ndarray, " a"]:
        """Number of the parameter of each auxiliary measurement."""
        return np.flatnonzero(self.constrained)

    @cached_property
    def bin_wise(self) -> Bool[np.ndarray, " p"]:
        """Which parameters belong to single bins."""
        return np.concatenate([np.full(each.size, not each.scalar) for each in self.sets])

    @cached_property
    def binned(self) -> Bool[np.ndarray, " b"]:
        """Which bins are bins: the others stand for unbinned channels, shape (B,)."""
        return ~np.isin(np.arange(self.grid.bins), self.compiled.tables.unbinned)

    @cached_property
    def widths(self) -> Float[np.ndarray, " p"]:
        """Width of each constraint in units of the parameter; not a number without one."""
        width = np.full(len(self.names), np.nan)
        at = 0
        for each in self.sets:
            if each.constraint != "none":
                width[at : at + each.size] = each.widths if each.constraint == "normal" else each.widths**-0.5
            at += each.size
        return width

    @cached_property
    def tables(self) -> Tables:
        """The arrays, where JAX computes."""
        tables: Tables = jax.device_put(self.compiled.tables)
        return tables

    def index(self, name: str) -> int:
        """The number of a parameter.

        Raises:
            WorkspaceError: If there is none of that name.
        """
        return find(name, self.names)

    def vector(self, parameters: Parameters | None = None) -> Float[np.ndarray, " p"]:
        """All parameters as an array in pyhf's order.

        Raises:
            WorkspaceError: If a name is not known, a value is not finite, or the array has another length.
        """
        if parameters is None or isinstance(parameters, Mapping):
            values = self.inits.copy()
            for name, value in (parameters or {}).items():
                values[self.index(name)] = value
        else:
            values = np.array(parameters, float)
            if values.shape != self.inits.shape:
                raise WorkspaceError(f"{values.size} parameters", expected=f"{len(self.inits)}, as in model.names")
        if not np.isfinite(values).all():
            bad = self.names[int(np.flatnonzero(~np.isfinite(values))[0])]
            raise WorkspaceError(f"parameter '{bad}' is {values[self.names.index(bad)]}", expected="a finite number")
        return values

    def twice_nll(self, parameters: Parameters | None = None, data: Data | None = None) -> float:
        """−2 ln L, with the constants that pyhf has; densities of unbinned channels are relative to their reference."""
        found = self._at(parameters, data)
        return 2 * (float(found.value) + self.constant(data or self.observed))

    def value(self, parameters: Parameters | None = None, data: Data | None = None) -> float:
        """−ln L without constants: zero for the expected data of binned channels."""
        return float(self._at(parameters, data).value)

    def gradient(self, parameters: Parameters | None = None, data: Data | None = None) -> Float[np.ndarray, " p"]:
        """Derivatives of −2 ln L."""
        return 2 * self.restored(np.asarray(self._at(parameters, data).gradient))

    def hessian(self, parameters: Parameters | None = None, data: Data | None = None) -> Float[np.ndarray, "p p"]:
        """Second derivatives of −2 ln L."""
        return 2 * self.restored_matrix(full_hessian(self._at(parameters, data)))

    def _at(self, parameters: Parameters | None, data: Data | None) -> Derivatives:
        theta = self.vector(parameters)[self.compiled.order]
        main, auxiliary = self.arranged(data or self.observed)
        terms = self.unbinned_terms(data or self.observed)
        found: Derivatives = _derivatives(
            self.tables,
            self.compiled.layout,
            theta,
            side=np.ones(len(theta)),
            main=main,
            auxiliary=auxiliary,
            pull=None if terms is None else terms.pull(theta),
        )
        return found

    def unbinned_terms(self, data: Data) -> Terms | None:
        """What the unbinned channels add to −ln L; None if there are none."""
        if not self.unbinned:
            return None
        return Terms(self.tables, self.compiled.layout, self.unbinned, data.events)

    def constant(self, data: Data) -> float:
        """What the compiled −ln L leaves out: with it, terms are normalised as in pyhf."""
        constraints = self.compiled.tables.constraints
        counts = np.concatenate(
            [data.main[self.binned], data.auxiliary[self.compiled.auxiliary][len(constraints.normal) :]]
        )
        poisson = (gammaln(counts + 1) - xlogy(counts, counts) + counts).sum()
        return float(poisson + np.log(constraints.sigma * np.sqrt(2 * np.pi)).sum())

    def arranged(self, data: Data) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, " a"]]:
        """Data in the order of the tables.

        Raises:
            WorkspaceError: If they do not fit the model, or are not finite.
        """
        for what, given, wanted in (
            ("events in bins", data.main, self.observed.main),
            ("auxiliary data", data.auxiliary, self.observed.auxiliary),
        ):
            if given.shape != wanted.shape:
                raise WorkspaceError(f"{given.size} {what}", expected=f"{wanted.size}, channels sorted by name")
            if not np.isfinite(given).all():
                raise WorkspaceError(f"{what} that are not finite", expected="numbers")
        if (data.main[self.binned] < 0).any():
            raise WorkspaceError(f"{data.main[self.binned].min():g} events in a bin", expected="zero or more")
        if len(data.events) != len(self.unbinned):
            raise WorkspaceError(
                f"events of {len(data.events)} unbinned channels", expected=f"of {len(self.unbinned)}, sorted by name"
            )
        return np.where(self.binned, data.main, 0.0), data.auxiliary[self.compiled.auxiliary]

    def restored(self, theta: Shaped[np.ndarray, "... p"]) -> Shaped[np.ndarray, "... p"]:
        """Parameters in the order of the tables, put into the workspace's order."""
        found = np.empty_like(theta)
        found[..., self.compiled.order] = theta
        return found

    def restored_matrix(self, matrix: Float[np.ndarray, "p p"]) -> Float[np.ndarray, "p p"]:
        """A matrix over parameters, likewise."""
        found = np.empty_like(matrix)
        found[np.ix_(self.compiled.order, self.compiled.order)] = matrix
        return found

    def expected(self, parameters: Parameters | None = None) -> Table:
        """Expected events: by channel and sample, one array over its bins."""
        theta = self.vector(parameters)[self.compiled.order]
        yields = np.asarray(expected_yields(self.tables, self.compiled.layout, theta))
        table: Table = {name: {} for name in self.grid.names}
        for (channel, sample), row in self.grid.rows.items():
            number = self.grid.names.index(channel)
            table[channel][sample] = yields[row, self.grid.starts[number] : self.grid.starts[number + 1]]
        return table

    def asimov(self, parameters: Parameters | None = None) -> Data:
        """The data that are expected at a point: events as they would be on average, auxiliary data likewise.

        In an unbinned channel these are the events of the reference, with weights.

        Raises:
            WorkspaceError: If an unbinned channel has no reference.
        """
        values = self.vector(parameters)
        table = self.expected(values)
        main = np.concatenate([sum(table[name].values(), np.zeros(1)) for name in self.grid.names])
        return Data(main, self.expected_auxiliary(values), self.expected_events(values, table))

    def expected_events(self, parameters: Parameters | None, table: Table) -> tuple[Events, ...]:
        """The events of the reference of each unbinned channel, with weights that make them what is expected."""
        theta, found = self.vector(parameters)[self.compiled.order], []
        for channel in self.unbinned:
            if channel.reference is None:
                raise WorkspaceError(
                    f"channel '{channel.name}' has no reference events",
                    expected="some, to stand for what is expected",
                    hint='add "reference" to the channel',
                )
            yields = np.array([table[channel.name][sample][0] for sample in channel.samples])
            weights = channel.expected_weights(yields, theta[channel.places]).sum(0)
            found.append(Events(channel.reference.templates, weights))
        return tuple(found)

    def expected_auxiliary(self, parameters: Parameters | None = None) -> Float[np.ndarray, " a"]:
        """Auxiliary data that are expected at a point."""
        values, at, parts = self.vector(parameters), 0, []
        for each in self.sets:
            if each.constraint != "none":
                here = values[at : at + each.size]
                parts.append(here * each.widths if each.constraint == "poisson" else here)
            at += each.size
        return np.concatenate(parts or [np.zeros(0)])

    def with_data(self, data: Data) -> Model:
        """The same model with other data."""
        self.arranged(data)
        return replace(self, observed=data)

    def fit(
        self,
        data: Data | None = None,
        *,
        fixed: Mapping[str, float] | None = None,
        minimiser: Minimiser = "newton",
        starts: int = 1,
    ) -> Fit:
        """Minimise −2 ln L; see `neyman.likelihood.fitting.fit`, and validity.py for what unbinned channels add."""
        from neyman.likelihood.fitting import fit
        from neyman.likelihood.validity import examined

        found = fit(self, data, fixed=fixed, minimiser=minimiser, starts=starts)
        return examined(found) if self.unbinned else found

    def identity(self) -> dict[str, Any]:
        """What every result says of the model it came from."""
        return {"workspace": self.workspace, "measurement": self.measurement, "poi": self.poi}
