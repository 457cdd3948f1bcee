"""Jobs as workers see them: leases, fences, attempts, on both databases and with many at once."""

import threading
import time

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from neyman.serve.claims import ClaimTable, Part
from neyman.serve.database import connect, now, upgrade, writing
from neyman.serve.jobs import JobTable
from neyman.serve.tables import jobs as table_of_jobs

LONG, SHORT = 30.0, 0.05


@pytest.fixture
def engine(database):
    engine = connect(database)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def jobs(engine):
    return JobTable(engine)


@pytest.fixture
def table(engine):
    return ClaimTable(engine, max_attempts=3)


def submit(jobs, number=0):
    return jobs.submit("alice", "dimuon", "d1", f"s3://events/{number}.parquet").id


def part(number=0, rows=10, key="k"):
    return Part(number, f"s3://results/{key}", rows, "c" * 64, "r" * 64)


def let_the_lease_run_out(engine, job_id):
    with writing(engine) as connection:
        over = now(engine.dialect.name) - 1
        connection.execute(table_of_jobs.update().where(table_of_jobs.c.id == job_id).values(lease_until=over))


def test_nothing_to_claim(table):
    assert table.claim("w", LONG) is None


def test_the_oldest_first_and_each_once(jobs, table):
    ids = [submit(jobs, i) for i in range(3)]
    assert [table.claim("w", LONG).job_id for _ in range(3)] == ids
    assert table.claim("w", LONG) is None
    assert [jobs.get(job_id, None).status for job_id in ids] == ["running"] * 3


def test_a_claim_says_what_to_do(jobs, table):
    job_id = submit(jobs)
    claim = table.claim("w", LONG)
    assert (claim.job_id, claim.worker, claim.attempt) == (job_id, "w", 1)
    assert (claim.model, claim.digest, claim.events_file) == ("dimuon", "d1", "s3://events/0.parquet")
    assert claim.fingerprint is None


def test_progress_and_results(jobs, table):
    job_id = submit(jobs)
    claim = table.claim("w", LONG)
    assert table.start(claim, "f", 30)
    assert table.record_part(claim, part(0), 10)
    assert table.record_part(claim, part(1, 20), 30)
    job = jobs.get(job_id, None)
    assert (job.rows_done, job.rows_total, job.fraction) == (30, 30, 1.0)
    assert table.parts(claim) == [part(0), part(1, 20)]
    assert table.finish(claim, "s3://results/r")
    job = jobs.get(job_id, None)
    assert (job.status, job.results_file, job.error) == ("done", "s3://results/r", None)
    assert job.finished_at >= job.submitted_at


def test_a_silent_worker_loses_its_job_and_a_zombie_changes_nothing(jobs, table):
    job_id = submit(jobs)
    zombie = table.claim("zombie", SHORT)
    table.start(zombie, "f", 30)
    table.record_part(zombie, part(0, key="first"), 10)
    time.sleep(2 * SHORT)
    heir = table.claim("heir", LONG)
    assert (heir.job_id, heir.attempt, heir.fingerprint) == (job_id, 2, "f")
    assert table.parts(heir) == [part(0, key="first")]
    before = jobs.get(job_id, None)
    assert not table.beat(zombie, LONG)
    assert not table.start(zombie, "g", 1)
    assert not table.record_part(zombie, part(1, key="zombie"), 20)
    assert not table.finish(zombie, "s3://results/zombie")
    assert not table.fail(zombie, "no")
    assert not table.give_back(zombie)
    assert jobs.get(job_id, None) == before
    assert table.parts(heir) == [part(0, key="first")]
    assert table.finish(heir, "s3://results/heir")
    assert not table.finish(zombie, "s3://results/zombie")
    assert jobs.get(job_id, None).results_file == "s3://results/heir"


def test_the_same_worker_is_fenced_out_by_its_attempt(jobs, table, engine):
    job_id = submit(jobs)
    first = table.claim("w", LONG)
    let_the_lease_run_out(engine, job_id)
    second = table.claim("w", LONG)
    assert not table.beat(first, LONG)
    assert table.beat(second, LONG)


def test_a_beat_keeps_a_job(jobs, table):
    submit(jobs)
    claim = table.claim("w", 0.5)
    for _ in range(4):
        time.sleep(0.2)
        assert table.beat(claim, 0.5)
        assert table.claim("other", LONG) is None


def test_the_clock_is_the_databases(jobs, table, monkeypatch):
    """The clocks of hosts disagree: one that is fast takes nobody's job, one that is slow keeps its own."""
    submit(jobs)
    claim, own = table.claim("w", LONG), time.time
    monkeypatch.setattr(time, "time", lambda: own() + 3600)
    assert table.claim("fast", LONG) is None
    monkeypatch.setattr(time, "time", lambda: own() - 3600)
    assert table.beat(claim, LONG)
    assert table.claim("slow", LONG) is None
    monkeypatch.undo()
    assert table.claim("right", LONG) is None


