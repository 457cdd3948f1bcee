"""`neyman fit`: from files to a workspace, and the results people want from a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neyman.cli import fit_report, fit_workspaces
from neyman.cli.fit_options import Asked, At, Limits, Parameter, Seed, Workers, of_model

HELP = """Binned likelihood fits of workspaces in pyhf's JSON.

\b
  neyman fit build config.yaml --out ws.json    # or a published workspace
  neyman fit bestfit ws.json
  neyman fit limit ws.json --json
"""

app = typer.Typer(
    help=HELP, short_help="Binned likelihood fits of workspaces.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
@of_model
def bestfit(
    asked: Asked,
    *,
    starts: Annotated[int, typer.Option(min=1, help="Places to begin from; the lowest minimum is kept.")] = 1,
) -> None:
    """All parameters at the minimum of −2 ln L.

    A fit without a minimum is an answer too: the exit code is 0, and `converged` in the JSON is false.

    Example: neyman fit bestfit ws.json --fix jes=0 --json
    """
    from neyman.cli.fit_steps import OpenModel

    opened = OpenModel.of(asked)
    opened.show(opened.fit(starts=starts).result)


@app.command()
@of_model
def cls(
    asked: Asked,
    *,
    poi_value: Annotated[float, typer.Option(min=0, help="Value of the parameter of interest.")] = 1.0,
    toys: Annotated[
        int | None, typer.Option(min=1, help="From so many pseudo-experiments; default: asymptotic formulae.")
    ] = None,
    seed: Seed = 0,
    workers: Workers = 1,
) -> None:
    """CLs of one value of the parameter of interest.

    Of a blinded parameter only the expected CLs are shown.

    Example: neyman fit cls ws.json --poi-value 1 --json
    """
    from neyman.cli.fit_arguments import require_finite
    from neyman.cli.fit_steps import OpenModel
    from neyman.core.executors import local_executor
    from neyman.likelihood.hypotheses import hypothesis_test
    from neyman.likelihood.toys import hypothesis_test_with_toys

    require_finite([poi_value], "--poi-value")
    opened = OpenModel.of(asked)
    opened.confirm()
    if toys is None:
        opened.show(hypothesis_test(opened.model, poi_value))
        return
    with local_executor(workers) as executor:
        opened.show(hypothesis_test_with_toys(opened.model, poi_value, count=toys, seed=seed, executor=executor))


@app.command()
@of_model
def limit(
    asked: Asked,
    *,
    level: Annotated[float, typer.Option(help="One less the confidence level.")] = 0.05,
) -> None:
    """Upper limit on the parameter of interest by CLs.

    Of a blinded parameter only the expected limits are shown.

    Example: neyman fit limit ws.json --level 0.05 --json
    """
    from neyman.cli.fit_steps import OpenModel
    from neyman.likelihood.limits import upper_limit

    opened = OpenModel.of(asked)
    opened.confirm()
    opened.show(upper_limit(opened.model, level=level))


@app.command()
@of_model
def significance(asked: Asked) -> None:
    """Significance of a signal.

    Of a blinded parameter only the expected significance is shown.

    Example: neyman fit significance ws.json
    """
    from neyman.cli.fit_steps import OpenModel
    from neyman.likelihood.hypotheses import significance as significance_of

    opened = OpenModel.of(asked)
    opened.confirm()
    opened.show(significance_of(opened.model))


@app.command()
@of_model
def scan(
    asked: Asked,
    *,
    parameter: Parameter = None,
    limits: Limits = None,
    points: Annotated[int, typer.Option(min=2, max=10_000, help="How many values, evenly spaced.")] = 31,
    stat_only: Annotated[
        bool, typer.Option("--stat-only", help="Scan also with all constrained parameters held.")
    ] = False,
) -> None:
    """The profile of −2 ln L over one parameter.

    Of a blinded parameter the values are shifted, and the range is taken in shifted values.

    Example: neyman fit scan ws.json --parameter mu --range 0 3 --points 50
    """
    from neyman.cli.fit_steps import OpenModel, scan_shown

    opened = OpenModel.of(asked)
    opened.show(scan_shown(opened, parameter, limits, points=points, stat_only=stat_only))


@app.command()
@of_model
def contour(
    asked: Asked,
    *,
    parameters: Annotated[tuple[str, str], typer.Option(metavar="FIRST SECOND", help="The parameters.")],
    points: Annotated[int, typer.Option(min=2, max=1000, help="Values of each parameter.")] = 25,
) -> None:
    """The profile of −2 ln L over two parameters.

    Of blinded parameters the values are shifted.

    Example: neyman fit contour ws.json --parameters mu jes --json
    """
    from neyman.cli.fit_steps import OpenModel
    from neyman.likelihood.profile import contour as contour_of

    opened = OpenModel.of(asked)
    opened.show(contour_of(opened.best_to_profile(), *parameters, points=points))


@app.command()
@of_model
def impacts(
    asked: Asked,
    *,
    parameter: Parameter = None,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATTERN,...", help="Parameters to hold together; may be repeated."),
    ] = None,
) -> None:
    """What each nuisance parameter does to the result.

    Example: neyman fit impacts ws.json --group JES=jes_*,jer
    """
    from neyman.cli.fit_arguments import groups
    from neyman.cli.fit_steps import OpenModel
    from neyman.likelihood.impacts import impacts as impacts_of

    opened = OpenModel.of(asked)
    members = groups(group, opened.model.names)
    opened.show(impacts_of(opened.best(), parameter, groups=members))


@app.command()
@of_model
def gof(
    asked: Asked,
    *,
    toys: Annotated[
        int | None, typer.Option(min=1, help="From so many pseudo-experiments; default: a χ² distribution.")
    ] = None,
    seed: Seed = 0,
    workers: Workers = 1,
) -> None:
    """Goodness of fit, of bins and of unbinned channels.

    Bins are compared with the saturated model, unbinned channels by how their events are distributed; with these, only
    pseudo-experiments tell all p-values.

    Example: neyman fit gof ws.json --toys 1000
    """
    from neyman.cli.fit_steps import OpenModel
    from neyman.core.executors import local_executor
    from neyman.likelihood.goodness import goodness_of_fit
    from neyman.likelihood.toys import goodness_of_fit_with_toys

    opened = OpenModel.of(asked)
    best = opened.best()
    if toys is None:
        opened.show(goodness_of_fit(best))
        return
    with local_executor(workers) as executor:
        opened.show(goodness_of_fit_with_toys(best, count=toys, seed=seed, executor=executor))


@app.command()
@of_model
def neyman(
    asked: Asked,
    *,
    parameter: Parameter = None,
    limits: Limits = None,
    points: Annotated[int, typer.Option(min=2, max=1000, help="How many values, evenly spaced.")] = 13,
    toys: Annotated[int, typer.Option(min=1, help="Pseudo-experiments at each value.")] = 500,
    one_sided: Annotated[bool, typer.Option("--one-sided", help="Upper limits, from q̃.")] = False,
    figure: Annotated[Path | None, typer.Option(help="Draw it into this file, by its ending: pdf, png, svg.")] = None,
    seed: Seed = 0,
    workers: Workers = 1,
) -> None:
    """Intervals for one parameter by pseudo-experiments.

    For few events, and near bounds, where asymptotic intervals do not cover. Of a blinded parameter the intervals that
    are expected at initial values are shown.

    Example: neyman fit neyman ws.json --parameter mu --range 0 3 --points 13 --toys 500
    """
    from neyman.cli.fit_steps import OpenModel, construction_shown
    from neyman.core.executors import local_executor

    if figure is not None:
        from neyman.plots.save import format_of, save_figure
        from neyman.report.construction import construction_figure

        format_of(figure)
    opened = OpenModel.of(asked)
    with local_executor(workers) as executor:
        found = construction_shown(
            opened,
            parameter,
            limits,
            points=points,
            count=toys,
            one_sided=one_sided,
            seed=seed,
            executor=executor,
        )
    if figure is not None:
        save_figure(construction_figure(found), figure)
    opened.show(found)


@app.command("toys")
@of_model
def pseudo_experiments(
    asked: Asked,
    *,
    toys: Annotated[int, typer.Option(min=1, help="How many.")] = 1000,
    seed: Seed = 0,
    workers: Workers = 1,
    at: At = None,
) -> None:
    """Fits of pseudo-experiments: bias, pulls, coverage.

    They are drawn at initial values, not at a fit to the data, and so nothing of them is blinded.

    Example: neyman fit toys ws.json --toys 1000 --at mu=1
    """
    from neyman.cli.fit_arguments import values
    from neyman.cli.fit_steps import OpenModel
    from neyman.core.executors import local_executor
    from neyman.likelihood.toys import toys as toys_of

    truth = values(at, "--at")
    opened = OpenModel.of(asked)
    opened.confirm(opened.model.asimov(truth))
    with local_executor(workers) as executor:
        opened.show(toys_of(opened.model, truth, count=toys, seed=seed, executor=executor))


fit_workspaces.add_to(app)
fit_report.add_to(app)
