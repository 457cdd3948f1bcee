"""What every trained object asks as it comes back from disk, so that it answers as it did or says why it cannot."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neyman.core.artefacts import MANIFEST, Artefact
from neyman.core.errors import ArtefactError, InputError, MissingDependencyError, NeymanError
from neyman.core.files import digest

_CONFIG = "config"


def with_config(
    inputs: Mapping[str, str], config: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """The inputs of an artefact, with a hash of what decides about its answers beside the weights.

    Args:
        inputs: Digests of what it was trained on, by name.
        config: What the network is built and was trained with.
        events: The columns of the events.
    """
    return {**inputs, _CONFIG: digest({"config": dict(config), "events": [dict(column) for column in events]})}


def inputs_of(artefact: Artefact) -> dict[str, str]:
    """Digests of what an artefact was trained on, by name.

    Raises:
        ArtefactError: If somebody edited its config or its columns, which are not in the weights.
    """
    inputs = {name: kept for name, kept in artefact.inputs.items() if name != _CONFIG}
    if with_config(inputs, artefact.config, artefact.events) != artefact.inputs:
        raise ArtefactError(
            "the config or the columns in the manifest are not those that it was trained with",
            where=str(artefact.path / MANIFEST),
            hint="copy or train the artefact again; a config is changed before training",
        )
    return inputs


@contextlib.contextmanager
def fitting(artefact: Artefact) -> Iterator[None]:
    """What is not as this version writes it gets one kind of error, whatever stumbles over it.

    Raises:
        ArtefactError: If the block meets something that is absent, or of another type or shape.
    """
    try:
        yield
    except (ArtefactError, MissingDependencyError):  # they say what to do, which is not to train again
        raise
    except (LookupError, TypeError, AttributeError, ValueError, RuntimeError, InputError) as error:
        reason = error.found if isinstance(error, NeymanError) else f"{type(error).__name__} {error}"
        raise ArtefactError(
            f"does not fit this version of neyman: {' '.join(reason.split())[:100]}",
            where=str(artefact.path),
            hint="train it again with this version",
        ) from error


def require_same(artefact: Artefact, found: str, difference: float, *, below: float) -> None:
    """Make sure that an artefact answers as when it was written.

    Args:
        artefact: Whose own validation events were asked for.
        found: What it says if they are answered differently.
        difference: The largest between the answers now and then; not-a-number is too large.
        below: What other libraries may do.

    Raises:
        ArtefactError: If the difference is larger.
    """
    if not difference <= below:
        raise ArtefactError(
            found,
            where=str(artefact.path),
            expected=f"less than {below:.2g}",
            hint="train it again: the libraries here compute something else than those it was made with",
        )


def require_unchanged(inputs: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Make sure that files are those of the training.

    Args:
        inputs: Digests of the files, by name.
        now: The same of the files as they are.

    Raises:
        ArtefactError: If one has changed since.
    """
    for name, kept in inputs.items():
        if now.get(name) != kept:
            raise ArtefactError("this file has changed since the training", where=name, expected=f"{kept[:12]}…")
