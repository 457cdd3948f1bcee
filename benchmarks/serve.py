"""The scoring service: over the wire beside the bare model, beside a plain FastAPI service, and over files.

    python benchmarks/serve.py --json

A network of 64 features, 256 units, three residual blocks and one output; its energy (`energy`) and the default score
(`score_norm`). One server process and one client on this machine; JSON; caches are off where they are not the point.
Contestants take turns in short rounds, of which the best of each counts: others on the machine only ever slow them.
Printed as one JSON object, last:

- `http_over_model`: median time of a request of one event, one at a time, over that of the bare `Scorer.score`;
- `p99_ms`: the 99th percentile at a fixed load, `load_per_second` requests of one event over `load_connections`
  connections; an answer is late by the time since its request was due;
- `vs_fastapi_plain`: requests per second, one event each, of `plain_connections` connections without a pause, over
  those of `serve_plain.py`; `vs_fastapi_plain_cpu`: its CPU seconds per request over neyman's, which the load of the
  machine hardly changes; `by_rows`: both for larger requests, too;
- `batch_events_per_cpu_s`: events per CPU second of a worker that scores a Parquet file of float32 columns into another
  (`energy`), from claim to commit, SQLite and a local folder, all threads counted;
- `cache_hit_speedup`: median time of a request of `cache_rows` events that are new over that of the same events again
  (`score_norm`, cache in memory).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import yaml
from reporting import origin, show, speed_options
from serve_load import measure, request

from neyman.anomaly.runtime import Scorer
from neyman.serve.claims import ClaimTable
from neyman.serve.database import connect, upgrade
from neyman.serve.jobs import JobTable
from neyman.serve.keys import Keys
from neyman.serve.settings import Settings
from neyman.serve.worker import Worker

HERE = Path(__file__).parent
FULL = {"seconds": 1.0, "rounds": 10, "load": 20.0, "rows": 1_000_000, "group": 100_000, "bodies": 400}
QUICK = {"seconds": 0.2, "rounds": 1, "load": 0.5, "rows": 20_000, "group": 5_000, "bodies": 100}
FEATURES = 64
NAMES = tuple(f"x{number}" for number in range(FEATURES))
SCORES = ("energy", "score_norm")
ROWS, CONNECTIONS, LOAD, LOAD_CONNECTIONS, CACHE_ROWS = (1, 16, 256), 4, 300, 4, 64


def events(n, seed):
    """Correlated columns of which a third are momenta, with a long tail."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(FEATURES, FEATURES)) / 8
    x = rng.normal(size=(n, FEATURES)) + np.tanh(rng.normal(size=(n, FEATURES)) @ mixing) * 2
    x[:, ::3] = 30 * np.exp(x[:, ::3])
    return x.astype(np.float32)


def artefacts(folder):
    """The folder of an artefact for each score, hardly trained: how fast it is does not depend on that."""
    from neyman.anomaly.config import AnomalyConfig
    from neyman.anomaly.data import Loaded
    from neyman.anomaly.onnx_graph import onnx_model
    from neyman.anomaly.scoring import Scoring
    from neyman.anomaly.trained import train_anomaly

    config = AnomalyConfig.model_validate(
        {
            "data": {"kind": "files", "background": "-"},
            "training": {"epochs": 1, "steps_per_epoch": 5},
            "device": "cpu",
        }
    )
    parts = (events(size, seed).astype(np.float64) for seed, size in enumerate((6000, 1000, 4000, 200)))
    loaded = Loaded(NAMES, *parts)
    trained = train_anomaly(config, loaded=loaded)
    preparation, model = trained.scoring.preparation, trained.scoring.model
    prepared = preparation.apply(loaded.train), preparation.apply(loaded.validation)
    for name in SCORES:
        scoring = Scoring.fit(name, preparation, model, *prepared, seed=1)
        replace(trained, scoring=scoring, graph=onnx_model(scoring)).save(folder / name)
    return {name: folder / name for name in SCORES}


@dataclass(frozen=True)
class Service:
    """A server process.

    Attributes:
        url: Where it is.
        key: What it wants to see.
        process: To be asked for its CPU time.
    """

    url: str
    key: str
    process: psutil.Process

    def cpu(self):
        """CPU seconds so far."""
        times = self.process.cpu_times()
        return times.user + times.system


