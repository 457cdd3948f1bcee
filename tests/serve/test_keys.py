from __future__ import annotations

import pytest
from sqlalchemy import text

from neyman.core.errors import InputError
from neyman.serve import keys as module
from neyman.serve.database import connect, reading, upgrade
from neyman.serve.keys import Keys


@pytest.fixture
def engine(tmp_path):
    made = connect(f"sqlite:///{tmp_path}/serve.sqlite")
    upgrade(made)
    yield made
    made.dispose()


def test_a_key_is_what_was_printed_and_nothing_near_it(engine):
    keys = Keys(engine)
    key, token = keys.create("laptop", ["score", "batch"])
    assert keys.verify(token) == key
    assert key.scopes == {"score", "batch"}
    for other in (
        token[:-1],
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token + "A",
        token.swapcase(),
        token.replace("ny_", "ny"),
        "",
        "ny_",
        "ny_" + "0" * 12 + "_" + "A" * 43,
        token + "\n",
        "é" * 59,
    ):
        assert keys.verify(other) is None


def test_two_keys_are_two(engine):
    keys = Keys(engine)
    (first, one), (second, two) = keys.create("a", ["score"]), keys.create("a", ["score"])
    assert first.id != second.id
    assert keys.verify(one).id == first.id
    mixed = one[:16] + two[16:]  # the id of one and the secret of the other
    assert keys.verify(mixed) is None
    assert [key.id for key in keys.list()] == [first.id, second.id]


def test_the_database_has_no_secret(engine, tmp_path):
    _, token = Keys(engine).create("laptop", ["score"])
    secret = token.split("_", 2)[2]
    with reading(engine) as connection:
        row = " ".join(map(str, connection.execute(text("SELECT * FROM api_keys")).one()))
    assert secret not in row
    assert not any(secret.encode() in file.read_bytes() for file in tmp_path.iterdir())


def test_a_revoked_key_is_none_for_everybody_within_a_second(engine, monkeypatch):
    here, there = Keys(engine), Keys(engine)
    key, token = here.create("laptop", ["score"])
    assert there.verify(token) == here.verify(token) == key
    here.revoke(key.id)
    assert here.verify(token) is None
    later = module.time.monotonic() + module.REMEMBERED_SECONDS + 0.001
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    assert not there.remembers(token)
    assert there.verify(token) is None
    assert here.list()[0].revoked_at >= here.list()[0].created_at
    first = here.list()[0].revoked_at
    assert here.revoke(key.id).revoked_at == first


def test_the_database_is_asked_once_a_second(engine, monkeypatch):
    keys = Keys(engine)
    _, token = keys.create("laptop", ["score"])
    unknown = "ny_" + "0" * 12 + "_" + "A" * 43
    keys.verify(token)
    keys.verify(unknown)
    monkeypatch.setattr(Keys, "_look_up", lambda *_: pytest.fail("asked again"))
    assert keys.remembers(token)
    assert keys.verify(token)
    assert keys.verify(token[:-2] + "zz") is None
    assert keys.verify(unknown) is None


def test_guessing_does_not_fill_the_memory(engine, monkeypatch):
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 10)
    keys = Keys(engine)
    for number in range(25):
        keys.verify(f"ny_{number:012x}_{'A' * 43}")
    assert len(keys._remembered) <= 10


@pytest.mark.parametrize(
    ("name", "scopes", "says"),
    [
        ("", ["score"], "a name of 0 characters"),
        ("  ", ["score"], "expected: 1 to 200"),
        ("x" * 201, ["score"], "a name of 201"),
        ("a\nb", ["score"], "can be printed"),
        ("a", [], "scopes none"),
    ],
)
def test_what_is_no_key(name, scopes, says, engine, message):
    with pytest.raises(InputError) as error:
        Keys(engine).create(name, scopes)
    message(error, says)


def test_an_unknown_key_cannot_be_revoked(engine, message):
    with pytest.raises(InputError) as error:
        Keys(engine).revoke("0" * 12)
    message(error, "no key of this id", "neyman serve keys list")
