"""The steps behind `neyman serve keys`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from neyman.cli.serve_settings import database
from neyman.serve.database import connect, unusable, upgrade
from neyman.serve.keys import SCOPES, Keys

if TYPE_CHECKING:
    from neyman.serve.keys import Key


@contextlib.contextmanager
def opened(url: str) -> Iterator[Keys]:
    """The keys in a database, whose tables are made if they are not there.

    Raises:
        InputError: If it is no address of a database, or there is something else.
        NeymanError: If the database does not answer.
    """
    engine = connect(url)
    try:
        upgrade(engine)
        yield Keys(engine)
    except SQLAlchemyError as error:
        raise unusable(error, engine) from error
    finally:
        engine.dispose()


def create_step(name: str, scopes: Sequence[str], settings: Path | None, *, as_json: bool) -> str:
    """Make a key; this is the only time that its secret is seen."""
    with opened(database(settings)) as keys:
        key, token = keys.create(name, [scope for scope in SCOPES if scope in scopes])
    if as_json:
        return json.dumps(_fields(key) | {"key": token}, ensure_ascii=False)
    return "\n".join([token, f"shown this once; {key.name} may: {_scopes(key)}"])


def list_step(settings: Path | None, *, as_json: bool) -> str:
    """All keys, the oldest first."""
    with opened(database(settings)) as keys:
        found = keys.list()
    if as_json:
        return json.dumps({"keys": [_fields(key) for key in found]}, ensure_ascii=False)
    rows = [("id", "scopes", "created", "revoked", "name")]
    rows += [
        (key.id, _scopes(key), str(_time(key.created_at)), _time(key.revoked_at) or "—", key.name) for key in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(text.ljust(n) for text, n in zip(row, widths, strict=True)).rstrip() for row in rows)


def revoke_step(key_id: str, settings: Path | None) -> str:
    """Revoke a key; to do so twice is no mistake."""
    with opened(database(settings)) as keys:
        key = keys.revoke(key_id)
    return f"{key.id} of {key.name} is revoked"


def _fields(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": _time(key.created_at),
        "revoked_at": _time(key.revoked_at),
    }


def _scopes(key: Key) -> str:
    return " ".join(sorted(key.scopes, reverse=True))


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
