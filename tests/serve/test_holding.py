"""A job in hand: its heart beats whatever happens, and says when the job is lost."""

import sqlite3
import threading
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from neyman.serve import holding as module
from neyman.serve.claims import ClaimTable
from neyman.serve.database import connect, upgrade
from neyman.serve.holding import Held, JobLostError, StoppingError, persistently
from neyman.serve.jobs import JobTable

from .servers import wait_for


@pytest.fixture
def bench(tmp_path):
    """A job, its claim, and a way to hold it."""
    engine = connect(f"sqlite:///{tmp_path}/serve.sqlite")
    upgrade(engine)
    jobs, table, stop = JobTable(engine), ClaimTable(engine), threading.Event()
    job_id = jobs.submit("alice", "m", "d", "s3://events/a.parquet").id
    claim = table.claim("w", 30)

    def held():
        return Held(claim, table, lease=30, interval=0.01, stop=stop)

    yield SimpleNamespace(jobs=jobs, table=table, stop=stop, job_id=job_id, claim=claim, held=held)
    engine.dispose()


def busy():
    """What SQLite says when somebody else has written for too long."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorname = "SQLITE_BUSY"
    return OperationalError("UPDATE", {}, error)


def is_lost(held):
    try:
        held.check()
    except JobLostError:
        return True
    return False


def test_a_job_that_was_cancelled_is_let_go_of_between_writes(bench):
    with bench.held() as held:
        held.check()
        bench.jobs.cancel(bench.job_id, None)
        wait_for(lambda: is_lost(held))


def test_a_heart_outlives_a_fault_of_the_database(bench, monkeypatch):
    beats, beat = [], ClaimTable.beat

    def failing(self, claim, lease):
        beats.append(beat(self, claim, lease))
        if len(beats) < 4:
            raise busy()
        return beats[-1]

    monkeypatch.setattr(ClaimTable, "beat", failing)
    with bench.held() as held:
        wait_for(lambda: len(beats) > 5)
        held.check()  # a fault is no loss


def test_a_heart_ends_with_its_block(bench):
    with bench.held():
        assert any(thread.name == f"heartbeat of {bench.job_id}" for thread in threading.enumerate())
    assert not any(thread.name == f"heartbeat of {bench.job_id}" for thread in threading.enumerate())


def test_who_must_stop_is_told(bench):
    with bench.held() as held:
        bench.stop.set()
        with pytest.raises(StoppingError):
            held.check()


def test_what_passes_is_tried_until_it_succeeds(monkeypatch):
    monkeypatch.setattr(module, "_FIRST", 0.001)
    failures = [busy() for _ in range(3)]

    def action():
        if failures:
            raise failures.pop()
        return "answer"

    assert persistently(action, threading.Event()) == "answer"
    assert failures == []


def test_what_does_not_pass_is_raised_at_once():
    calls = []

    def wrong():
        calls.append(1)
        assert len(calls) == 1, "tried again"
        raise ProgrammingError("SELEC", {}, sqlite3.ProgrammingError("syntax"))

    with pytest.raises(ProgrammingError):
        persistently(wrong, threading.Event())


def test_a_wait_ends_when_asked_to_stop():
    stop, calls = threading.Event(), []

    def away():
        calls.append(1)
        assert len(calls) == 1, "tried again"
        stop.set()
        raise busy()

    with pytest.raises(StoppingError):
        persistently(away, stop)
