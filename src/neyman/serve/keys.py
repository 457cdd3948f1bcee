"""API keys: who calls, and what they may do. Only a hash of the secret is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Engine, insert, select, update

from neyman.core.errors import InputError
from neyman.serve.database import now, reading, writing
from neyman.serve.tables import api_keys

Scope = Literal["score", "batch", "admin"]

SCOPES: tuple[Scope, ...] = get_args(Scope)

REMEMBERED_SECONDS = 1.0
"""How long a server may not notice that a key was revoked."""

_TOKEN = re.compile(r"ny_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_MOST_REMEMBERED = 10_000  # ids that were asked for, so that guessing does not fill the memory


@dataclass(frozen=True)
class Key:
    """A key, without its secret.

    Attributes:
        id: Its public part.
        name: What its owner calls it.
        scopes: What it may do: `score` events and explain them, submit in `batch`, see the jobs of others as `admin`.
        created_at: Seconds since 1970.
        revoked_at: Seconds since 1970; None while it is good.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: float
    revoked_at: float | None


class Keys:
    """The keys of a database; used by many threads at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._remembered: dict[str, tuple[float, tuple[Key, bytes] | None]] = {}

    def create(self, name: str, scopes: Iterable[Scope]) -> tuple[Key, str]:
        """A new key, and the text `ny_ID_SECRET` that is shown once and kept nowhere.

        Raises:
            InputError: For an empty or long name, no scope, or one that there is not.
        """
        wanted = sorted(set(scopes), key=str)
        if not wanted or not set(wanted) <= set(SCOPES):
            raise InputError(f"scopes {', '.join(wanted) or 'none'}"[:80], expected=f"some of {', '.join(SCOPES)}")
        if not name.strip() or len(name) > 200 or not name.isprintable():
            raise InputError(f"a name of {len(name)} characters", expected="1 to 200 that can be printed")
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        values = {"id": key_id, "name": name, "secret": _hash(secret).hex(), "scopes": " ".join(wanted)}
        with writing(self._engine) as connection:
            clock = now(self._engine.dialect.name)
            connection.execute(insert(api_keys).values(**values, created_at=clock))
            row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).one()
        return _key(row), f"ny_{key_id}_{secret}"

    def list(self) -> list[Key]:
        """All keys, oldest first, with those that were revoked."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)).all()
        return [_key(row) for row in rows]

    def revoke(self, key_id: str) -> Key:
        """Make a key useless; servers notice within `REMEMBERED_SECONDS`.

        Raises:
            InputError: If there is no such key.
        """
        here = api_keys.c.id == key_id
        with writing(self._engine) as connection:
            clock = now(self._engine.dialect.name)
            connection.execute(update(api_keys).where(here, api_keys.c.revoked_at.is_(None)).values(revoked_at=clock))
            row = connection.execute(select(api_keys).where(here)).one_or_none()
        if row is None:
            raise InputError("no key of this id", where=repr(key_id)[:80], expected="an id of `neyman serve keys list`")
        self._remembered.pop(key_id, None)
        return _key(row)

    def verify(self, token: str) -> Key | None:
        """The key that a text is; None if it is none, or was revoked.

        The database is asked at most once in `REMEMBERED_SECONDS` for one id, also for those that there are not.
        """
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        key_id, secret = parts.groups()
        found = self._remembered.get(key_id)
        if found is None or found[0] < time.monotonic():
            found = self._look_up(key_id)
        if found[1] is None:
            return None
        key, wanted = found[1]
        return key if hmac.compare_digest(_hash(secret), wanted) else None

    def remembers(self, token: str) -> bool:
        """Whether `verify` would answer without the database, and so at once."""
        found = self._remembered.get(token[3:15])
        return found is not None and found[0] >= time.monotonic()

    def _look_up(self, key_id: str) -> tuple[float, tuple[Key, bytes] | None]:
        until = time.monotonic() + REMEMBERED_SECONDS  # before the question: an answer may take its time
        good = select(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        with reading(self._engine) as connection:
            row = connection.execute(good).one_or_none()
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        found = until, None if row is None else (_key(row), bytes.fromhex(row.secret))
        self._remembered[key_id] = found
        return found


def _hash(secret: str) -> bytes:
    """Of 256 random bits, a plain hash is enough: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()


def _key(row: Any) -> Key:  # noqa: ANN401 - a row of the table
    scopes: frozenset[Any] = frozenset(row.scopes.split())
    return Key(row.id, row.name, scopes, float(row.created_at), row.revoked_at)
