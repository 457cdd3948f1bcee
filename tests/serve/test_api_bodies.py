"""A body that is too large is neither kept nor read for ever."""

import asyncio
import tracemalloc

import pytest

from neyman.serve.api import bodies
from neyman.serve.api.bodies import read_body
from neyman.serve.api.errors import ProblemError

PIECE = 2**16


class Sender:
    """Who sends pieces, and counts those that were asked for."""

    def __init__(self, pieces):
        self.pieces, self.sent = pieces, 0

    async def receive(self):
        self.sent += 1
        assert self.sent <= self.pieces, "read on behind the end"
        return {"type": "http.request", "body": bytes(PIECE), "more_body": self.sent < self.pieces}


def refused(sender, most):
    with pytest.raises(ProblemError) as error:
        asyncio.run(read_body({}, sender.receive, most))
    assert error.value.status == 413
    assert (b"connection", b"close") in error.value.headers


def test_who_does_not_end_is_not_listened_to_for_ever(monkeypatch):
    monkeypatch.setattr(bodies, "_DISCARDED", 10 * PIECE)
    sender = Sender(10**4)
    refused(sender, most=PIECE)
    assert 2 < sender.sent <= 13


def test_what_is_too_large_is_not_kept():
    sender = Sender(200)
    tracemalloc.start()
    try:
        refused(sender, most=2 * PIECE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sender.sent == 200  # who still sends would not hear the answer
    assert peak < 20 * PIECE


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_all_of_what_is_not_too_large_is_read(pieces):
    body = asyncio.run(read_body({}, Sender(pieces).receive, pieces * PIECE))
    assert body == bytes(pieces * PIECE)
    refused(Sender(pieces), pieces * PIECE - 1)
