"""Nothing is lost and nothing is done twice, whoever is killed or frozen, and whatever is away for a while.

A tenth of `benchmarks/validate_serve.py`.
"""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neyman.serve.backend import backends
from neyman.serve.database import connect, upgrade
from neyman.serve.jobs import JobTable
from neyman.serve.settings import JobSettings, LocalStorage, Settings
from neyman.serve.storage.opening import open_storage
from neyman.serve.storage.uri import ObjectURI

from .chaos import LEASE, POINTS, SERVER_POINTS, Chaos
from .proxy import failing_proxy

QUICK = JobSettings(
    lease_seconds=LEASE, heartbeat_seconds=LEASE / 5, poll_seconds=0.05, part_rows=2000, max_attempts=30
)


def prepared(settings, x):
    """The jobs of a service whose storage has the events."""
    engine = connect(settings.database)
    upgrade(engine)
    names = backends(settings)["m"].names
    table = pa.table({name: x[:, at] for at, name in enumerate(names)})
    with open_storage(settings.storage).write(ObjectURI("events", "a.parquet")) as out:
        pq.write_table(table, out, row_group_size=1000)
    return engine, JobTable(engine)


@pytest.mark.slow
@pytest.mark.guard
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_workers_and_servers_are_killed_and_frozen(kind, tmp_path, artefact, background, request):
    url = f"sqlite:///{tmp_path}/serve.sqlite"
    disturb = ()
    if kind == "postgresql":
        url = request.getfixturevalue("postgres")
        disturb = (request.getfixturevalue("postgres_server").restart,) * 2
    settings = Settings(
        models={"m": artefact}, database=url, storage=LocalStorage(root=tmp_path / "storage"), jobs=QUICK
    )
    x = background(100_000, 3)
    engine, jobs = prepared(settings, x)
    chaos = Chaos(settings, tmp_path, x, kills=6, freezes=2, server=(3, 1), seed=4, disturb=disturb)
    outcome = chaos.run(jobs, ["s3://events/a.parquet"] * 2, deadline=120)
    engine.dispose()
    assert outcome.wrong == []
    assert sum(outcome.kills.values()) == 6
    assert sum(outcome.freezes.values()) == 2
    assert {*outcome.kills, *outcome.freezes} == {*POINTS}
    assert sum(outcome.server_kills.values()) == 3
    assert sum(outcome.server_freezes.values()) == 1
    assert {*outcome.server_kills, *outcome.server_freezes} == {*SERVER_POINTS}
    assert outcome.attempts > outcome.jobs
    left = sorted(path.suffix for path in (tmp_path / "storage/results").rglob("*") if path.is_file())
    assert left.count(".parquet") >= outcome.jobs


def test_an_s3_that_fails(tmp_path, artefact, background, moto, monkeypatch):
    """Some of the answers are errors, and some are lost."""
    monkeypatch.setenv("TEST_S3_ACCESS", "AKEXAMPLE")
    monkeypatch.setenv("TEST_S3_SECRET", "SKEXAMPLE")
    x = background(10_000, 3)
    with failing_proxy(moto.server.port, fraction=0.0) as proxy:
        storage = moto.settings(endpoint=f"http://127.0.0.1:{proxy.port}", retries=1)
        settings = Settings(
            models={"m": artefact}, database=f"sqlite:///{tmp_path}/serve.sqlite", storage=storage, jobs=QUICK
        )
        engine, jobs = prepared(settings, x)
        proxy.fraction = 0.2
        chaos = Chaos(settings, tmp_path, x, kills=0, freezes=0, seed=4)
        judge = chaos._judge

        def calmly(ids):
            proxy.fraction = 0.0
            judge(ids)

        chaos._judge = calmly
        outcome = chaos.run(jobs, ["s3://events/a.parquet"], deadline=100)
        engine.dispose()
        assert outcome.wrong == []
        assert proxy.failed > 5
