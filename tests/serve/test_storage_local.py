"""A folder as storage: whole objects or none, and no way out of it."""

import os

import pytest

from neyman.core.errors import DataError
from neyman.serve.storage.local import LocalFolder
from neyman.serve.storage.protocol import StorageUnavailableError
from neyman.serve.storage.uri import ObjectURI

OBJECT = ObjectURI("events", "run3/a.bin")


@pytest.fixture
def storage(tmp_path):
    return LocalFolder(tmp_path / "storage")


def put(storage, uri, content=b"content"):
    with storage.write(uri) as out:
        out.write(content)


def get(storage, uri):
    with storage.open_input(uri) as stream:
        return stream.read()


def test_what_is_written_is_read(storage, tmp_path):
    assert not storage.exists(OBJECT)
    put(storage, OBJECT)
    assert storage.exists(OBJECT)
    assert get(storage, OBJECT) == b"content"
    assert (tmp_path / "storage/events/run3/a.bin").read_bytes() == b"content"


def test_nothing_is_there_before_it_is_whole(storage):
    with storage.write(OBJECT) as out:
        out.write(b"half")
        assert not storage.exists(OBJECT)
    assert storage.exists(OBJECT)


def test_names_are_synced_after_the_object_has_its_own(storage, tmp_path, monkeypatch):
    root, synced, fsync = tmp_path / "storage", [], os.fsync

    def record(handle):
        fsync(handle)
        synced.append((os.fstat(handle).st_ino, (root / "events/run3/a.bin").exists()))

    monkeypatch.setattr(os, "fsync", record)
    put(storage, OBJECT)
    assert synced[0] == ((root / "events/run3/a.bin").stat().st_ino, False)
    assert {(path.stat().st_ino, True) for path in (root / "events/run3", root / "events", root)} <= set(synced)


def test_a_failed_write_leaves_what_was_there(storage, tmp_path):
    put(storage, OBJECT)
    with pytest.raises(RuntimeError), storage.write(OBJECT) as out:
        out.write(b"half")
        raise RuntimeError
    assert get(storage, OBJECT) == b"content"
    assert os.listdir(tmp_path / "storage/events/run3") == ["a.bin"]


def test_a_name_that_no_file_can_have_is_none(storage):
    put(storage, OBJECT)
    for uri in (ObjectURI("events", "a" * 300), ObjectURI("events", "/".join(["a" * 200] * 5))):
        for look in (storage.fingerprint, storage.open_input):
            with pytest.raises(DataError, match="no such object"):  # a job that waited for it would wait for ever
                look(uri)


def test_fingerprints(storage, tmp_path):
    put(storage, OBJECT)
    first = storage.fingerprint(OBJECT)
    assert storage.fingerprint(OBJECT) == first
    put(storage, OBJECT)  # the same content, but another object
    second = storage.fingerprint(OBJECT)
    assert second != first
    with (tmp_path / "storage/events/run3/a.bin").open("ab") as handle:
        handle.write(b"!")
    assert storage.fingerprint(OBJECT) != second


def test_a_fingerprint_sees_what_keeps_its_size(storage, tmp_path):
    put(storage, OBJECT)
    path = tmp_path / "storage/events/run3/a.bin"
    first, times = storage.fingerprint(OBJECT), path.stat()
    with path.open("r+b") as handle:  # in place
        handle.write(b"CONTENT")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1000))
    assert storage.fingerprint(OBJECT) != first
    other = tmp_path / "other.bin"
    other.write_bytes(b"content")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.rename(path)  # with the time of the first, as copies that preserve it have
    assert storage.fingerprint(OBJECT) != first


def test_what_is_not_there(storage, message):
    for action in (storage.open_input, storage.fingerprint):
        with pytest.raises(DataError) as error:
            action(OBJECT)
        message(error, "s3://events/run3/a.bin", "no such object")
        assert "storage" not in str(error.value)
    storage.delete(OBJECT)
    storage.clear(ObjectURI("events", "run3"), keep=None)


def test_a_folder_is_no_object(storage, message):
    put(storage, OBJECT)
    with pytest.raises(DataError) as error:
        storage.open_input(ObjectURI("events", "run3"))
    message(error, "no such object")
    assert not storage.exists(ObjectURI("events", "run3"))


@pytest.mark.parametrize("target", ["outside", "other_bucket"])
def test_links_lead_nowhere(storage, tmp_path, message, target):
    secret = tmp_path / "secret.bin" if target == "outside" else tmp_path / "storage/results/secret.bin"
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_bytes(b"secret")
    (tmp_path / "storage/events").mkdir(parents=True)
    (tmp_path / "storage/events/link.bin").symlink_to(secret)
    (tmp_path / "storage/events/folder").symlink_to(secret.parent)
    for key in ("link.bin", "folder/secret.bin"):
        for action in (storage.open_input, storage.fingerprint, storage.exists, storage.delete):
            with pytest.raises(DataError) as error:
                action(ObjectURI("events", key))
            message(error, "no such object")
        with pytest.raises(DataError):
            put(storage, ObjectURI("events", key), b"changed")
    assert secret.read_bytes() == b"secret"


def test_links_inside_are_fine(storage, tmp_path):
    put(storage, OBJECT)
    (tmp_path / "storage/events/link.bin").symlink_to(tmp_path / "storage/events/run3/a.bin")
    assert get(storage, ObjectURI("events", "link.bin")) == b"content"


def test_the_root_may_be_a_link_itself(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "real")
    storage = LocalFolder(tmp_path / "root")
    put(storage, OBJECT)
    assert get(storage, OBJECT) == b"content"


def test_deleting(storage):
    put(storage, OBJECT)
    storage.delete(OBJECT)
    assert not storage.exists(OBJECT)


def test_clearing_removes_all_but_one_and_unfinished_files(storage, tmp_path):
    kept, others = (
        ObjectURI("results", "j1/2.bin"),
        [ObjectURI("results", key) for key in ("j1/1.bin", "j1/parts/1.bin")],
    )
    elsewhere = ObjectURI("results", "j11/1.bin")
    for uri in (kept, elsewhere, *others):
        put(storage, uri)
    (tmp_path / "storage/results/j1/parts/.2.bin.4711.tmp").write_bytes(b"half")
    storage.clear(ObjectURI("results", "j1"), keep=kept)
    left = sorted(path.name for path in (tmp_path / "storage/results/j1").rglob("*") if path.is_file())
    assert left == ["2.bin"]
    assert storage.exists(elsewhere)
    storage.clear(ObjectURI("results", "j1"), keep=None)
    assert not storage.exists(kept)


def test_a_full_disk_is_a_matter_of_time(storage, monkeypatch, message):
    class Full:
        def __init__(self, *_arguments):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.OSFile", Full)
    with pytest.raises(StorageUnavailableError) as error:
        put(storage, OBJECT)
    message(error, "s3://events/run3/a.bin", "cannot be written")


def test_a_file_in_place_of_a_bucket(storage, tmp_path, message):
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage/events").write_bytes(b"")
    with pytest.raises(StorageUnavailableError) as error:
        put(storage, OBJECT)
    message(error, "cannot be written")
    assert str(tmp_path) not in str(error.value)
