"""Run folders: where a command writes, with a `run.json` that says what ran and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from neyman.core.errors import InputError
from neyman.core.files import digest, finite, first_difference, locked, make_folder, remove_leftovers
from neyman.core.provenance import provenance
from neyman.core.results import Result

RUN = "run.json"

Status = Literal["running", "finished", "interrupted", "failed"]


class Run(Result):
    """What `run.json` holds. `running` with no process at work means that it was killed."""

    command: str
    config: dict[str, Any]
    seed: int
    digest: str
    status: Status
    started: str
    finished: str | None = None
    attempts: int = 1
    error: str | None = None
    provenance: dict[str, Any]


class RunFolder:
    """The folder of one run, to be used in a `with` statement.

    The same command with the same config and seed may enter a folder again, to resume; any other is refused.
    Ctrl-C is written down as `interrupted`, an exception as `failed`.

    Args:
        path: The folder; it is made if it is absent.
        command: The command, e.g. `"posterior train"`.
        config: All that decides about the result, as JSON can hold it.
        seed: The seed of the run.

    Raises:
        InputError: On entering: if the folder holds another run or other files, or another process is in it.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     with RunFolder(Path(place) / "run", command="demo", config={"events": 10}, seed=1) as run:
        ...         _ = (run.path / "numbers.txt").write_text("1 2 3")
        ...     Run.load(run.path / "run.json").status
        'finished'
    """

    def __init__(self, path: Path, *, command: str, config: Mapping[str, Any], seed: int) -> None:
        self.path = path
        self.previous: Run | None = None
        """The run that is resumed, as it stood on entering; None if this is the first."""
        self._stack = ExitStack()
        self._run = Run(
            command=command,
            config=finite(dict(config)),
            seed=seed,
            digest=digest({"command": command, "config": finite(dict(config)), "seed": seed}),
            status="running",
            started=_now(),
            provenance=finite(provenance()),
        )

    def __enter__(self) -> RunFolder:
        make_folder(self.path)
        with ExitStack() as stack:
            stack.enter_context(locked(self.path))
            self.previous = self._read_previous()
            remove_leftovers(self.path)
            if self.previous is not None:
                again = {"started": self.previous.started, "attempts": self.previous.attempts + 1}
                self._run = self._run.model_copy(update=again)
            self._run.save(self.path / RUN)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._stack:
            status: Status = "finished"
            error = None
            if kind is not None:
                status = "interrupted" if issubclass(kind, KeyboardInterrupt) else "failed"
                error = f"{kind.__name__}: {value}".rstrip(": ")
            ended = {"status": status, "finished": _now(), "error": error}
            self._run.model_copy(update=ended).save(self.path / RUN)

    def _read_previous(self) -> Run | None:
        file = self.path / RUN
        if not file.exists():
            others = sorted(item.name for item in self.path.iterdir() if not item.name.startswith("."))
            if others:
                raise InputError(
                    f"holds {others[0]}" + (f" and {len(others) - 1} more" if len(others) > 1 else ""),
                    where=str(self.path),
                    expected=f"an empty folder, or one with the {RUN} of this run",
                    hint="another --out",
                )
            return None
        previous = Run.load(file)
        if previous.digest != self._run.digest:
            raise InputError(
                f"holds another run: {_difference(previous, self._run)}",
                where=str(self.path),
                expected="the same command, config and seed, to resume",
                hint="another --out, or remove this folder",
            )
        return previous


def _difference(old: Run, new: Run) -> str:
    """The first thing that differs, as `seed is 1, now 2`."""
    if old.command != new.command:
        return f"'{old.command}', now '{new.command}'"
    if old.seed != new.seed:
        return f"seed {old.seed}, now {new.seed}"
    return first_difference(old.config, new.config)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
