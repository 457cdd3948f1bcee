"""Progress on stderr: a bar with a rate on a terminal, gone when done; a line a minute in a log."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

SECONDS_BETWEEN_LINES = 60.0

Advance = Callable[..., None]
"""`advance(n, note="")`: n more units are done; the note stands behind the bar."""


class _Rate(ProgressColumn):
    """Units per second since the task began."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{_short(task.speed or 0.0)} {self.unit}/s", style="progress.data.speed")


def _short(value: float) -> str:
    for scale, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= scale:
            return f"{value / scale:.1f}{suffix}"
    return f"{value:.1f}"


@contextlib.contextmanager
def progress(title: str, *, total: int, unit: str, done: int = 0) -> Iterator[Advance]:
    """A bar for a loop of `total` units of which `done` are done already.

    When stderr is no terminal there is no bar, but now and then a line, so that logs stay readable and a job on a
    batch system can be seen to live.
    """
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(unit),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task(title, total=total, completed=done, note="")

        said = time.monotonic()

        def advance(units: int, note: str = "") -> None:
            nonlocal said
            bar.update(task, advance=units, note=note)
            if not console.is_terminal and time.monotonic() - said >= SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                line = f"{title}: {bar.tasks[task].completed:,.0f} of {total:,} {unit}" + (f", {note}" if note else "")
                console.print(line, highlight=False, markup=False, soft_wrap=True)

        yield advance
