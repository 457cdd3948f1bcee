"""Workers and servers that are killed and frozen at points of their work, and whether anything was lost by it.

Run as a program this is a worker, or a server of HTTP, that ends or freezes itself at one point;
`benchmarks/validate_serve.py` and `test_chaos.py` start them.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

POINTS = ("claimed", "started", "part written", "part recorded", "results written", "committed")
"""Of a worker."""

SERVER_POINTS = ("job asked for", "job recorded", "state read")
"""Of a server: the second is between the commit of a job and the answer that tells of it."""

LEASE = 1.5


def tracing(log, point, nth, action):
    """A function that logs the points that it is told of; `action` (kill, freeze, none) is at the n-th time of one."""
    count, lock = 0, threading.Lock()

    def trace(passed):
        nonlocal count
        with lock:
            count += passed == point
            now = passed == point and count == int(nth)
            with Path(log).open("a") as handle:
                line = {"pid": os.getpid(), "point": passed, "action": action if now else None, "time": time.time()}
                handle.write(json.dumps(line) + "\n")
            if now and action != "none":
                os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)

    return trace


def worker(settings, trace):
    """Work until the parent closes the pipe."""
    from neyman.serve.worker import work

    stop = threading.Event()

    def listen():
        os.read(0, 1)
        stop.set()

    threading.Thread(target=listen, daemon=True).start()
    work(settings, stop, "chaos", trace=trace)


def server(settings, trace):
    """Serve HTTP until the parent closes the pipe."""
    from neyman.serve.jobs import JobTable
    from neyman.serve.service import listening, serve

    submit, get = JobTable.submit, JobTable.get

    def submitted(*arguments, **options):
        trace("job asked for")
        job = submit(*arguments, **options)
        trace("job recorded")
        return job

    def got(*arguments):
        job = get(*arguments)
        trace("state read")
        return job

    def listen():
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGINT)

    JobTable.submit, JobTable.get = submitted, got
    threading.Thread(target=listen, daemon=True).start()
    with listening(settings) as listener:
        serve(settings, listener)


def start(role, settings, folder, point, nth, action):
    """This file as a program."""
    with (folder / f"{role}s.log").open("a") as errors:
        return subprocess.Popen(
            [sys.executable, __file__, role, str(settings), str(folder / "log.jsonl"), point, str(nth), action],
            stdin=subprocess.PIPE, stdout=errors, stderr=errors, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip


def planned(rng, points, kills, freezes):
    """What is done at which points: each of them at least once if there are so many, then at random."""
    actions = ["kill"] * kills + ["freeze"] * freezes
    rng.shuffle(actions)
    at = [points[i % len(points)] for i in range(len(actions))]
    rng.shuffle(at)
    return list(zip(at, actions, strict=True))


def stopped(pid):
    """Whether a process was frozen."""
    import psutil

    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


class Front:
    """The HTTP server of a service, started again whenever it was killed.

    Args:
        settings: Of the service; workers are others.
        folder: For logs.
        plan: Point and action for one server after the other.
        rng: Draws how often a point is passed before.

    Attributes:
        kills: By point.
        freezes: By point; each lasts for two seconds.
        plan: What is still to be done.
    """

    def __init__(self, settings, folder, plan, rng):
        from neyman.serve.database import connect
        from neyman.serve.keys import Keys

        from .servers import free_port

        engine = connect(settings.database)
        _, self.key = Keys(engine).create("chaos", ["batch"])
        engine.dispose()
        self._settings, self._folder, self._rng = folder / "server.json", folder, rng
        port, jobs = free_port(), settings.jobs.model_copy(update={"workers": 0})
        changed = settings.model_copy(update={"port": port, "jobs": jobs})
        self._settings.write_text(changed.model_dump_json())
        self.url = f"http://127.0.0.1:{port}"
        self.plan, self.kills, self.freezes, self.wrong = plan, Counter(), Counter(), []
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self):
        self._start()
        self._keeper.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._keeper.join()
        self._process.stdin.close()
        if self._process.wait(30) != 0:
            self.wrong.append(f"the server ended with code {self._process.returncode}")

    @property
    def busy(self):
        """Whether there is something left to be done to a server."""
        return bool(self.plan) or self._action != "none"

    def _start(self):
        self._point, self._action = self.plan.pop(0) if self.plan else ("nowhere", "none")
        nth = self._rng.randint(1, 20) if self._point == "state read" else 1
        self._process = start("server", self._settings, self._folder, self._point, nth, self._action)

    def _keep(self):
        while not self._ending.wait(0.05):
            if self._process.poll() is not None:
                self._process.stdin.close()
                if (self._action, self._process.returncode) == ("kill", -signal.SIGKILL):
                    self.kills[self._point] += 1
                else:
                    self.wrong.append(f"the server ended with code {self._process.returncode}")
                    if len(self.wrong) > 3:
                        return
                self._start()
            elif self._action == "freeze" and stopped(self._process.pid):
                time.sleep(2)
                self._process.send_signal(signal.SIGCONT)
                self.freezes[self._point] += 1
                self._action = "none"
                if self.plan:  # it makes room for the next, between two requests or within one
                    self._process.kill()
                    self._process.wait()
                    self._process.stdin.close()
                    self._start()


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        kills: Workers that were killed, by point.
        freezes: Workers that were frozen beyond their lease and woken up, by point.
        server_kills: Servers of HTTP that were killed, by point.
        server_freezes: Servers that were frozen for two seconds, by point.
        jobs: How many were submitted.
        attempts: How often they were begun, all together.
        wrong: What was not as it should be, in words; empty if all was.
        seconds: How long it took.
    """

    kills: Counter = field(default_factory=Counter)
    freezes: Counter = field(default_factory=Counter)
    server_kills: Counter = field(default_factory=Counter)
    server_freezes: Counter = field(default_factory=Counter)
    jobs: int = 0
    attempts: int = 0
    wrong: list = field(default_factory=list)
    seconds: float = 0.0


