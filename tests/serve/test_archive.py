from __future__ import annotations

import contextlib
import datetime as dt
import re
import threading
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from neyman.serve import archive as module
from neyman.serve.archive import Archive
from neyman.serve.backend import Judge
from neyman.serve.settings import Archive as ArchiveSettings
from neyman.serve.storage.local import LocalFolder
from neyman.serve.storage.protocol import StorageUnavailableError

from .live import NAMES, live, settings_for
from .servers import wait_for


class Counts:
    def __init__(self):
        self.written = self.lost = 0

    def wrote(self, n):
        self.written += n

    def lose(self, n):
        self.lost += n


JUDGE = Judge(np.arange(1000.0), fpr=0.01, delta=0.05)


class Model:
    """A backend that has scored already."""

    digest, score_name, judge = "ab" * 32, "energy", JUDGE

    def __init__(self, names):
        self.names = names

    def score(self, x):
        raise NotImplementedError

    scores = attribution = alive = score


def make(storage, *, names=("pt", "score"), rows_per_file=10, seconds=60.0):
    counts = Counts()
    settings = ArchiveSettings(enabled=True, rows_per_file=rows_per_file, seconds=seconds)
    archive = Archive(storage, settings, {"m": Model(names)}, written=counts.wrote, lost=counts.lose)
    return archive, counts


def events(n, first=0):
    x = np.arange(first, first + 2.0 * n).reshape(n, 2)
    return x, JUDGE(x[:, 0].copy())


def files(root):
    return sorted((root / "archive").rglob("*.parquet"))


def test_everything_is_written_once_by_the_time_it_is_closed(tmp_path):
    archive, counts = make(LocalFolder(tmp_path))
    kept = []
    for number in range(7):
        x, scored = events(3, 6 * number)
        archive.add("m", x, scored)
        kept.append((x, scored))
    archive.close()
    assert (counts.written, counts.lost) == (21, 0)
    table = [pq.read_table(file, partitioning=None) for file in files(tmp_path)]
    rows = sorted((row for each in table for row in each.to_pylist()), key=lambda row: row["pt"])
    x = np.concatenate([each for each, _ in kept])
    assert [row["pt"] for row in rows] == x[:, 0].tolist()
    assert [row["score_"] for row in rows] == x[:, 1].tolist()  # a column of the event that is called like ours
    assert [row["score"] for row in rows] == x[:, 0].tolist()
    assert [row["p_value"] for row in rows] == np.concatenate([scored.p_values for _, scored in kept]).tolist()
    assert [row["flag"] for row in rows] == np.concatenate([scored.flags for _, scored in kept]).tolist()
    assert all(abs((dt.datetime.now(dt.UTC) - row["scored_at"]).total_seconds()) < 60 for row in rows)
    assert table[0].schema.metadata[b"digest"] == b"ab" * 32


def test_places_name_model_and_day(tmp_path, monkeypatch):
    archive, _ = make(LocalFolder(tmp_path))
    for second in (1_700_000_000.0, 1_700_000_000.0 + 86400):
        monkeypatch.setattr(module.time, "time", lambda second=second: second)
        archive.add("m", *events(2))
    archive.close()
    found = [str(file.relative_to(tmp_path)) for file in files(tmp_path)]
    assert [re.sub(r"[^/]+$", "", name) for name in found] == [
        "archive/model=m/day=2023-11-14/",
        "archive/model=m/day=2023-11-15/",
    ]
    together = pq.read_table(tmp_path / "archive")
    assert together.num_rows == 4
    assert {str(day) for day in together["day"].to_pylist()} == {"2023-11-14", "2023-11-15"}