@contextlib.contextmanager
def started(command, url, key):
    """A service while the block runs."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=HERE.parent) as server:
        try:
            for _ in range(600):
                if server.poll() is not None:
                    raise RuntimeError(f"{command[1]} ended with {server.returncode}")
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{url}/ready", timeout=5).close()
                    break
                time.sleep(0.1)
            yield Service(url, key, psutil.Process(server.pid))
        finally:
            server.terminate()
            server.wait()


def ours(models, folder, cache):
    """neyman, as people start it."""
    settings, key = prepared(models, folder, cache=cache, port=free_port())
    file = folder / "serve.yaml"
    file.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "neyman", "serve", "--settings", str(file)]
    return started(command, f"http://127.0.0.1:{settings['port']}", key)


def prepared(models, folder, **changes):
    """Settings, and a key."""
    folder.mkdir()
    settings = {
        "models": {name: str(path) for name, path in models.items()},
        "default_model": "energy",
        "database": f"sqlite:///{folder / 'serve.sqlite'}",
        "storage": {"kind": "local", "root": str(folder)},
        "limits": {"requests_per_second": 1e6, "burst": 1_000_000},
        "jobs": {"workers": 0},
        **changes,
    }
    engine = connect(settings["database"])
    upgrade(engine)
    _, key = Keys(engine).create("benchmark", ["score", "batch"])
    engine.dispose()
    return settings, key


def plain(model):
    """The service to compare with."""
    port, key = free_port(), "plain-key"
    key_hash = hashlib.sha256(key.encode()).hexdigest()
    command = [sys.executable, str(HERE / "serve_plain.py"), str(model), str(port), key_hash]
    return started(command, f"http://127.0.0.1:{port}", key)


def free_port():
    """A port that nobody has."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def requests(key, x, rows, model=None):
    """Requests of so many rows each."""
    named = {} if model is None else {"model": model}
    return [
        request("/api/v1/score", json.dumps({"events": numbers(x[at : at + rows]), **named}).encode(), key)
        for at in range(0, len(x), rows)
    ]


def numbers(x):
    """As a client writes them that has float32: no more digits than there are."""
    return [[float(str(value)) for value in row] for row in x]


def contest(services, x, rows, size):
    """Requests per second, and CPU time of the server per request, of two services in turns.

    Args:
        services: `neyman` and `plain`.
        x: Events.
        rows: In one request.
        size: How long.
    """
    wanted = {name: requests(service.key, x, rows) for name, service in services.items()}
    rates, cpus = {name: [] for name in services}, {name: [] for name in services}
    for name, service in services.items():  # warm
        measure(service.url, wanted[name], seconds=size["seconds"] / 4, connections=CONNECTIONS)
    for _ in range(size["rounds"]):
        for name, service in services.items():
            before = service.cpu()
            times, rate = measure(service.url, wanted[name], seconds=size["seconds"], connections=CONNECTIONS)
            rates[name].append(rate)
            cpus[name].append((service.cpu() - before) / len(times))
    rate, cpu = {name: max(each) for name, each in rates.items()}, {name: min(each) for name, each in cpus.items()}
    return {
        "vs_fastapi_plain": rate["neyman"] / rate["plain"],
        "vs_fastapi_plain_cpu": cpu["plain"] / cpu["neyman"],
        "requests_per_second": rate,
        "cpu_us": {name: 1e6 * value for name, value in cpu.items()},
    }


def over_http(models, folder, size):
    """What a request costs, beside the bare model and beside the plain service."""
    with ours(models, folder / "http", {"kind": "none"}) as neyman, plain(models["energy"]) as fastapi:
        services = {"neyman": neyman, "plain": fastapi}
        by_rows = {
            str(rows): contest(services, events(max(size["bodies"], 8 * rows), rows), rows, size) for rows in ROWS
        }
        x = events(size["bodies"], 77)
        wanted = {name: requests(service.key, x, 1) for name, service in services.items()}
        times, rate = measure(
            neyman.url, wanted["neyman"], seconds=size["load"], connections=LOAD_CONNECTIONS, rate=LOAD
        )
        return {
            **single(neyman, wanted["neyman"], Scorer.open(models["energy"]), x, size),
            "plain_p50_us": 1e6 * p50(measure(fastapi.url, wanted["plain"], seconds=size["seconds"])[0]),
            "p99_ms": 1e3 * float(np.quantile(times, 0.99)),
            "load_p50_ms": 1e3 * p50(times),
            "load_per_second": rate,
            "load_connections": LOAD_CONNECTIONS,
            "vs_fastapi_plain": by_rows["1"]["vs_fastapi_plain"],
            "vs_fastapi_plain_cpu": by_rows["1"]["vs_fastapi_plain_cpu"],
            "plain_connections": CONNECTIONS,
            "by_rows": by_rows,
        }


