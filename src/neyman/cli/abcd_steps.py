"""The steps behind the commands of `neyman abcd` that take more than one call."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from neyman.abcd.results import CheckResult, LimitResult, RunResult
from neyman.abcd.templates import Templates
from neyman.cli.training_state import forget, training_state
from neyman.core.errors import DataError
from neyman.core.provenance import provenance
from neyman.core.runs import RunFolder

if TYPE_CHECKING:
    from neyman.abcd.config import AbcdConfig
    from neyman.abcd.likelihood import Theta
    from neyman.abcd.trained import TrainedAbcd

ARTEFACT, TEMPLATES, RESULTS, REPORT = "artefact", "templates.json", "results.json", "report.html"


def train_step(config: AbcdConfig, out: Path) -> TrainedAbcd:
    """Train into a folder; the state of training lies beside it until the artefact is whole."""
    from neyman.abcd.trained import KIND, train_abcd

    out = out.resolve()
    with training_state(out, kind=KIND) as state:
        fresh = not any(state.iterdir())
        try:
            trained = train_abcd(config, checkpoints=state).save(out)
        except DataError:
            if fresh:  # the same would end here again, and another config could not go on from there
                shutil.rmtree(state, ignore_errors=True)
            raise
    if trained.bias:
        typer.echo(f"warning: {trained.bias}", err=True)
    if not trained.allowed:
        typer.echo("warning: no cuts close on validation events; the closest were taken", err=True)
    return trained


def limit_step(source: Path, *, poi_value: float, level: float, theta: Theta, workspace: Path | None) -> LimitResult:
    """CLs and limits of a file of templates, or of the test events of an artefact."""
    from neyman.abcd.limits import limit_of

    templates, artefact = _templates(source)
    result = limit_of(templates, poi_value=poi_value, theta=theta, level=level, artefact=artefact)
    if workspace is not None:
        from neyman.abcd.workspace import to_workspace

        to_workspace(templates, theta=theta).save(workspace)
        typer.echo(f"workspace: {workspace}", err=True)
    return result


def _templates(source: Path) -> tuple[Templates, str | None]:
    if not source.is_dir():
        return Templates.load(source), None
    from neyman.abcd.checking import assess_test
    from neyman.abcd.trained import TrainedAbcd

    trained = TrainedAbcd.load(source)
    return assess_test(trained).templates, trained.digest


def run_steps(config: AbcdConfig, out: Path, *, command: str) -> RunResult:
    """Everything, from the config to the report. A folder that has the artefact already is not trained again."""
    from neyman.abcd.checking import assess_test, check
    from neyman.abcd.histories import training_of
    from neyman.abcd.limits import limit_of
    from neyman.abcd.trained import TrainedAbcd

    with RunFolder(out, command=command, config={"config": config.model_dump(mode="json")}, seed=config.seed):
        artefact = out / ARTEFACT
        if artefact.exists():
            trained = TrainedAbcd.load(artefact)
            forget(artefact.resolve())
        else:
            trained = train_step(config, artefact)
        typer.echo(f"trained in {trained.cpu_seconds:.0f} CPU-s: {artefact}", err=True)
        assessed = assess_test(trained)
        assessed.templates.save(out / TEMPLATES)
        result = RunResult(
            config=config.model_dump(mode="json"),
            training=training_of(trained),
            check=check(trained, assessed=assessed),
            limit=limit_of(assessed.templates, artefact=trained.digest),
            provenance=provenance(),
        )
        result.save(out / RESULTS)
        reported = _report(result, out / REPORT)
    typer.echo("\n".join(check_lines(result.check)))
    typer.echo("\n".join(limit_lines(result.limit)))
    typer.echo(f"{'report' if reported else 'results'}: {out / (REPORT if reported else RESULTS)}")
    return result


def _report(result: RunResult, path: Path) -> bool:
    if importlib.util.find_spec("neyman.report.abcd") is None:
        return False
    from neyman.report.page import save_page

    save_page(importlib.import_module("neyman.report.abcd").abcd_page(result), path)
    return True


def check_lines(result: CheckResult) -> list[str]:
    """The outcome of each check, and the limits."""
    lines = [f"{'passed' if each.passed else 'FAILED'}  {each.name}: {each.detail}" for each in result.verdicts]
    lines.append(f"expected limit {result.test.mu_limit_exp[2]:.4g}, cuts {result.test.cuts[0]:.4g} "
                 f"and {result.test.cuts[1]:.4g}, contamination {result.test.contamination:.3g}")  # fmt: skip
    if result.cut_and_count is not None:
        allowed = "" if result.cut_and_count.allowed else ", which does not close"
        lines.append(f"cut and count: expected limit {result.cut_and_count.mu_limit_exp[2]:.4g}{allowed}")
    if result.optimum is not None:
        lines.append(f"best score, known background: expected limit {result.optimum.mu_limit_exp[2]:.4g}; "
                     f"this is {result.optimum.ratio:.3g} times that")  # fmt: skip
    failed = sum(not each.passed for each in result.verdicts)
    return [*lines, f"{failed} of {len(result.verdicts)} FAILED" if failed else f"all {len(result.verdicts)} passed"]


def limit_lines(result: LimitResult) -> list[str]:
    """CLs and limits in words."""
    low, median, high = result.cls_exp[1], result.cls_exp[2], result.cls_exp[3]
    lines = [f"mu = {result.poi_value:g}: expected CLs {median:.4g} ({low:.4g} to {high:.4g})"]
    if result.cls_obs is not None:
        lines.append(f"mu = {result.poi_value:g}: observed CLs {result.cls_obs:.4g}")
    low, median, high = result.mu_limit_exp[1], result.mu_limit_exp[2], result.mu_limit_exp[3]
    confidence = f"{100 * (1 - result.level):g} %"
    lines.append(f"mu < {median:.4g} expected at {confidence} confidence ({low:.4g} to {high:.4g})")
    if result.mu_limit_obs is not None:
        lines.append(f"mu < {result.mu_limit_obs:.4g} observed at {confidence} confidence")
    return [*lines, f"non-closure: {', '.join(f'{100 * each:+.1f} %' for each in result.non_closure)}"]
