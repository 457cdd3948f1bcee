"""Jobs as their owners see them, on both databases."""

import threading

import pytest

from neyman.serve import database as database_module
from neyman.serve.claims import ClaimTable
from neyman.serve.database import connect, upgrade
from neyman.serve.jobs import IdempotencyConflictError, InputError, JobTable, NoSuchJobError


@pytest.fixture
def engine(database):
    engine = connect(database)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def jobs(engine):
    return JobTable(engine)


def submit(jobs, owner="alice", *, file="s3://events/a.parquet", **more):
    return jobs.submit(owner, "dimuon", "d1", file, **more)


def test_a_new_job(jobs):
    job = submit(jobs)
    assert (job.owner, job.model, job.digest, job.events_file) == ("alice", "dimuon", "d1", "s3://events/a.parquet")
    assert (job.status, job.rows_done, job.rows_total, job.fraction) == ("queued", 0, None, 0.0)
    assert (job.results_file, job.error, job.finished_at, job.attempt) == (None, None, None, 0)
    assert jobs.get(job.id, "alice") == job
    assert len(job.id) == 32


def test_a_job_of_somebody_else_is_no_job(jobs, message):
    job = submit(jobs)
    for job_id, owner in ((job.id, "bob"), ("0" * 32, "alice"), ("' OR 1=1 --", "alice"), ("", "alice")):
        for action in (jobs.get, jobs.cancel):
            with pytest.raises(NoSuchJobError) as error:
                action(job_id, owner)
            message(error, "no such job")
    assert jobs.get(job.id, None).status == "queued"


def test_lists_are_of_the_owner_and_the_newest_comes_first(jobs):
    ids = [submit(jobs, file=f"s3://events/{i}.parquet").id for i in range(3)]
    other = submit(jobs, "bob").id
    assert [job.id for job in jobs.list("alice")] == ids[::-1]
    assert [job.id for job in jobs.list("alice", limit=1)] == ids[-1:]
    assert {job.id for job in jobs.list(None)} == {*ids, other}
    assert jobs.list("carol") == []


def test_jobs_of_the_same_moment_keep_their_order(tmp_path, monkeypatch):
    """SQLite counts milliseconds, in which a fast disk takes more than one."""
    engine = connect(f"sqlite:///{tmp_path}/serve.sqlite")
    upgrade(engine)
    monkeypatch.setitem(database_module._CLOCKS, "sqlite", "1700000000.0")
    jobs, table = JobTable(engine), ClaimTable(engine)
    ids = [submit(jobs, file=f"s3://events/{i}.parquet").id for i in range(8)]
    assert {job.submitted_at for job in jobs.list(None)} == {1_700_000_000.0}
    assert [job.id for job in jobs.list("alice")] == ids[::-1]
    assert [table.claim("w", 30).job_id for _ in ids] == ids
    engine.dispose()


def test_the_same_key_is_the_same_job(jobs):
    job = submit(jobs, key="k1", body_hash="h")
    assert submit(jobs, key="k1", body_hash="h") == job
    assert submit(jobs, key="k2", body_hash="h").id != job.id
    bobs = submit(jobs, "bob", key="k1", body_hash="other")
    assert bobs.id != job.id  # keys belong to callers
    assert submit(jobs, "bob", key="k1", body_hash="other") == bobs
    assert submit(jobs, key="k1", body_hash="h") == job
    assert submit(jobs).id != submit(jobs).id
    assert len(jobs.list("alice")) == 4


def test_the_same_key_with_another_request(jobs, message):
    submit(jobs, key="k1", body_hash="h")
    with pytest.raises(IdempotencyConflictError) as error:
        submit(jobs, key="k1", body_hash="g")
    message(error, "came before with another request", "a new key")
    assert len(jobs.list("alice")) == 1


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_keys_of_a_wrong_length(jobs, message, key):
    with pytest.raises(InputError) as error:
        submit(jobs, key=key)
    message(error, f"{len(key)} characters", "1 to 200")
    assert submit(jobs, key="k" * 200).status == "queued"


def test_the_same_key_at_the_same_moment(jobs):
    found, start = [], threading.Barrier(8)

    def one():
        start.wait()
        found.append(submit(jobs, key="k", body_hash="h").id)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(jobs.list("alice")) == 1


def test_cancelling(jobs, engine):
    waiting, running, done = (submit(jobs, file=f"s3://events/{i}.parquet").id for i in range(3))
    table = ClaimTable(engine)
    jobs.cancel(waiting, "alice")
    first, second = table.claim("w", 30), table.claim("w", 30)
    assert [first.job_id, second.job_id] == [running, done]
    assert jobs.cancel(running, "alice").status == "cancelled"
    assert table.finish(second, "s3://results/x")
    assert not table.finish(first, "s3://results/y")
    assert jobs.cancel(done, "alice").status == "done"  # too late
    assert jobs.get(running, "alice").results_file is None
    assert jobs.get(running, "alice").finished_at is not None
    assert jobs.counts() == {"queued": 0, "running": 0, "done": 1, "failed": 0, "cancelled": 2}