def single(service, wanted, scorer, x, size):
    """One event at a time: over the wire, and in this process."""
    wire, bare = [], []
    for _ in range(size["rounds"]):
        wire.append(measure(service.url, wanted, seconds=size["seconds"])[0])
        bare.append(times_of(scorer, x.astype(np.float64)))
    http, model = (min(p50(each) for each in found) for found in (wire, bare))
    return {"http_over_model": http / model, "http_p50_us": 1e6 * http, "model_p50_us": 1e6 * model}


def times_of(scorer, x):
    """Seconds of single events."""
    found = []
    for row in range(len(x)):
        began = time.perf_counter()
        scorer.score(x[row : row + 1])
        found.append(time.perf_counter() - began)
    return np.array(found)


def p50(times):
    """The median, as a float."""
    return float(np.median(times))


def cached(models, folder, size):
    """How much quicker an event is that was scored before."""
    few = CACHE_ROWS * 8
    new = events(4 * few, 5)
    cache = {"kind": "memory", "events": 2 * few}  # by the time that a new event comes again, it is forgotten
    with ours(models, folder / "cache", cache) as service:
        missing = requests(service.key, new, CACHE_ROWS, "score_norm")
        known = requests(service.key, events(few, 6), CACHE_ROWS, "score_norm")
        times = {"missed": [], "hit": []}
        for _ in range(size["rounds"]):
            for name, wanted in (("missed", missing), ("hit", known)):
                measure(service.url, wanted, seconds=size["seconds"] / 4)
                times[name].append(p50(measure(service.url, wanted, seconds=size["seconds"])[0]))
    best = {name: 1e6 * min(each) for name, each in times.items()}
    return {"cache_hit_speedup": best["missed"] / best["hit"], "cache_rows": CACHE_ROWS, "cache_us": best}


def batch(models, folder, size):
    """Events per CPU second of a worker."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    raw, key = prepared(models, folder / "batch")
    settings = Settings.model_validate(raw)
    file = folder / "batch" / "events" / "events.parquet"
    file.parent.mkdir()
    schema = pa.schema([(name, pa.float32()) for name in NAMES])
    with pq.ParquetWriter(file, schema) as writer:
        for number in range(0, size["rows"], size["group"]):
            x = events(size["group"], 100 + number)
            writer.write_table(pa.table([x[:, column] for column in range(FEATURES)], schema=schema))
    engine = connect(settings.database)
    found = []
    for _ in range(min(3, size["rounds"])):
        job = JobTable(engine).submit(
            key.split("_")[1], "energy", Scorer.open(models["energy"]).digest, "s3://events/events.parquet"
        )
        marks, stop = {}, threading.Event()

        def trace(point, marks=marks, stop=stop):
            marks.setdefault(point, (time.process_time(), time.perf_counter()))
            if point == "committed":
                stop.set()

        Worker(settings, ClaimTable(engine), "benchmark", stop, trace).run()
        assert JobTable(engine).get(job.id, None).rows_done == size["rows"]
        found.append([end - begin for begin, end in zip(marks["claimed"], marks["committed"], strict=True)])
    engine.dispose()
    cpu, wall = min(found)
    return {"batch_events_per_cpu_s": size["rows"] / cpu, "batch_events_per_s": size["rows"] / wall}


def main() -> None:
    """Measure."""
    options = speed_options(__doc__, small="--quick").parse_args()
    size, load = QUICK if options.quick else FULL, os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        models = artefacts(folder)
        report = over_http(models, folder, size) | cached(models, folder, size) | batch(models, folder, size)
    report |= {
        "batch_rows": size["rows"],
        "quick": options.quick,
        "load": load,
        **origin("python benchmarks/serve.py --json"),
    }
    show(report, options)


if __name__ == "__main__":
    main()
