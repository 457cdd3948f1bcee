"""Workers go on whatever is away, and say why a job has failed."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy.exc import OperationalError

from neyman.serve.claims import ClaimTable
from neyman.serve.database import connect, upgrade
from neyman.serve.jobs import JobTable, NoSuchJobError
from neyman.serve.settings import Flags, JobSettings, LocalStorage, Settings
from neyman.serve.storage.protocol import StorageUnavailableError
from neyman.serve.worker import work

from .servers import wait_for

QUICK = JobSettings(lease_seconds=1.0, heartbeat_seconds=0.2, poll_seconds=0.05, part_rows=200, max_attempts=3)


class Service:
    """A worker in a thread, on whichever database."""

    def __init__(self, folder, artefact, database, **settings):
        self.root = folder / "storage"
        self.settings = Settings(
            models={"m": artefact}, database=database, flags=Flags(fpr=0.02),
            **{"storage": LocalStorage(root=self.root), "jobs": QUICK, **settings},
        )  # fmt: skip
        self.engine = connect(database)
        upgrade(self.engine)
        self.jobs = JobTable(self.engine)
        self.stop, self.errors = threading.Event(), []

    def put(self, x, name="a"):
        from neyman.serve.backend import backends

        self.model = backends(self.settings)["m"]
        path = self.root / f"events/{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table({column: x[:, at] for at, column in enumerate(self.model.names)})
        pq.write_table(table, path, row_group_size=100)

    def submit(self, name="a", model="m", digest=None):
        return self.jobs.submit("alice", model, digest or self.model.digest, f"s3://events/{name}.parquet").id

    def start(self, trace=lambda _point: None):
        def run():
            try:
                work(self.settings, self.stop, "worker", trace=trace)
            except BaseException as error:  # noqa: BLE001 - told below
                self.errors.append(error)

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def ended(self, job_id):
        def over():
            try:
                job = self.jobs.get(job_id, None)
            except OperationalError:  # the database restarts
                return False
            return job.status not in ("queued", "running") or self.errors

        wait_for(over)
        assert self.errors == []
        return self.jobs.get(job_id, None)

    def close(self):
        self.stop.set()
        if hasattr(self, "thread"):
            self.thread.join(20)
            assert not self.thread.is_alive()
        self.engine.dispose()
        assert self.errors == []


@pytest.fixture
def service(tmp_path, artefact, database):
    service = Service(tmp_path, artefact, database)
    yield service
    service.close()


@pytest.fixture
def small(tmp_path, artefact):
    service = Service(tmp_path, artefact, f"sqlite:///{tmp_path}/serve.sqlite")
    yield service
    service.close()


def test_jobs_are_done_one_after_the_other_and_swept(service, background):
    service.put(background(500, 1))
    ids = [service.submit() for _ in range(3)]
    service.start()
    jobs = [service.ended(job_id) for job_id in ids]
    assert [job.status for job in jobs] == ["done"] * 3
    wait_for(lambda: len([path for path in (service.root / "results").rglob("*") if path.is_file()]) == 3)


def test_jobs_and_results_are_removed_after_the_time_that_the_settings_say(tmp_path, artefact, database, background):
    jobs = QUICK.model_copy(update={"keep_days": 2.0 / 86400})
    service = Service(tmp_path, artefact, database, jobs=jobs)
    service.put(background(500, 1))
    job_id = service.submit()
    service.start()
    job = service.ended(job_id)
    assert job.status == "done"
    results = service.root / job.results_file.removeprefix("s3://")
    wait_for(lambda: not results.parent.exists())
    wait_for(lambda: _unknown(service.jobs, job_id))
    assert (service.root / "events/a.parquet").exists()
    service.close()


def _unknown(jobs, job_id):
    try:
        jobs.get(job_id, None)
    except NoSuchJobError:
        return True
    return False


def test_a_wrong_file_fails_with_the_reason_and_the_worker_goes_on(small, background):
    x = background(500, 1)
    small.put(x)
    x[3, 1] = np.inf
    small.put(x, "wrong")
    wrong, missing, right = small.submit("wrong"), small.submit("missing"), small.submit()
    small.start()
    job = small.ended(wrong)
    assert job.status == "failed"
    assert "s3://events/wrong.parquet" in job.error
    assert "column 'pt' is inf in row 3 of row group 0" in job.error
    assert "no such object" in small.ended(missing).error
    assert small.ended(right).status == "done"
    assert str(small.root) not in job.error + small.ended(missing).error


def test_another_model_than_the_job_was_for(small, background):
    small.put(background(100, 1))
    replaced, removed = small.submit(digest="f" * 64), small.submit(model="other")
    small.start()
    assert "was replaced since the job came" in small.ended(replaced).error
    assert "was removed since the job came" in small.ended(removed).error


def test_a_fault_of_the_service_is_tried_again_and_not_told(small, background, caplog):
    small.put(background(500, 1))
    job_id = small.submit()
    times = []

    def fault(point):
        if point == "started":
            times.append(time.monotonic())
            raise ValueError("secret inside")

    small.start(fault)
    job = small.ended(job_id)
    assert job.status == "failed"
    assert job.error == "given up after 3 attempts: the service failed (ValueError)"
    assert len(times) == 3
    assert np.diff(times).min() > 0.9  # it waits before it tries again


def test_a_storage_that_is_away_is_waited_for(small, background, tmp_path):
    small.put(background(500, 1))
    job_id = small.submit()
    (tmp_path / "storage/results").write_text("in the way")
    small.start()
    wait_for(lambda: small.jobs.get(job_id, None).error is not None)
    job = small.jobs.get(job_id, None)
    assert (job.status, job.error) == ("queued", "the storage cannot be reached just now")
    (tmp_path / "storage/results").unlink()
    job = small.ended(job_id)
    assert (job.status, job.error) == ("done", None)


def test_a_job_waits_longer_each_time_and_never_longer_than_a_minute(small, background, monkeypatch):
    """Then the storage is back, and away again. A thousand misses in a row are as good as six."""
    small.put(background(100, 1))
    small.submit()
    claim = ClaimTable(small.engine, 3).claim("worker", 1.0)
    answers, waits = iter([False] * 1100 + [True] + [False] * 3), []

    class Tried:
        def __init__(self, *_parts):
            pass

        def run(self):
            back = next(answers, None)
            if back is None:
                small.stop.set()
            if not back:
                raise StorageUnavailableError("away")

    monkeypatch.setattr("neyman.serve.worker.Batch", Tried)
    monkeypatch.setattr(ClaimTable, "claim", lambda *_: claim)
    monkeypatch.setattr(ClaimTable, "unswept", lambda *_: [])
    monkeypatch.setattr(ClaimTable, "give_back", lambda *_, wait, blame: waits.append(wait))
    small.start()
    wait_for(small.stop.is_set)
    small.close()
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert set(waits[8:1100]) == {60}
    assert waits[1100:1103] == [1, 2, 4]


def test_stopping_gives_the_job_back(service, background):
    service.put(background(2000, 1))
    job_id = service.submit()
    service.start(lambda point: service.stop.set() if point == "part recorded" else None)
    service.thread.join(20)
    job = service.jobs.get(job_id, None)
    assert (job.status, job.rows_done) == ("queued", 200)
    service.stop.clear()
    service.start()
    assert service.ended(job_id).status == "done"


def test_a_cancelled_job_is_left_and_swept(small, background):
    small.put(background(2000, 1))
    job_id = small.submit()
    small.start(lambda point: small.jobs.cancel(job_id, None) if point == "part recorded" else None)
    assert small.ended(job_id).status == "cancelled"
    wait_for(lambda: not any(path.is_file() for path in (small.root / "results").rglob("*")))


def test_a_restart_of_postgres_is_waited_for(tmp_path, artefact, background, postgres_server, postgres):
    service = Service(tmp_path, artefact, postgres)
    service.put(background(3000, 1))
    job_id = service.submit()
    restarted = []

    def restart(point):
        if point == "part recorded" and len(restarted) < 2:
            restarted.append(point)
            postgres_server.restart()

    service.start(restart)
    job = service.ended(job_id)
    service.close()
    assert (job.status, job.attempt, len(restarted)) == ("done", 1, 2)


def test_sigterm_ends_the_process_after_giving_back(small, background, tmp_path):
    small.put(np.tile(background(2000, 1), (200, 1)))
    job_id = small.submit()
    (tmp_path / "settings.json").write_text(small.settings.model_dump_json())
    code = (
        "import signal, threading; from pathlib import Path\n"
        "from neyman.serve.settings import Settings; from neyman.serve.worker import work\n"
        "stop = threading.Event(); signal.signal(signal.SIGTERM, lambda *_: stop.set())\n"
        f"work(Settings.model_validate_json(Path({str(tmp_path / 'settings.json')!r}).read_text()), stop, 'w')"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        wait_for(lambda: small.jobs.get(job_id, None).status == "running")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    assert small.jobs.get(job_id, None).status == "queued"


def test_the_service_does_without_torch(tmp_path):
    code = (
        "import sys, neyman.serve.worker, neyman.serve.storage.s3\n"
        "bad = {'torch', 'scipy', 'pandas', 'matplotlib', 'jax'} & {name.partition('.')[0] for name in sys.modules}\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    run = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 60}
    done = subprocess.run([sys.executable, "-c", code], check=False, **run)
    assert done.returncode == 0, done.stderr
