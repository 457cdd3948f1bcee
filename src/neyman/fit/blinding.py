"""Blinding: results of a marked workspace do not show what must not guide the analysis.

A file beside the workspace, `WS.blinding.json`, marks it. Of a workspace so marked

- each blinded parameter is shown with an offset, uniform within three expected errors, that a hash of the workspace
  and the name decides: another fit of it moves what is shown as far as it moves the truth;
- observed CLs, limits and significances are left out, expected ones are shown;
- the data of blinded regions are left out.

It guards against a glance, not against intent: who looks for the data finds them in the workspace. The offset is that
of the moment of marking: a workspace that is built anew keeps it, and so does one that is pruned, renamed or combined.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from neyman.core.errors import InputError
from neyman.core.files import digest, locked
from neyman.core.results import Result

ERRORS = 3.0
"""Largest offset, in expected errors."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BlindedParameter(_Part):
    """A parameter whose value is not shown.

    Attributes:
        seed: Hash of the workspace and the name, as they were when it was blinded.
        scale: Largest offset.

    Examples:
        >>> blinded = BlindedParameter(seed=digest(["workspace", "mu"]), scale=3.0)
        >>> print(f"{blinded.offset:.3f}")
        -0.964
    """

    seed: str = Field(pattern="^[0-9a-f]{64}$")
    scale: float = Field(gt=0)

    @property
    def offset(self) -> float:
        """What is added to the value that is shown."""
        return self.scale * (2 * int(self.seed, 16) / 2**256 - 1)


class Opening(_Part):
    """A time that somebody looked.

    Attributes:
        who: Name of the user.
        when: Time, in UTC.
        command: What was called.
        workspace: Digest of the workspace.
    """

    who: str
    when: str
    command: str
    workspace: str


class Blinding(Result):
    """The mark.

    Attributes:
        parameters: Blinded parameters, by name.
        regions: Channels whose data are hidden.
        openings: Who looked.
    """

    parameters: dict[str, BlindedParameter]
    regions: tuple[str, ...]
    openings: tuple[Opening, ...] = ()

    def offset(self, parameter: str) -> float:
        """What is added to the value of a parameter; zero if it is not blinded."""
        return self.parameters[parameter].offset if parameter in self.parameters else 0.0


def mark_path(workspace: Path | str) -> Path:
    """Where the mark of a workspace is, or would be; a link leads to the file that it points to.

    Examples:
        >>> mark_path("ws.json").name
        'ws.json.blinding.json'
    """
    path = Path(workspace).resolve()
    return path.with_name(f"{path.name}.blinding.json")


def load_mark(workspace: Path | str) -> Blinding | None:
    """The mark of a workspace; None if there is none.

    Raises:
        InputError: If there is one that cannot be read: nothing is shown for that.
    """
    path = mark_path(workspace)
    return Blinding.load(path) if path.exists() else None


def hidden_regions(workspace: Path | str) -> tuple[str, ...]:
    """Channels of a workspace whose data are not to be shown.

    Raises:
        InputError: If the mark cannot be read.
    """
    mark = load_mark(workspace)
    return mark.regions if mark else ()


def blind(
    workspace: Path | str, *, digest_of: str, errors: Mapping[str, float], regions: Sequence[str] = ()
) -> Blinding:
    """Mark a workspace; what was blinded before stays so, with its offset.

    Args:
        workspace: The file.
        digest_of: Its digest.
        errors: Expected errors of the parameters to blind, by name: from Asimov data, as those from the data would
            tell about them.
        regions: Channels whose data are to be hidden.

    Raises:
        InputError: If there is nothing to blind, or an error is not a positive number.
    """
    if not errors and not regions:
        raise InputError("nothing to blind", expected="a parameter, or a region")
    for name, error in errors.items():
        if not 0 < error < float("inf"):
            raise InputError(f"expected error {error} of '{name}'", expected="a positive number",
                             hint="is the parameter free, and does it change the yields?")  # fmt: skip
    new = {
        name: BlindedParameter(seed=digest([digest_of, name]), scale=ERRORS * error) for name, error in errors.items()
    }
    return _join(workspace, Blinding(parameters=new, regions=tuple(regions)))


def carry(
    sources: Sequence[Path | str],
    out: Path | str,
    *,
    parameters: Mapping[str, str] | None = None,
    regions: Mapping[str, str] | None = None,
) -> None:
    """Mark a workspace that is made from marked ones; to be called before it is written.

    Args:
        sources: What it is made from.
        out: Where it will be.
        parameters: New names of parameters, by the old ones.
        regions: New names of channels, by the old ones.

    Raises:
        InputError: If a mark cannot be read or written.
    """
    for mark in filter(None, map(load_mark, sources)):
        renamed = {(parameters or {}).get(name, name): each for name, each in mark.parameters.items()}
        places = tuple((regions or {}).get(name, name) for name in mark.regions)
        _join(out, Blinding(parameters=renamed, regions=places))


def _join(workspace: Path | str, new: Blinding) -> Blinding:
    old = load_mark(workspace) or Blinding(parameters={}, regions=())
    mark = Blinding(
        parameters={**new.parameters, **old.parameters},
        regions=tuple(dict.fromkeys([*old.regions, *new.regions])),
        openings=old.openings,
    )
    mark.save(mark_path(workspace))
    return mark


def record_opening(workspace: Path | str, *, command: str, digest_of: str) -> None:
    """Write down that somebody looks; to be called before anything is shown.

    Raises:
        InputError: If the mark cannot be read, or another process is writing.
        OSError: If it cannot be written.
    """
    path = mark_path(workspace)
    if not path.exists():
        return
    with locked(path.parent):
        mark = Blinding.load(path)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        opening = Opening(who=_user(), when=now, command=command, workspace=digest_of)
        mark.model_copy(update={"openings": (*mark.openings, opening)}).save(path)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without names of users
        return "unknown"


def refuse_fixed(mark: Blinding, fixed: Mapping[str, float]) -> None:
    """Refuse to hold a blinded parameter: a few fits with it at known values give away where the minimum is.

    Raises:
        InputError: If one is to be held.
    """
    for name in fixed:
        if name in mark.parameters:
            raise InputError(f"'{name}' is blinded and cannot be fixed", hint="--unblind, which is recorded")
