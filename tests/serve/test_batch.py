"""A file of events becomes a file of scores, once and in order, or a reason why not."""

import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neyman.anomaly.runtime import Scorer
from neyman.core.errors import DataError
from neyman.serve.backend import backends
from neyman.serve.batch import Batch, sweep
from neyman.serve.claims import ClaimTable
from neyman.serve.database import connect, upgrade
from neyman.serve.holding import Held, JobLostError, StoppingError
from neyman.serve.jobs import JobTable
from neyman.serve.settings import Flags, JobSettings, LocalStorage, Settings
from neyman.serve.storage.opening import open_storage
from neyman.serve.storage.protocol import StorageUnavailableError
from neyman.serve.storage.uri import parse_uri

FILE = "s3://events/run3/a.parquet"
FPR = 0.02  # that few calibration events can promise


@pytest.fixture(scope="module")
def model(artefact):
    settings = Settings(models={"m": artefact}, flags=Flags(fpr=FPR))
    return backends(settings)["m"]


class Bench:
    """A service without a server, and a job on it."""

    def __init__(self, folder, artefact, model, **settings):
        self.root, self.model = folder / "storage", model
        self.settings = Settings(
            models={"m": artefact}, database=f"sqlite:///{folder}/serve.sqlite", flags=Flags(fpr=FPR),
            storage=LocalStorage(root=self.root), **{"jobs": JobSettings(part_rows=200), **settings},
        )  # fmt: skip
        self.engine = connect(self.settings.database)
        upgrade(self.engine)
        self.jobs, self.table = JobTable(self.engine), ClaimTable(self.engine)
        self.storage, self.stop = open_storage(self.settings.storage), threading.Event()

    def put(self, x, names=None, rows=100, **options):
        path = self.root / "events/run3/a.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        names = names or self.model.names
        pq.write_table(
            pa.table({name: x[:, at] for at, name in enumerate(names)}), path, row_group_size=rows, **options
        )
        return path

    def submit(self):
        return self.jobs.submit("alice", "m", self.model.digest, FILE).id

    def held(self, claim=None, worker="w"):
        claim = claim or self.table.claim(worker, 30)
        return Held(claim, self.table, lease=30, interval=10, stop=self.stop)

    def run(self, held, trace=lambda _point: None, model=None):
        with held:
            Batch(held, model or self.model, self.storage, self.settings, trace).run()
        return self.job(held.claim.job_id)

    def job(self, job_id):
        return self.jobs.get(job_id, None)

    def results(self, job):
        return pq.read_table(pa.BufferReader(self.storage.open_input(parse_uri(job.results_file)).read()))

    def stamps(self, job_id):
        """Which files of a job there are, and when each was written."""
        files = (self.root / f"results/{job_id}").glob("*")
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}

    def objects(self):
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())


@pytest.fixture
def bench(tmp_path, artefact, model):
    bench = Bench(tmp_path, artefact, model)
    yield bench
    bench.engine.dispose()


def right(table, x, artefact):
    """What the library says of the same events, one call for all."""
    scorer = Scorer.open(artefact)
    scores = scorer.score(x)
    assert table.column_names == ["score", "p_value", "flag"]
    np.testing.assert_allclose(table["score"].to_numpy(), scores, rtol=1e-5)
    np.testing.assert_array_equal(table["p_value"].to_numpy(), scorer.p_values(table["score"].to_numpy()))
    assert table["flag"].to_pylist() == scorer.flags(table["score"].to_numpy(), FPR).tolist()


def test_rows_keep_their_order(bench, background, artefact):
    x = background(1234, 5)
    bench.put(x)
    bench.submit()
    points = []
    job = bench.run(bench.held(), points.append)
    assert (job.status, job.rows_done, job.rows_total) == ("done", 1234, 1234)
    right(bench.results(job), x, artefact)
    parts = 7  # spans of 200 rows at least
    assert points == ["started", *["part written", "part recorded"] * parts, "results written", "committed"]


def test_what_the_results_say_of_themselves(bench, background, model):
    bench.put(background(10, 5))
    bench.submit()
    about = bench.results(bench.run(bench.held())).schema.metadata[b"neyman.model"]
    assert model.digest.encode() in about
    assert b'"fpr": 0.02' in about


def test_columns_in_another_order_and_others_beside_them(bench, background, artefact):
    x = background(300, 5)
    bench.put(np.column_stack([x[:, ::-1], np.ones(300)]), names=[*bench.model.names[::-1], "weight"])
    bench.submit()
    right(bench.results(bench.run(bench.held())), x, artefact)


def test_without_calibration_events_there_are_no_flags(tmp_path, artefact, background):
    settings = Settings(models={"m": artefact}, flags=Flags(fpr=1e-6))
    bench = Bench(tmp_path, artefact, backends(settings)["m"])
    bench.put(background(50, 5))
    bench.submit()
    assert bench.results(bench.run(bench.held()))["flag"].null_count == 50
    bench.engine.dispose()