@pytest.mark.parametrize("zone", ["EAST-9", "WEST9"])
def test_a_day_is_one_of_utc_wherever_the_server_is(tmp_path, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        archive, _ = make(LocalFolder(tmp_path))
        for hour in (0, 23):
            monkeypatch.setattr(module.time, "time", lambda hour=hour: 1_700_006_400.0 + 3600 * hour)
            archive.add("m", *events(2))
        archive.close()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert [file.parent.name for file in files(tmp_path)] == ["day=2023-11-15"]


def test_a_file_is_begun_after_so_many_rows_or_seconds(tmp_path):
    archive, counts = make(LocalFolder(tmp_path), rows_per_file=4, seconds=0.05)
    archive.add("m", *events(2))
    end = threading.Event()
    for _ in range(100):
        if counts.written == 2:
            break
        end.wait(0.05)
    assert counts.written == 2
    archive.close()


class Stuck:
    """A storage that waits until it may go on, and then fails if it should."""

    def __init__(self, root):
        self._storage, self.go, self.fails = LocalFolder(root), threading.Event(), False
        self.begun = threading.Event()

    @contextlib.contextmanager
    def write(self, uri):
        self.begun.set()
        self.go.wait(20)
        if self.fails:
            raise StorageUnavailableError("away")
        with self._storage.write(uri) as stream:
            yield stream

    def __getattr__(self, name):
        return getattr(self._storage, name)


@pytest.fixture
def stuck(tmp_path, monkeypatch):
    return Stuck(tmp_path)


def test_what_finds_no_room_is_counted(stuck, tmp_path):
    archive, counts = make(stuck, rows_per_file=10)
    for _ in range(30):
        archive.add("m", *events(2))
    assert counts.lost == 60 - module.ROOM * 10
    stuck.go.set()
    archive.close()
    assert counts.written == module.ROOM * 10
    assert counts.written + counts.lost == 60
    archive.add("m", *events(2))
    assert counts.lost == 60 - module.ROOM * 10 + 2


def test_what_is_being_written_takes_room(stuck):
    archive, counts = make(stuck, rows_per_file=10)
    archive.add("m", *events(10))
    assert stuck.begun.wait(20)
    for _ in range(module.ROOM):
        archive.add("m", *events(10))
    assert counts.lost == 10
    stuck.go.set()
    wait_for(lambda: counts.written == module.ROOM * 10)
    wait_for(lambda: archive._rows == 0)
    archive.add("m", *events(10))
    archive.close()
    assert (counts.written, counts.lost) == ((module.ROOM + 1) * 10, 10)


def test_what_cannot_be_written_is_counted(stuck, tmp_path, caplog):
    archive, counts = make(stuck, rows_per_file=10)
    stuck.fails = True
    stuck.go.set()
    archive.add("m", *events(12))
    archive.close()
    assert (counts.written, counts.lost) == (0, 12)
    assert "could not be written" in caplog.text
    assert not files(tmp_path)


def test_a_service_keeps_what_it_scored(artefact, tmp_path, background):
    x = background(20, 6)
    with live(settings_for(artefact, tmp_path, archive={"enabled": True})) as service:
        said = service.http.post("/api/v1/score", json={"events": x.tolist()}).json()
        again = service.http.post("/api/v1/score", json={"events": x[:5].tolist()}).json()
        service.http.post("/api/v1/score", json={"events": []})
        metrics = service.parts.metrics
    assert metrics.archived._value.get() == 25
    (file,) = files(tmp_path / "storage")
    table = pq.read_table(file, partitioning=None)
    assert table.column_names == ["scored_at", *NAMES, "score", "p_value", "flag"]
    np.testing.assert_array_equal(np.stack([table[name] for name in NAMES], axis=1), np.concatenate([x, x[:5]]))
    assert table["score"].to_pylist() == said["scores"] + again["scores"]


def test_no_column_takes_the_place_of_another(tmp_path):
    names = ("score", "score_", "flag")
    archive, _ = make(LocalFolder(tmp_path), names=names)
    x = np.array([[1.0, 2.0, 3.0]])
    archive.add("m", x, JUDGE(np.array([0.5])))
    archive.close()
    (file,) = files(tmp_path)
    (row,) = pq.read_table(file).drop(["scored_at", "p_value"]).to_pylist()
    assert row == {"score__": 1.0, "score_": 2.0, "flag_": 3.0, "score": 0.5, "flag": False}
