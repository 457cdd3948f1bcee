import numpy as np
import pytest

from neyman.core import cache
from neyman.core.cache import cache_directory, cached_arrays

KEY = {"a": 1, "b": [1.5, "x"]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NEYMAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Builder:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return {"x": np.arange(5.0), "n": np.array(3)}


def get(build, key=KEY):
    arrays = cached_arrays("kind", key, build)
    assert set(arrays) == {"x", "n"}
    np.testing.assert_array_equal(arrays["x"], np.arange(5.0))


def test_the_second_time_is_not_built(folder):
    build = Builder()
    get(build)
    get(build, dict(reversed(KEY.items())))
    assert build.calls == 1
    get(build, {**KEY, "a": 2})
    assert build.calls == 2
    assert [path.suffix for path in (folder / "kind").iterdir()] == [".npz"] * 2


def only_file(folder):
    (path,) = (folder / "kind").iterdir()
    return path


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text", "npy", "other", "pickle", "folder"])
def test_a_damaged_file_is_built_again(folder, damage):
    build = Builder()
    get(build)
    path = only_file(folder)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        at = data.index(np.float64(3.0).tobytes())
        data[at] ^= 1
        path.write_bytes(data)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("hello")
    elif damage == "npy":
        with path.open("wb") as handle:
            np.save(handle, np.ones(3))
    elif damage == "other":
        with path.open("wb") as handle:
            np.savez(handle, x=np.ones(5), n=np.ones(1))
    elif damage == "pickle":
        with path.open("wb") as handle:
            np.savez(handle, x=np.array([{"run": "me"}], dtype=object), __key__=np.array([{}], dtype=object))
    else:
        path.unlink()
        path.mkdir()
    get(build)
    assert build.calls == 2


def test_a_file_of_another_key_is_not_used(folder):
    build = Builder()
    get(build)
    path = only_file(folder)
    get(build, {"a": 5})
    (other,) = set((folder / "kind").iterdir()) - {path}
    other.replace(path)
    get(build)
    assert build.calls == 3


def test_a_cache_that_cannot_be_written_is_done_without(folder, caplog):
    folder.write_text("a file where the folder should be")
    build = Builder()
    get(build)
    get(build)
    assert build.calls == 2
    assert "cannot be written" in caplog.text


def test_where_it_lives(monkeypatch, tmp_path):
    monkeypatch.setattr(cache.Path, "home", lambda: tmp_path)
    monkeypatch.delenv("NEYMAN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_directory() == tmp_path / ".cache" / "neyman"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert str(cache_directory()) == "/x/neyman"
    monkeypatch.setenv("NEYMAN_CACHE", "/y")
    assert str(cache_directory()) == "/y"
