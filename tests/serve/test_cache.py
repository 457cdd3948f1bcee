from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from neyman.core.errors import ConfigError
from neyman.serve import redis_link
from neyman.serve.cache import MemoryCache, RedisCache, event_keys
from neyman.serve.redis_link import RedisLink

DIGEST = "ab" * 32


def test_another_bit_or_another_model_is_another_event():
    x = np.array([[1.0, 2.0], [1.0, np.nextafter(2.0, 3)], [2.0, 1.0], [1.0, 2.0]])
    first, bit, order, again = event_keys(DIGEST, x)
    assert first == again
    assert len({first, bit, order}) == 3
    assert event_keys("cd" * 32, x)[0] != first
    assert all(len(key) == 16 for key in (first, bit))
    assert event_keys(DIGEST, np.asfortranarray(x)) == [first, bit, order, again]


@pytest.fixture(params=["memory", "redis"])
def cache(request):
    if request.param == "memory":
        return MemoryCache(100)
    return RedisCache(RedisLink(request.getfixturevalue("redis")), 60)


def test_what_was_put_is_there_to_the_last_bit(cache):
    keys = [bytes([number]) * 16 for number in range(4)]
    scores = [1 / 3, -5e-324, 1.7e308]
    cache.put(keys[:3], scores)
    assert cache.get(keys) == [*scores, None]
    cache.put(keys[:1], [2.0])
    assert cache.get(keys[:1]) == [2.0]


def test_memory_forgets_what_was_not_asked_for_the_longest():
    cache = MemoryCache(3)
    keys = [bytes([number]) * 16 for number in range(5)]
    cache.put(keys[:3], [0.0, 1.0, 2.0])
    cache.get(keys[:1])
    cache.put(keys[3:4], [3.0])
    assert cache.get(keys[:4]) == [0.0, None, 2.0, 3.0]
    cache.put(keys, [9.0] * 5)
    assert sum(score is not None for score in cache.get(keys)) == 3


@pytest.mark.parametrize(
    "foreign", [b"", b"x", b"12345678901", struct.pack("<d", math.nan), struct.pack("<d", math.inf)]
)
def test_what_somebody_else_wrote_is_no_score(foreign, redis):
    link = RedisLink(redis)
    link.ask(lambda client: client.set(b"neyman:score:" + b"k" * 16, foreign))
    assert RedisCache(link, 60).get([b"k" * 16]) == [None]


def test_redis_forgets_in_time(redis):
    link = RedisLink(redis)
    RedisCache(link, 60).put([b"t" * 16], [1.0])
    left = link.ask(lambda client: client.pttl(b"neyman:score:" + b"t" * 16))
    assert 50_000 < left <= 60_000


def test_a_redis_that_is_away_knows_nothing_and_comes_back(redis, monkeypatch):
    link = RedisLink("redis://127.0.0.1:1/0")
    cache = RedisCache(link, 60)
    cache.put([b"a" * 16], [1.0])
    assert cache.get([b"a" * 16]) == [None]
    assert link.failures == 1
    there = RedisLink(redis)
    monkeypatch.setattr(link, "_client", there._client)
    assert cache.get([b"a" * 16]) == [None]  # not asked again so soon
    later = redis_link.time.monotonic() + redis_link.RETRY_SECONDS + 0.01
    monkeypatch.setattr(redis_link.time, "monotonic", lambda: later)
    cache.put([b"b" * 16], [2.0])
    assert cache.get([b"b" * 16]) == [2.0]


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1", "redis://:geheim/x@h:6379/0", "redis://h:6379/0?geheim=1", "redis://h:99999/0?db=geheim"],
)
def test_an_address_that_is_none(url, message):
    with pytest.raises(ConfigError) as error:
        RedisLink(url)
    message(error, "cache.url", "no address of a Redis")
    assert "geheim" not in str(error.value)
