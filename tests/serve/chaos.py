"""Workers that are killed and frozen at points of their work, and whether anything was lost by it.

Run as a program this is a worker that ends or freezes itself at one point; `benchmarks/validate_serve.py` and
`test_chaos.py` start them.
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
LEASE = 1.5


def worker(settings, log, point, nth, action):
    """Work until the parent closes the pipe; `action` (kill, freeze or none) is at the n-th time of `point`."""
    from neyman.serve.settings import Settings
    from neyman.serve.worker import work

    stop, count = threading.Event(), 0

    def trace(passed):
        nonlocal count
        count += passed == point
        now = passed == point and count == int(nth)
        with Path(log).open("a") as handle:
            line = {"pid": os.getpid(), "point": passed, "action": action if now else None, "time": time.time()}
            handle.write(json.dumps(line) + "\n")
        if now and action != "none":
            os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)

    def listen():
        os.read(0, 1)
        stop.set()

    threading.Thread(target=listen, daemon=True).start()
    work(Settings.model_validate_json(Path(settings).read_text()), stop, "chaos", trace=trace)


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        kills: Workers that were killed, by point.
        freezes: Workers that were frozen beyond their lease and woken up, by point.
        jobs: How many were submitted.
        attempts: How often they were begun, all together.
        wrong: What was not as it should be, in words; empty if all was.
        seconds: How long it took.
    """

    kills: Counter = field(default_factory=Counter)
    freezes: Counter = field(default_factory=Counter)
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
        seed: Of what is done where.
        disturb: Functions that are called one after the other while there is work, e.g. to restart a server.
    """

    def __init__(self, settings, folder, x, *, kills, freezes, seed, disturb=()):
        self.settings, self.folder, self.x = settings, folder, x
        rng = random.Random(seed)
        # Every point at least once, then at random; where a part is written or recorded there is more to lose.
        actions = ["kill"] * kills + ["freeze"] * freezes
        rng.shuffle(actions)
        points = [POINTS[i % len(POINTS)] for i in range(len(actions))]
        rng.shuffle(points)
        self.plan = [(point, rng.randint(1, 4) if "part" in point else 1, action)
                     for point, action in zip(points, actions, strict=True)]  # fmt: skip
        self.disturb = list(disturb)
        self.outcome, self.workers, self.frozen = Outcome(), {}, {}
        (folder / "settings.json").write_text(settings.model_dump_json())

    def run(self, jobs, files, deadline=900.0):
        """Submit a job for each file, keep two workers at it until all is done and the plan is carried out.

        Args:
            jobs: The `JobTable`.
            files: Addresses of equal files with the events.
            deadline: Seconds.
        """
        from neyman.serve.backend import backends

        self.jobs, self.model = jobs, backends(self.settings)["m"]
        began, ids = time.monotonic(), [self._submit(file) for file in files]
        disturbed = time.monotonic()
        try:
            while True:
                self._tend()
                states = self._states(ids)
                if not any(state in ("queued", "running") for state in states):
                    if not self.plan and not any(
                        each["action"] in ("kill", "freeze") for each in self.workers.values()
                    ):
                        break
                    ids.append(self._submit(files[0]))  # there is somebody left to kill
                if self.disturb and time.monotonic() - disturbed > 2:
                    self.disturb.pop(0)()
                    disturbed = time.monotonic()
                if time.monotonic() - began > deadline:
                    self.outcome.wrong.append(f"not done after {deadline:g} s: {Counter(states)}")
                    break
                time.sleep(0.05)
        finally:
            self._end()
        self.outcome.seconds = time.monotonic() - began
        self.outcome.jobs = len(ids)
        self._judge(ids)
        return self.outcome

    def _submit(self, file):
        from neyman.serve.holding import persistently

        return persistently(lambda: self.jobs.submit("alice", "m", self.model.digest, file).id, threading.Event())

    def _states(self, ids):
        from neyman.serve.holding import persistently

        return persistently(lambda: [self.jobs.get(each, None).status for each in ids], threading.Event())

    def _tend(self):
        """Wake who was frozen for long enough, and replace who is dead."""
        import psutil

        for pid, each in list(self.workers.items()):
            if each["process"].poll() is not None:
                each["process"].stdin.close()
                if each["action"] == "kill" and each["process"].returncode == -signal.SIGKILL:
                    self.outcome.kills[each["point"]] += 1
                elif each["action"] != "retired" or each["process"].returncode != 0:
                    self.outcome.wrong.append(f"a worker ended with code {each['process'].returncode}")
                del self.workers[pid]
            elif each["action"] == "freeze" and psutil.Process(pid).status() == psutil.STATUS_STOPPED:
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
        arguments = [str(self.folder / "settings.json"), str(self.folder / "log.jsonl"), point, str(nth), action]
        with (self.folder / "workers.log").open("a") as errors:
            process = subprocess.Popen(
                [sys.executable, __file__, *arguments], stdin=subprocess.PIPE, stderr=errors,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
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
        """Every row once and right, one results file a job."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        from neyman.serve.storage.opening import open_storage
        from neyman.serve.storage.uri import parse_uri

        storage = open_storage(self.settings.storage)
        parts = range(0, len(self.x), 8192)
        expected = np.concatenate([self.model.scores(self.x[at : at + 8192]) for at in parts])
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
    worker(*sys.argv[1:])