class KilledError(Exception):
    """In place of SIGKILL."""


def killing(at, point):
    """A trace that ends the work when it passes a point for the n-th time."""
    count = 0

    def trace(passed):
        nonlocal count
        count += passed == point
        if passed == point and count == at:
            raise KilledError

    return trace


@pytest.mark.parametrize(
    ("at", "point"),
    [
        (1, "started"), (1, "part written"), (1, "part recorded"), (3, "part written"), (3, "part recorded"),
        (5, "part recorded"), (1, "results written"),
    ],
)  # fmt: skip
def test_another_goes_on_where_one_was_killed(bench, background, artefact, at, point):
    x = background(1000, 5)
    bench.put(x)
    job_id = bench.submit()
    first = bench.held()
    with pytest.raises(KilledError):
        bench.run(first, killing(at, point))
    assert bench.job(job_id).results_file is None
    recorded = len(bench.table.parts(first.claim))
    bench.table.give_back(first.claim)
    left = bench.stamps(job_id)
    points = []
    job = bench.run(bench.held(), points.append)
    assert points.count("part written") == 5 - recorded  # nothing is scored twice that was recorded
    assert job.results_file == f"s3://results/{job_id}/2.parquet"
    assert bench.stamps(job_id).items() >= left.items()  # nobody writes to what is another attempt's
    right(bench.results(job), x, artefact)
    sweep(bench.table, bench.storage, bench.settings, job_id, job.results_file)
    assert bench.objects() == ["events/run3/a.parquet", f"results/{job_id}/2.parquet"]


def test_a_kill_after_the_commit_changes_nothing(bench, background, artefact):
    x = background(300, 5)
    bench.put(x)
    job_id = bench.submit()
    with pytest.raises(KilledError):
        bench.run(bench.held(), killing(1, "committed"))
    assert bench.table.claim("other", 30) is None
    right(bench.results(bench.job(job_id)), x, artefact)


@pytest.mark.parametrize("harm", ["changed", "removed", "shortened"])
def test_a_part_that_is_not_what_was_written_is_made_again(bench, background, artefact, harm):
    x = background(1000, 5)
    bench.put(x)
    bench.submit()
    first = bench.held()
    with pytest.raises(KilledError):
        bench.run(first, killing(4, "part recorded"))
    path = bench.root / bench.table.parts(first.claim)[1].key.removeprefix("s3://")
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.unlink() if harm == "removed" else path.write_bytes(content if harm == "changed" else content[:100])
    bench.table.give_back(first.claim)
    points = []
    job = bench.run(bench.held(), points.append)
    assert points.count("part written") == 4
    assert job.rows_done == 1000
    right(bench.results(job), x, artefact)


@pytest.mark.parametrize("flags", [Flags(fpr=0.3), Flags(fpr=FPR, delta=0.2)])
def test_parts_with_another_promise_are_made_again(bench, background, artefact, flags):
    bench.put(background(1000, 5))
    bench.submit()
    first = bench.held()
    with pytest.raises(KilledError):
        bench.run(first, killing(4, "part recorded"))
    bench.table.give_back(first.claim)
    bench.settings = bench.settings.model_copy(update={"flags": flags})
    points = []
    bench.run(bench.held(), points.append, backends(bench.settings)["m"])
    assert points.count("part written") == 5


def test_parts_of_another_size_are_made_again(bench, background, artefact):
    x = background(1000, 5)
    bench.put(x)
    bench.submit()
    first = bench.held()
    with pytest.raises(KilledError):
        bench.run(first, killing(2, "part recorded"))
    bench.table.give_back(first.claim)
    bench.settings = bench.settings.model_copy(update={"jobs": JobSettings(part_rows=300)})
    points = []
    job = bench.run(bench.held(), points.append)
    assert points.count("part written") == 4
    assert job.rows_done == 1000
    right(bench.results(job), x, artefact)


def test_a_storage_that_goes_away_between_open_and_read_is_no_fault_of_the_job(bench, background, monkeypatch):
    bench.put(background(1000, 5))
    bench.submit()
    first = bench.held()
    with pytest.raises(KilledError):
        bench.run(first, killing(2, "part recorded"))
    bench.table.give_back(first.claim)

    class Broken:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def read(self):
            raise OSError("When reading: AWS Error NETWORK_CONNECTION during GetObject operation")

    opened = bench.storage.open_input
    monkeypatch.setattr(
        bench.storage, "open_input", lambda uri: Broken() if uri.key.endswith(".arrow") else opened(uri)
    )
    with pytest.raises(StorageUnavailableError):
        bench.run(bench.held())


