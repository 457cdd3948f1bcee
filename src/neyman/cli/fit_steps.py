"""The steps behind the commands of `neyman fit`: open a model, look through the blind, show an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import typer

from neyman.cli import fit_arguments as arguments
from neyman.cli.fit_files import read
from neyman.cli.fit_options import Asked
from neyman.cli.fit_tables import describe
from neyman.core.errors import NumericsError, WorkspaceError
from neyman.fit.blinding import Blinding, load_mark, record_opening, refuse_fixed
from neyman.fit.blinding import blind as write_mark
from neyman.fit.hiding import hide
from neyman.likelihood.construction import neyman_construction
from neyman.likelihood.data import Data
from neyman.likelihood.fitting import DISAGREE, Fit
from neyman.likelihood.hypotheses import checked
from neyman.likelihood.model import Model
from neyman.likelihood.outcomes import NeymanConstruction
from neyman.likelihood.profile import of_interest, scan
from neyman.likelihood.results import FitResult, Scan
from neyman.likelihood.workspace import Workspace
from neyman.likelihood.workspace.expected import with_expected_events
from neyman.likelihood.workspace.workspace import require_names

_FAR = 100
"""How far bounds are moved away, in units of the largest offset."""


@dataclass(frozen=True)
class OpenModel:
    """A model that was asked for, and what of it may be shown.

    Attributes:
        asked: What was asked for.
        workspace: The workspace, patched.
        model: The model, with the parameters held that were to be.
        mark: What is blinded; None if nothing is, or no more.
    """

    asked: Asked
    workspace: Workspace
    model: Model
    mark: Blinding | None

    @classmethod
    def of(cls, asked: Asked) -> OpenModel:
        """Read the workspace, compile the model, and record it if the blind is lifted."""
        fixed = arguments.values(asked.fix, "--fix")
        workspace = read(asked.workspace, asked.patch)
        model = workspace.model(asked.measurement, poi=asked.poi, **arguments.interpolation(asked.interpolation))
        model = held(model, fixed)
        mark = load_mark(asked.workspace)
        if mark and asked.unblind:
            record_opening(asked.workspace, command=f"neyman fit {asked.command}", digest_of=workspace.digest)
            mark = None
        if mark:
            refuse_fixed(mark, fixed)
        return cls(asked, workspace, model, mark)

    def fit(self, *, starts: int = 1) -> Fit:
        """The best fit, converged or not."""
        return self.model.fit(minimiser=self.asked.minimiser.value, starts=starts)

    def best(self) -> Fit:
        """The best fit.

        Raises:
            NumericsError: If it does not converge.
        """
        return checked(self.fit())

    def confirm(self, data: Data | None = None) -> None:
        """Let Minuit look for the minimum too, if that was asked for: what follows uses Newton's method alone.

        Raises:
            NumericsError: If it finds a lower one, or one of both finds none.
        """
        if self.asked.minimiser.value != "minuit":
            return
        newton, minuit = (checked(self.model.fit(data, minimiser=each)) for each in ("newton", "minuit"))
        if newton.value > minuit.value + DISAGREE:
            lower = 2 * (newton.value - minuit.value)
            raise NumericsError(f"Minuit finds a minimum that is lower by {lower:.3g} in −2 ln L", hint="other inits")

    def best_to_profile(self) -> Fit:
        """The best fit, with bounds of blinded parameters far away: a profile that ends at one tells the offset.

        Raises:
            NumericsError: If it does not converge.
        """
        best = self.best()
        return replace(best, model=_unbounded(self.model, self.mark)) if self.mark else best

    def offset(self, parameter: str) -> float:
        """What is added to the value of a parameter when it is shown."""
        return self.mark.offset(parameter) if self.mark else 0.0

    def show(self, result: FitResult) -> None:
        """Print the answer, without what is blinded."""
        shown = hide(result, self.mark) if self.mark else result
        if self.asked.json:
            typer.echo(shown.to_json())
            return
        typer.echo(describe(shown, everything=self.asked.all), nl=False)
        if shown.blinded and self.mark:
            typer.echo(f"blinded: {', '.join(self.mark.parameters)} (--unblind shows it, and is recorded)")


def held(model: Model, fixed: Mapping[str, float]) -> Model:
    """The model with parameters held at values, so that every fit and test holds them.

    Raises:
        WorkspaceError: If one is not known.
    """
    places = {model.index(name): value for name, value in fixed.items()}
    if not places:
        return model
    begin, sets = 0, []
    for each in model.sets:
        here = {place - begin: value for place, value in places.items() if begin <= place < begin + each.size}
        inits, is_fixed = each.inits.copy(), each.fixed.copy()
        inits[list(here)], is_fixed[list(here)] = list(here.values()), True
        sets.append(replace(each, inits=inits, fixed=is_fixed))
        begin += each.size
    return replace(model, sets=tuple(sets))


def _unbounded(model: Model, mark: Blinding) -> Model:
    sets = []
    for each in model.sets:
        scales = [mark.parameters[name].scale if name in mark.parameters else 0.0 for name in each.labels]
        sets.append(replace(each, bounds=each.bounds + _FAR * np.outer(scales, [-1.0, 1.0])))
    return replace(model, sets=tuple(sets))


def scan_shown(
    opened: OpenModel, parameter: str | None, limits: tuple[float, float] | None, *, points: int, stat_only: bool
) -> Scan:
    """A scan, whose range is in the values that are shown: those of a blinded parameter have their offset."""
    if limits is not None:
        arguments.require_range(limits, "--range")
    best = opened.best_to_profile()
    name = of_interest(best, parameter)
    by = opened.offset(name)
    low, high = (limits[0] - by, limits[1] - by) if limits else (None, None)
    return scan(best, name, low=low, high=high, points=points, stat_only=stat_only)


def construction_shown(
    opened: OpenModel,
    parameter: str | None,
    limits: tuple[float, float] | None,
    *,
    points: int,
    count: int,
    one_sided: bool,
    seed: int,
    executor: Executor,
) -> NeymanConstruction:
    """A Neyman construction; of a blinded parameter that of what is expected at initial values.

    It cannot be shifted: critical values near a bound would tell by how much.
    """
    if limits is not None:
        arguments.require_range(limits, "--range")
    name = parameter or opened.model.poi
    blinded = opened.mark is not None and name in opened.mark.parameters
    best = checked(opened.model.fit(opened.model.asimov())) if blinded else opened.best()
    found = neyman_construction(
        best,
        parameter,
        low=limits[0] if limits else None,
        high=limits[1] if limits else None,
        points=points,
        count=count,
        one_sided=one_sided,
        seed=seed,
        executor=executor,
    )
    return found.model_copy(update={"blinded": True}) if blinded else found


def asimov(workspace: Workspace, model: Model, point: Mapping[str, float], out: Path) -> Workspace:
    """The workspace with what is expected at a point for data.

    Weights of events in unbinned channels are written to a folder beside `out`.

    Raises:
        WorkspaceError: If a name is not known, or a parameter is moved away from its auxiliary data, which observations
            do not hold.
    """
    moved = ~np.isclose(model.expected_auxiliary(point), model.observed.auxiliary)
    if moved.any():
        name = model.names[model.auxiliary_of[np.flatnonzero(moved)[0]]]
        raise WorkspaceError(
            f"'{name}' is away from its auxiliary data, which observations do not hold",
            expected="values of parameters that nothing constrains",
        )
    expected = model.asimov(point)
    events = {channel.name: each.weights for channel, each in zip(model.unbinned, expected.events, strict=True)}
    counts = {
        name: expected.main[model.grid.starts[number] : model.grid.starts[number + 1]]
        for number, name in enumerate(model.grid.names)
        if name not in events
    }
    return with_expected_events(workspace, events, out.parent / f"{out.stem}_arrays").with_observations(counts)


def blind(
    path: Path, workspace: Workspace, model: Model, parameters: Sequence[str], regions: Sequence[str]
) -> Blinding:
    """Mark a workspace. Offsets are of the size of expected errors: those of the data would tell about them."""
    require_names(regions, workspace.channels, what="region")
    for name in parameters:
        model.index(name)
    errors = {}
    if parameters:
        expected = checked(model.fit(model.asimov()))
        errors = {name: expected[name].error or 0.0 for name in parameters}
    return write_mark(path, digest_of=workspace.digest, errors=errors, regions=regions)
