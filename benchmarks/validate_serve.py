"""Is a job ever lost, done twice or wrong? A million events while workers are killed and frozen and servers restart.

    python benchmarks/validate_serve.py --json docs/validation/serve-chaos.json

Two workers score the file; 20 are killed (SIGKILL), and 5 frozen beyond their lease and woken up (SIGSTOP, SIGCONT),
each at a point of its work that it has logged; every point is among them, also that between the output and its commit.
Jobs are submitted and followed over HTTP, whose server is killed 5 times and frozen twice, also between the commit of a
job and the answer that tells of it.
On SQLite; on PostgreSQL, which is stopped at once and started again three times meanwhile; and on S3, of whose answers
a part are errors or do not come, and which is killed and started again twice. Afterwards every row must be there once,
in its place, with its score.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the servers of the tests

from tests.serve.chaos import LEASE, Chaos
from tests.serve.proxy import failing_proxy
from tests.serve.servers import ACCESS_KEY, SECRET_KEY, Postgres, start_rclone

from neyman.anomaly.config import AnomalyConfig
from neyman.anomaly.data import Loaded
from neyman.anomaly.trained import train_anomaly
from neyman.core.files import write_json
from neyman.core.provenance import commit, versions
from neyman.serve.backend import backends
from neyman.serve.database import connect, upgrade
from neyman.serve.jobs import JobTable
from neyman.serve.settings import JobSettings, LocalStorage, S3Storage, Settings
from neyman.serve.storage.opening import open_storage
from neyman.serve.storage.uri import ObjectURI

NAMES = tuple("abcdefgh")
GROUNDS = ["sqlite", "postgresql", "s3"]
FAILING = 0.05  # of the answers of S3


def events(n, seed):
    """Correlated normals: the scores matter, what they mean does not."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, len(NAMES))) @ rng.normal(size=(len(NAMES), len(NAMES)))).astype(np.float32)


def train(folder):
    """A model that is trained in seconds."""
    config = AnomalyConfig.model_validate(
        {
            "data": {"kind": "files", "background": "none.parquet"},
            "network": {"width": 64, "blocks": 2, "noise": {"low": 0.2, "high": 2.0, "levels": 4}, "score_sigma": 0.4},
            "training": {"epochs": 2, "steps_per_epoch": 50},
            "score": "energy",
            "device": "cpu",
        }
    )
    loaded = Loaded(NAMES, *(events(n, seed).astype(np.float64) for seed, n in enumerate((4000, 800, 4000, 500))))
    train_anomaly(config, loaded=loaded).save(folder)
    return folder


def attack(name, folder, settings, arguments, disturb=()):
    """One run; returns what came of it."""
    x = events(arguments.events, 9)
    engine = connect(settings.database)
    upgrade(engine)
    table = pa.table({column: x[:, at] for at, column in enumerate(backends(settings)["m"].names)})
    with open_storage(settings.storage).write(ObjectURI("events", "a.parquet")) as out:
        pq.write_table(table, out, row_group_size=max(arguments.events // 200, 1))
    chaos = Chaos(settings, folder, x, kills=arguments.kills, freezes=arguments.freezes,
                  server=(arguments.server_kills, arguments.server_freezes), seed=7, disturb=disturb)  # fmt: skip
    outcome = chaos.run(JobTable(engine), ["s3://events/a.parquet"] * 2)
    engine.dispose()
    taken = disturb[: len(disturb) - len(chaos.disturb)]
    found = {
        "kills": sum(outcome.kills.values()), "kills_by_point": dict(outcome.kills),
        "freezes": sum(outcome.freezes.values()), "freezes_by_point": dict(outcome.freezes),
        "server_kills": sum(outcome.server_kills.values()), "server_kills_by_point": dict(outcome.server_kills),
        "server_freezes": sum(outcome.server_freezes.values()),
        "restarts": sum(step.__name__ == "restart" for step in taken),
        "jobs": outcome.jobs, "attempts": outcome.attempts,
        "rows": outcome.jobs * arguments.events, "wrong": outcome.wrong, "seconds": round(outcome.seconds, 1),
    }  # fmt: skip
    print(f"{name}: {json.dumps(found)}", file=sys.stderr)
    return found


class Grounds:
    """Where the attacks are made: a folder, a model, and what was asked for."""

    def __init__(self, work, arguments):
        self.work, self.arguments = work, arguments
        self.model = train(work / "model")

    def settings(self, name, **parts):
        folder = self.work / name
        folder.mkdir()
        default = {"database": f"sqlite:///{folder}/serve.sqlite", "storage": LocalStorage(root=folder / "storage")}
        jobs = JobSettings(
            lease_seconds=LEASE, heartbeat_seconds=LEASE / 5, poll_seconds=0.05,
            part_rows=max(self.arguments.events // 50, 1), max_attempts=100,
        )  # fmt: skip
        return folder, Settings(models={"m": self.model}, jobs=jobs, **(default | parts))

    def sqlite(self):
        return attack("sqlite", *self.settings("sqlite"), self.arguments)

    def postgresql(self):
        (self.work / "cluster").mkdir()
        server = Postgres(self.work / "cluster")
        server.start()
        try:
            folder, settings = self.settings("postgresql", database=server.database())
            return attack("postgresql", folder, settings, self.arguments, [server.restart] * 3)
        finally:
            server.stop()

    def s3(self):
        (self.work / "buckets").mkdir()
        service = start_rclone(self.work / "buckets")
        try:
            with failing_proxy(service.server.port, fraction=0.0) as proxy:
                keys = {"access_key_env": "TEST_S3_ACCESS", "secret_key_env": "TEST_S3_SECRET"}
                storage = S3Storage(endpoint=f"http://127.0.0.1:{proxy.port}", retries=2, **keys)
                folder, settings = self.settings("s3", storage=storage)

                def begin_to_fail():
                    proxy.fraction = FAILING

                steps = [begin_to_fail, service.server.restart, service.server.restart]
                found = attack("s3", folder, settings, self.arguments, steps)
                return found | {"requests": proxy.passed, "requests_that_failed": proxy.failed}
        finally:
            service.server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--freezes", type=int, default=5)
    parser.add_argument("--server-kills", type=int, default=5)
    parser.add_argument("--server-freezes", type=int, default=2)
    parser.add_argument(
        "--on", nargs="+", choices=["sqlite", "postgresql", "s3"], default=["sqlite", "postgresql", "s3"]
    )
    parser.add_argument("--json", type=Path, help="file to write; otherwise to standard output")
    arguments = parser.parse_args()
    os.environ |= {"TEST_S3_ACCESS": ACCESS_KEY, "TEST_S3_SECRET": SECRET_KEY}
    began = time.time()
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)  # PostgreSQL works as another user
        grounds = Grounds(Path(temporary), arguments)
        found = {name: getattr(grounds, name)() for name in arguments.on}
    report = {
        "events": arguments.events, "runs": found, "nothing_wrong": not any(each["wrong"] for each in found.values()),
        "seconds": round(time.time() - began, 1), "versions": versions(), "commit": commit(),
    }  # fmt: skip
    if arguments.json:
        write_json(arguments.json, report)
    else:
        print(json.dumps(report))
    return 0 if report["nothing_wrong"] else 1


if __name__ == "__main__":
    sys.exit(main())
