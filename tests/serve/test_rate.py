from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.serve import rate as module
from neyman.serve.rate import LocalLimiter, SharedLimiter
from neyman.serve.redis_link import RedisLink


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_burst_then_a_steady_rate():
    clock = Clock()
    limiter = LocalLimiter(rate=10, burst=3, clock=clock)
    assert [limiter.take("a") for _ in range(3)] == [0, 0, 0]
    assert limiter.take("a") == pytest.approx(0.1)
    clock.now += 0.05
    assert limiter.take("a") == pytest.approx(0.05)
    clock.now += 0.0501
    assert limiter.take("a") == 0
    assert limiter.take("b") == 0
    clock.now += 1000
    assert [limiter.take("a") for _ in range(4)][:3] == [0, 0, 0]
    assert limiter.take("a") > 0


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200), st.floats(1, 50), st.integers(1, 20))
def test_never_more_than_the_burst_and_what_flowed_in(pauses, rate, burst):
    clock = Clock()
    limiter = LocalLimiter(rate, burst, clock)
    granted = 0
    for pause in pauses:
        clock.now += pause
        granted += limiter.take("a") == 0
    assert granted <= burst + rate * sum(pauses) + 1e-6


def test_buckets_that_are_full_again_are_forgotten(monkeypatch):
    monkeypatch.setattr(module, "_MOST", 10)
    clock = Clock()
    limiter = LocalLimiter(rate=10, burst=1, clock=clock)
    for number in range(100):
        limiter.take(str(number))
        clock.now += 0.05
    assert len(limiter._buckets) <= 11
    limiter = LocalLimiter(rate=0.001, burst=1, clock=clock)
    limiter.take("mine")
    for number in range(30):
        limiter.take(str(number))
    assert limiter.take("mine") > 0


def test_many_servers_share_a_bucket(redis):
    first, second = (SharedLimiter(RedisLink(redis), rate=0.5, burst=4) for _ in range(2))
    assert [first.take("shared"), second.take("shared"), first.take("shared"), second.take("shared")] == [0] * 4
    assert 1 < first.take("shared") <= 2
    assert 1 < second.take("shared") <= 2
    assert second.take("another") == 0


def test_a_shared_bucket_fills_at_its_rate(redis):
    rate, granted = 50.0, 0
    limiter = SharedLimiter(RedisLink(redis), rate, burst=1)
    begin = time.monotonic()
    while granted < 10 and time.monotonic() < begin + 20:
        wait = limiter.take("steady")
        granted += wait == 0
        assert 0 <= wait <= 1 / rate
        time.sleep(0.001)
    assert granted == 10
    assert granted <= 1.5 + rate * (time.monotonic() - begin)  # however slow this computer is


def test_each_has_its_own_while_redis_is_away():
    link = RedisLink("redis://127.0.0.1:1/0")
    limiter = SharedLimiter(link, rate=0.5, burst=2)
    assert [limiter.take("a") for _ in range(2)] == [0, 0]
    assert limiter.take("a") > 0
    assert link.failures == 1  # the others did not wait for it
    link.close()