def test_a_part_that_is_lost_at_the_end(bench, background):
    bench.put(background(300, 5))
    bench.submit()
    held = bench.held()

    def lose(point):
        if point == "part recorded":
            for path in bench.root.rglob("*.arrow"):
                path.unlink()

    with pytest.raises(StorageUnavailableError):
        bench.run(held, lose)
    assert [name for name in bench.objects() if name.endswith(".parquet")] == ["events/run3/a.parquet"]


def test_a_zombie_wakes_up_after_another_has_finished(bench, background, artefact):
    x = background(1000, 5)
    bench.put(x)
    job_id = bench.submit()
    zombie = bench.held(worker="zombie")

    def overtaken(point):
        if point == "part written" and bench.job(job_id).status == "running":
            bench.table.give_back(zombie.claim)
            bench.run(bench.held(worker="heir"))

    with pytest.raises(JobLostError):
        bench.run(zombie, overtaken)
    job = bench.job(job_id)
    assert job.results_file == f"s3://results/{job_id}/2.parquet"
    right(bench.results(job), x, artefact)


@pytest.mark.parametrize("when", ["before", "between", "at the end", "between attempts"])
def test_events_that_change_meanwhile(bench, background, message, when):
    bench.put(background(1000, 5))
    bench.submit()
    held = bench.held()
    changed = False

    def change(point):
        nonlocal changed
        if not changed and point == {"before": "started", "between": "part recorded"}.get(when, "nothing"):
            changed = True
            bench.put(background(1000, 6))

    if when == "between attempts":
        with pytest.raises(KilledError):
            bench.run(held, killing(1, "part recorded"))
        bench.put(background(1000, 6))
        bench.table.give_back(held.claim)
        held = bench.held()
    if when == "at the end":  # all is read: what is scored is what was there

        def change(point):
            if point == "results written":
                bench.put(background(1000, 6))

        assert bench.run(held, change).status == "done"
        return
    with pytest.raises(DataError) as error:
        bench.run(held, change)
    message(error, "was changed while it was scored", FILE, "under a new name")


@pytest.mark.parametrize("rows", [200, 1000])
def test_parts_of_what_was_there_are_no_parts_of_what_is(bench, background, message, rows):
    """The rows of the new file, of which there may be fewer, are all among those that were recorded of the old one."""
    bench.put(background(1000, 5))
    bench.submit()
    first = bench.held()
    with pytest.raises(KilledError):
        bench.run(first, killing(rows // 200, "part recorded"))
    bench.table.give_back(first.claim)
    bench.put(background(rows, 6))
    with pytest.raises(DataError) as error:
        bench.run(bench.held())
    message(error, "was changed while it was scored", FILE)


def test_events_that_go_meanwhile(bench, background, message):
    path = bench.put(background(1000, 5))
    bench.submit()
    with pytest.raises(DataError) as error:
        bench.run(bench.held(), lambda point: path.unlink(missing_ok=True))
    message(error, FILE, "no such object")


def test_no_such_file(bench, message):
    bench.submit()
    with pytest.raises(DataError) as error:
        bench.run(bench.held())
    message(error, FILE, "no such object")
    assert str(bench.root) not in str(error.value)


def test_wrong_events_are_named(bench, background, message):
    x = background(300, 5)
    x[250, 1] = np.nan
    bench.put(x)
    bench.submit()
    with pytest.raises(DataError) as error:
        bench.run(bench.held())
    message(error, FILE, "column 'pt' is nan in row 50 of row group 2")


def test_what_the_model_refuses_is_placed(bench, background, message):
    class Refusing:
        names, digest, score_name, judge = bench.model.names, bench.model.digest, "energy", bench.model.judge
        attribution = alive = scores = bench.model.scores

        def score(self, x):
            raise DataError("score inf in row 3 (1 of 100 not finite)", expected="finite numbers")

    bench.put(background(300, 5))
    bench.submit()
    with pytest.raises(DataError) as error:
        bench.run(bench.held(), model=Refusing())
    message(error, "row group 0, rows from 0", "score inf in row 3")


def test_stopping(bench, background):
    bench.put(background(1000, 5))
    job_id = bench.submit()
    held = bench.held()
    with pytest.raises(StoppingError):
        bench.run(held, lambda point: bench.stop.set() if point == "part recorded" else None)
    assert len(bench.table.parts(held.claim)) == 1
    assert bench.job(job_id).rows_done == 200


def test_cancelling(bench, background):
    bench.put(background(1000, 5))
    job_id = bench.submit()
    with pytest.raises(JobLostError):
        bench.run(bench.held(), lambda point: bench.jobs.cancel(job_id, None) if point == "part recorded" else None)
    assert bench.job(job_id).status == "cancelled"
    assert bench.job(job_id).results_file is None