class Chaos:
    """Jobs and those who do them.

    Args:
        settings: Of the service, with leases of `LEASE`.
        folder: For logs.
        x: The events, which are in the first of the files; all columns of the model in order.
        kills: How many workers to kill.
        freezes: How many to freeze.
        server: How many servers to kill and to freeze.
        seed: Of what is done where.
        disturb: Functions that are called one after the other while there is work, e.g. to restart a server.
    """

    def __init__(self, settings, folder, x, *, kills, freezes, server=(0, 0), seed, disturb=()):
        self.settings, self.folder, self.x = settings, folder, x
        rng = random.Random(seed)
        self.plan = [(point, rng.randint(1, 4) if "part" in point else 1, action)
                     for point, action in planned(rng, POINTS, kills, freezes)]  # fmt: skip
        self.disturb = list(disturb)
        self.outcome, self.workers, self.frozen = Outcome(), {}, {}
        self.front = Front(settings, folder, planned(rng, SERVER_POINTS, *server), rng)
        (folder / "settings.json").write_text(settings.model_dump_json())

    def run(self, jobs, files, deadline=900.0):
        """Submit a job for each file, keep two workers at it until all is done and the plan is carried out.

        Args:
            jobs: The `JobTable`.
            files: Addresses of equal files with the events.
            deadline: Seconds.
        """
        from neyman.serve.backend import backends
        from neyman.serve.client import Client

        self.jobs, self.model = jobs, backends(self.settings)["m"]
        began = time.monotonic()
        try:
            with self.front, Client(self.front.url, self.front.key, attempts=12) as client:
                ids = self._until_done(client, files, began + deadline)
        finally:
            self._end()
        self.outcome.seconds = time.monotonic() - began
        self.outcome.jobs = len(ids)
        self.outcome.server_kills, self.outcome.server_freezes = self.front.kills, self.front.freezes
        self.outcome.wrong += self.front.wrong
        self._judge(ids)
        return self.outcome

    def _until_done(self, client, files, deadline):
        ids = [client.submit(file) for file in files]
        disturbed = time.monotonic()
        while True:
            self._tend()
            states = [client.job(each).status for each in ids]
            if not any(state in ("queued", "running") for state in states):
                if not (self.plan or self.front.busy) and not any(
                    each["action"] in ("kill", "freeze") for each in self.workers.values()
                ):
                    return ids
                ids.append(client.submit(files[0]))  # there is somebody left to kill
            if self.disturb and time.monotonic() - disturbed > 2:
                self.disturb.pop(0)()
                disturbed = time.monotonic()
            if time.monotonic() > deadline:
                self.outcome.wrong.append(f"not done in time: {Counter(states)}")
                return ids
            time.sleep(0.05)

    def _tend(self):
        """Wake who was frozen for long enough, and replace who is dead."""
        for pid, each in list(self.workers.items()):
            if each["process"].poll() is not None:
                each["process"].stdin.close()
                if each["action"] == "kill" and each["process"].returncode == -signal.SIGKILL:
                    self.outcome.kills[each["point"]] += 1
                elif each["action"] != "retired" or each["process"].returncode != 0:
                    self.outcome.wrong.append(f"a worker ended with code {each['process'].returncode}")
                del self.workers[pid]
            elif each["action"] == "freeze" and stopped(pid):
                self.frozen.setdefault(pid, time.monotonic())
                if time.monotonic() - self.frozen[pid] > 1.5 * LEASE:
                    os.kill(pid, signal.SIGCONT)
                    self.outcome.freezes[each["point"]] += 1
                    each["action"] = "none"
            elif each["action"] == "none" and self.plan and time.monotonic() - self.frozen[pid] > 3 * LEASE:
                each["process"].stdin.close()  # it was woken up, and makes room for the next
                each["action"] = "retired"
        while len(self.workers) < 2:
            self._start()

    def _start(self):
        point, nth, action = self.plan.pop(0) if self.plan else ("nowhere", 1, "none")
        process = start("worker", self.folder / "settings.json", self.folder, point, nth, action)
        self.workers[process.pid] = {"process": process, "point": point, "action": action}

    def _end(self):
        for each in self.workers.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(each["process"].pid, signal.SIGCONT)
            each["process"].stdin.close()
        for each in self.workers.values():
            try:
                each["process"].wait(30)
            except subprocess.TimeoutExpired:
                self.outcome.wrong.append("a worker does not stop")
                each["process"].kill()
                each["process"].wait()

    def _judge(self, ids):
        """Every row once and right, one results file a job, and no job that nobody asked for."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        from neyman.serve.storage.opening import open_storage
        from neyman.serve.storage.uri import parse_uri

        storage = open_storage(self.settings.storage)
        parts = range(0, len(self.x), 8192)
        expected = np.concatenate([self.model.scores(self.x[at : at + 8192]) for at in parts])
        if {job.id for job in self.jobs.list(None, limit=1000)} != set(ids) or len(set(ids)) != len(ids):
            self.outcome.wrong.append("other jobs than those that were submitted")
        for job_id in ids:
            job = self.jobs.get(job_id, None)
            self.outcome.attempts += job.attempt
            if job.status != "done":
                self.outcome.wrong.append(f"a job is {job.status}: {job.error}")
                continue
            with storage.open_input(parse_uri(job.results_file)) as stream:
                scores = pq.read_table(pa.BufferReader(stream.read()))["score"].to_numpy()
            if len(scores) != len(expected) or not np.allclose(scores, expected, rtol=1e-5, atol=0):
                self.outcome.wrong.append(f"{job.results_file} has {len(scores)} rows, or other scores")


if __name__ == "__main__":
    from neyman.serve.settings import Settings

    role, file, *arguments = sys.argv[1:]
    roles = {"worker": worker, "server": server}
    roles[role](Settings.model_validate_json(Path(file).read_text()), tracing(*arguments))