def test_one_who_is_late_but_not_replaced_may_go_on(jobs, table, engine):
    job_id = submit(jobs)
    claim = table.claim("w", LONG)
    let_the_lease_run_out(engine, job_id)
    assert table.finish(claim, "s3://results/r")


def test_writes_can_be_repeated_when_their_answer_was_lost(jobs, table):
    job_id = submit(jobs)
    claim = table.claim("w", LONG)
    for _ in range(2):
        assert table.start(claim, "f", 10)
        assert table.record_part(claim, part(), 10)
    assert table.parts(claim) == [part()]
    assert jobs.get(job_id, None).rows_done == 10
    for _ in range(2):
        assert table.finish(claim, "s3://results/r")
    assert jobs.get(job_id, None).status == "done"


def test_a_cancelled_job_is_lost(jobs, table):
    job_id = submit(jobs)
    claim = table.claim("w", LONG)
    jobs.cancel(job_id, None)
    assert not table.beat(claim, LONG)
    assert not table.record_part(claim, part(), 10)
    assert not table.finish(claim, "s3://results/r")
    assert table.parts(claim) == []


def test_failing(jobs, table):
    job_id = submit(jobs)
    assert table.fail(table.claim("w", LONG), "no column 'pt'")
    job = jobs.get(job_id, None)
    assert (job.status, job.error) == ("failed", "no column 'pt'")
    assert job.finished_at is not None
    assert table.claim("w", LONG) is None


def test_giving_back(jobs, table):
    job_id = submit(jobs)
    for attempt in range(1, 8):  # more often than attempts are allowed: a restart is no fault of the job
        claim = table.claim("w", LONG)
        assert claim.attempt == attempt
        assert table.give_back(claim, "the storage cannot be reached just now")
        assert jobs.get(job_id, None).status == "queued"
        assert jobs.get(job_id, None).error == "the storage cannot be reached just now"
    assert table.finish(table.claim("w", LONG), "s3://results/r")
    assert jobs.get(job_id, None).error is None


def test_waiting(jobs, table):
    submit(jobs)
    table.give_back(table.claim("w", LONG), wait=0.3)
    assert table.claim("w", LONG) is None
    time.sleep(0.4)
    assert table.claim("w", LONG) is not None


def test_a_job_that_is_to_blame_has_so_many_attempts(jobs, table):
    job_id = submit(jobs)
    for _ in range(3):
        assert table.give_back(table.claim("w", LONG), "the service failed (MemoryError)", blame=True)
    assert table.claim("w", LONG) is None
    job = jobs.get(job_id, None)
    assert job.status == "failed"
    assert job.error == "given up after 3 attempts: the service failed (MemoryError)"


def test_a_job_that_kills_its_workers_does_not_do_so_for_ever(jobs, table, engine):
    job_id, other = submit(jobs), submit(jobs, 1)
    for _ in range(3):
        assert table.claim("w", LONG).job_id == job_id
        let_the_lease_run_out(engine, job_id)
    assert table.claim("w", LONG).job_id == other
    assert "given up after 3 attempts: its worker was lost each time" in jobs.get(job_id, None).error


def test_progress_forgives(jobs, table, engine):
    job_id = submit(jobs)
    for number in range(10):
        claim = table.claim("w", LONG)
        assert table.record_part(claim, part(number), 10 * number)
        let_the_lease_run_out(engine, job_id)
    assert jobs.get(job_id, None).status == "running"


def test_the_attempt_that_made_progress_is_counted(jobs, table, engine):
    job_id = submit(jobs)
    for attempt in range(1, 6):
        claim = table.claim("w", LONG)
        assert claim.attempt == attempt
        if attempt == 3:
            assert table.record_part(claim, part(), 10)
        let_the_lease_run_out(engine, job_id)
    assert table.claim("w", LONG) is None
    assert "given up after 3 attempts" in jobs.get(job_id, None).error


def test_what_is_left_to_sweep(jobs, table, engine):
    done, failed, cancelled, running = (submit(jobs, i) for i in range(4))
    claims = [table.claim("w", LONG) for _ in range(4)]
    table.record_part(claims[0], part(), 10)
    table.finish(claims[0], "s3://results/r")
    table.fail(claims[1], "no")
    jobs.cancel(cancelled, None)
    assert dict(table.unswept()) == {done: "s3://results/r", failed: None}  # the third may still be written to
    let_the_lease_run_out(engine, cancelled)
    assert cancelled in dict(table.unswept())
    for job_id in (done, failed, cancelled):
        table.mark_swept(job_id)
    assert table.unswept() == []
    assert table.parts(claims[0]) == []
    assert jobs.get(running, None).status == "running"


