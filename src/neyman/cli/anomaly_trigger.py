"""The step behind `neyman anomaly trigger`."""

from __future__ import annotations

from pathlib import Path

import typer

from neyman.anomaly.outcomes import TriggerResult
from neyman.anomaly.trigger import MenuConfig, SimulatedSamples, menu_rates
from neyman.core.executors import local_executor

COLLISIONS = "no pile-up: each collision is alone, so that rates of sums over the detector are too low"


def trigger_step(menu: Path, *, out: Path | None, workers: int | None = None) -> TriggerResult:
    """The rates of a menu, and their figure if it is asked for."""
    from neyman.anomaly.trigger_samples import load_samples

    if out is not None:
        from neyman.plots.save import format_of

        format_of(out)  # before Pythia takes minutes
    config = MenuConfig.load(menu)
    if isinstance(config.samples, SimulatedSamples):
        with local_executor(workers) as executor:
            samples = load_samples(config, executor)
    else:
        samples = load_samples(config)
    result = menu_rates(config, samples)
    if out is not None:
        from neyman.plots.save import save_figure
        from neyman.report.anomaly_trigger import rates_figure

        save_figure(rates_figure(result), out)
        typer.echo(f"figure: {out}", err=True)
    return result


def trigger_lines(result: TriggerResult) -> list[str]:
    """A line a path, and what is left of the crossings."""
    width = max(len("path"), *(len(path.name) for path in result.paths))
    lines = [f"{'path':<{width}}  prescale   rate [Hz]   68 % interval            menu so far [Hz]"]
    for path in result.paths:
        interval = f"[{path.rate_low:.4g}, {path.rate_high:.4g}]"
        lines.append(
            f"{path.name:<{width}}  {path.prescale:>8}  {path.rate:>10.4g}   {interval:<22}  {path.cumulative:>17.4g}"
        )
    lines.append(
        f"menu: {result.rate:.4g} Hz [{result.rate_low:.4g}, {result.rate_high:.4g}] of {result.crossings:.3g} Hz of"
        f" crossings at {result.luminosity:.3g} cm⁻² s⁻¹; aimed at {result.target:.4g} Hz"
    )
    if result.unseen > 0:
        silent = [sample.name for sample in result.samples if sample.rate == 0]
        lines.append(
            f"not in the intervals: {result.unseen:.3g} Hz that {'; '.join(silent)} may add at 68 %, of which no event"
            " was kept"
        )
    return [*lines, COLLISIONS]
