"""Worker processes: replaced when they die, gone when their service is, whatever ended it."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neyman.serve.database import connect, upgrade
from neyman.serve.jobs import JobTable
from neyman.serve.settings import JobSettings, LocalStorage, Settings
from neyman.serve.supervisor import Workers


@pytest.fixture
def settings(artefact, tmp_path):
    return Settings(
        models={"tiny": artefact},
        database=f"sqlite:///{tmp_path / 'serve.sqlite'}",
        storage=LocalStorage(root=tmp_path / "storage"),
        jobs=JobSettings(poll_seconds=0.05, lease_seconds=5, heartbeat_seconds=1),
    )


@pytest.fixture
def submit(settings, tmp_path, background):
    """Submit a file of events; get a function that tells how its job stands."""
    (tmp_path / "storage" / "events").mkdir(parents=True)
    names = ("mass", "pt", "phi", "jets", "time", "charge", "run")
    table = pa.table(dict(zip(names, background(500, 9).T, strict=True)))
    pq.write_table(table, tmp_path / "storage" / "events" / "e.parquet")
    engine = connect(settings.database)
    upgrade(engine)
    jobs = JobTable(engine)

    def go():
        from neyman.anomaly.runtime import Scorer

        digest = Scorer.open(settings.models["tiny"]).digest
        job = jobs.submit("somebody", "tiny", digest, "s3://events/e.parquet")
        return lambda: jobs.get(job.id, None)

    yield go
    engine.dispose()


def until(condition, seconds=180):
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up, "not within its time"
        time.sleep(0.02)
    return found


def test_workers_work_are_replaced_and_leave(settings, submit):
    with Workers(settings, 2) as workers:
        first = set(workers.pids)
        assert len(first) == 2
        job = submit()
        assert until(lambda: job().status == "done")
        victim = first.pop()
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(set(workers.pids) - {victim}) == 2)
        everyone = set(workers.pids)
        assert first < everyone  # the other one was left alone
    assert not [pid for pid in everyone if psutil.pid_exists(pid)]


def test_a_job_after_the_death_of_the_only_worker(settings, submit):
    with Workers(settings, 1) as workers:
        (victim,) = workers.pids
        os.kill(victim, signal.SIGKILL)
        job = submit()
        assert until(lambda: job().status == "done")
        assert job().rows_done == 500
        assert workers.pids != [victim]


def test_workers_do_not_outlive_a_service_that_was_killed(settings, tmp_path):
    (tmp_path / "settings.json").write_text(settings.model_dump_json())
    code = """if True:
        import sys, time
        from neyman.serve.settings import Settings
        from neyman.serve.supervisor import Workers
        with Workers(Settings.model_validate_json(open(sys.argv[1]).read()), 1) as workers:
            print(*workers.pids, flush=True)
            time.sleep(600)
    """
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "settings.json")], stdout=subprocess.PIPE, text=True
    ) as service:
        worker = psutil.Process(int(service.stdout.readline()))
        until(lambda: "sqlite" in " ".join(os.listdir(tmp_path)))  # it has begun to work
        assert worker.is_running()
        service.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        worker.wait(20)
    assert not worker.is_running()


def test_settings_with_a_password_are_in_no_list_of_processes(settings):
    with Workers(settings, 1) as workers:
        (pid,) = workers.pids
        assert "sqlite" not in " ".join(psutil.Process(pid).cmdline())


def test_a_worker_that_cannot_start_is_tried_again_but_not_at_once(settings, tmp_path, caplog):
    broken = settings.model_copy(update={"models": {"tiny": tmp_path / "nothing"}})
    with Workers(broken, 1) as workers:
        until(lambda: "ended with code 1" in caplog.text)
        assert workers.pids == []
        assert "another starts in 2 s" in caplog.text


def test_a_system_that_has_no_process_to_give_is_asked_again(settings, caplog, monkeypatch):
    with Workers(settings, 1) as workers:
        (first,) = workers.pids
        popen, asked = subprocess.Popen, []

        def refuse(*arguments, **options):
            asked.append(time.monotonic())
            if len(asked) == 1:
                raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
            return popen(*arguments, **options)

        monkeypatch.setattr("neyman.serve.supervisor.subprocess.Popen", refuse)
        os.kill(first, signal.SIGKILL)
        until(lambda: workers.pids and workers.pids != [first])
    assert len(asked) == 2
    assert "a worker cannot be started" in caplog.text
