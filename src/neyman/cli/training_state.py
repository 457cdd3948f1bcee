"""The folder beside an artefact that holds the state of its training, until the artefact is whole."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from neyman.core.artefacts import check_place
from neyman.core.files import locked, make_folder, remove_leftovers


@contextlib.contextmanager
def training_state(artefact: Path, *, kind: str) -> Iterator[Path]:
    """The folder for checkpoints; it goes when the block ends well, or if there is nothing in it to resume from.

    Args:
        artefact: Where the artefact will be, resolved: `.` has no name.
        kind: What it is an artefact of.

    Raises:
        ArtefactError: If something else is there.
        InputError: If another process trains there.
    """
    check_place(artefact, kind=kind)
    state = _folder(artefact)
    make_folder(state)
    try:
        with locked(state):
            remove_leftovers(state)
            yield state
            shutil.rmtree(state, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError):
            state.rmdir()


def forget(artefact: Path) -> None:
    """Remove what an interruption left between the artefact and the end of its training."""
    shutil.rmtree(_folder(artefact), ignore_errors=True)


def _folder(artefact: Path) -> Path:
    return artefact.with_name(f"{artefact.name}.training")