def test_what_is_over_for_long_enough_is_forgotten_with_its_idempotency_key(jobs, table, engine):
    def again():
        return jobs.submit("alice", "dimuon", "d1", "s3://events/0.parquet", key="once", body_hash="h").id

    done = again()
    waiting, failed, recent = (submit(jobs, i) for i in range(1, 4))
    claims = {job_id: table.claim("w", LONG) for job_id in (done, waiting, failed, recent)}
    table.record_part(claims[done], part(), 10)
    assert table.finish(claims[done], "s3://results/r")
    assert table.fail(claims[failed], "no")
    assert table.fail(claims[recent], "no")
    assert table.expired(0) == []  # their parts are still there
    for job_id in (done, failed, recent):
        table.mark_swept(job_id)
    with writing(engine) as connection:
        clock = now(engine.dialect.name)
        for job_id in (done, waiting, failed):
            connection.execute(
                table_of_jobs.update().where(table_of_jobs.c.id == job_id).values(finished_at=clock - 100)
            )
    assert set(table.expired(90)) == {done, failed}
    assert len(table.expired(90, limit=1)) == 1
    assert table.expired(110) == []
    assert again() == done
    table.forget(done)
    table.forget(done)  # another worker may do the same
    assert table.expired(90) == [failed]
    assert again() != done


def test_no_two_workers_get_the_same_job(jobs, engine):
    ids = [submit(jobs, i) for i in range(40)]
    claims, errors = [], []

    def one(name):
        try:
            table = ClaimTable(engine)
            while (claim := table.claim(name, LONG)) is not None:
                claims.append(claim)
                assert table.finish(claim, f"s3://results/{claim.job_id}")
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=one, args=(f"w{i}",)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(claim.job_id for claim in claims) == sorted(ids)


def test_nobody_waits_for_a_job_that_another_is_just_taking(postgres):
    engine = connect(f"{postgres}?options=-c%20lock_timeout%3D2000")  # who waits gets an error
    upgrade(engine)
    jobs, table = JobTable(engine), ClaimTable(engine)
    taken, free = submit(jobs), submit(jobs, 1)
    with writing(engine) as other:
        other.execute(sa.select(table_of_jobs).where(table_of_jobs.c.id == taken).with_for_update())
        assert table.claim("w", LONG).job_id == free
        assert table.claim("w", LONG) is None
    assert table.claim("w", LONG).job_id == taken
    engine.dispose()


class Machine(RuleBasedStateMachine):
    """Any order of events: whoever was claimed last, and nobody else, can write; what has ended stays as it ended."""

    claims = Bundle("claims")

    def __init__(self):
        super().__init__()
        self.engine = connect(self.url)
        with writing(self.engine) as connection:
            for name in ("idempotency", "job_parts", "jobs"):
                connection.execute(sa.text(f"DELETE FROM {name}"))
        self.jobs, self.table = JobTable(self.engine), ClaimTable(self.engine, max_attempts=10**6)
        self.holders, self.ended, self.silent = {}, {}, set()

    def teardown(self):
        self.engine.dispose()

    @rule()
    def submit(self):
        self.holders[submit(self.jobs)] = None

    @rule(target=claims, worker=st.sampled_from(["a", "b"]))
    def claim(self, worker):
        claim = self.table.claim(worker, LONG)
        free = [job for job in self.holders if self._is_free(job)]
        assert (claim.job_id if claim else None) == (free[0] if free else None)
        if claim is None:
            return multiple()
        self.holders[claim.job_id] = claim
        self.silent.discard(claim.job_id)
        return claim

    @rule(claim=claims)
    def run_out(self, claim):
        if self._has(claim):
            let_the_lease_run_out(self.engine, claim.job_id)
            self.silent.add(claim.job_id)

    @rule(claim=claims)
    def record(self, claim):
        assert self.table.record_part(claim, part(), 10) == self._has(claim)

    @rule(claim=claims)
    def beat(self, claim):
        assert self.table.beat(claim, LONG) == self._has(claim)
        if self._has(claim):
            self.silent.discard(claim.job_id)

    @rule(claim=claims)
    def give_back(self, claim):
        assert self.table.give_back(claim) == self._has(claim)
        if self._has(claim):
            self.holders[claim.job_id] = None
            self.silent.discard(claim.job_id)

    @rule(claim=claims)
    def finish(self, claim):
        result = f"s3://results/{claim.attempt}"
        mine = self.ended.get(claim.job_id) == ("done", result)
        assert self.table.finish(claim, result) == (self._has(claim) or mine)
        if self._has(claim):
            self.ended[claim.job_id] = ("done", result)

    @rule(claim=claims)
    def cancel(self, claim):
        self.jobs.cancel(claim.job_id, None)
        self.ended.setdefault(claim.job_id, ("cancelled", None))

    @invariant()
    def what_has_ended_stays(self):
        for job_id, (status, result) in self.ended.items():
            job = self.jobs.get(job_id, None)
            assert (job.status, job.results_file) == (status, result)

    def _is_free(self, job_id):
        return job_id not in self.ended and (self.holders[job_id] is None or job_id in self.silent)

    def _has(self, claim):
        return self.holders[claim.job_id] == claim and claim.job_id not in self.ended


def test_any_order_of_events(database):
    from hypothesis.stateful import run_state_machine_as_test

    engine = connect(database)
    upgrade(engine)
    engine.dispose()
    machine = type("Machine", (Machine,), {"url": database})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=15, stateful_step_count=20, deadline=None, derandomize=True)
    )
