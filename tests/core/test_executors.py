import operator
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import Executor, Future

import pytest

from neyman.core.errors import InputError, NeymanError
from neyman.core.executors import SerialExecutor, local_executor, map_unordered, usable_cores
from neyman.core.files import read_json

SPAWNED = pytest.mark.parametrize("workers", [1, 2])


@SPAWNED
def test_every_item_once(workers):
    with local_executor(workers) as executor:
        found = dict(map_unordered(executor, operator.neg, range(20)))
        assert found == {item: -item for item in range(20)}
        assert list(executor.map(operator.neg, [1, 2])) == [-1, -2]


@SPAWNED
def test_an_exception_comes_through_as_it_is(workers):
    with pytest.raises(ZeroDivisionError), local_executor(workers) as executor:
        list(map_unordered(executor, (1).__truediv__, [0]))


def test_one_worker_is_this_process():
    with local_executor(1) as executor:
        assert isinstance(executor, SerialExecutor)
        assert executor.submit(os.getpid).result() == os.getpid()
        assert isinstance(executor.submit(int, "x").exception(), ValueError)
        started = []
        first = next(iter(map_unordered(executor, started.append, range(5))))
        assert first == (0, None)
        assert started == [0]


def test_workers_compute_on_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with local_executor(2) as executor:
        assert executor.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
        assert executor.submit(os.getpid).result() != os.getpid()
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_a_dead_worker_says_what_to_try(message):
    with pytest.raises(NeymanError) as error, local_executor(2) as executor:
        list(map_unordered(executor, os._exit, [1]))
    message(error, "a worker process died", "fewer workers", "__main__")


def test_the_first_error_stops_the_rest():
    began = time.monotonic()
    with pytest.raises(TypeError), local_executor(2) as executor:
        list(map_unordered(executor, time.sleep, ["x", *[60.0] * 4]))
    assert time.monotonic() - began < 30


def test_an_aborted_pool_leaves_no_thread_behind():
    before = set(threading.enumerate())
    with pytest.raises(KeyError), local_executor(2) as executor:
        for future in map_unordered(executor, operator.neg, range(100)):
            raise KeyError(future)
    assert set(threading.enumerate()) == before


class Interrupted(Executor):
    """Ctrl-C is pressed while the first piece of work is handed over."""

    def __init__(self):
        self.futures = []

    def submit(self, *_):
        self.futures.append(Future())
        if len(self.futures) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return self.futures[-1]


def test_ctrl_c_waits_until_no_lock_can_be_taken_and_cancels_what_has_not_begun():
    executor = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        list(map_unordered(executor, abs, range(3)))
    assert [future.cancelled() for future in executor.futures] == [True] * 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_is_refused(workers, message):
    with pytest.raises(InputError) as error:
        local_executor(workers)
    message(error, f"{workers} workers", "at least 1")


def test_all_usable_cores_by_default():
    assert usable_cores() >= 1
    with local_executor() as executor:
        assert executor.submit(abs, -1).result() == 1


def test_our_errors_come_back_from_workers(tmp_path, message):
    with pytest.raises(InputError) as error, local_executor(2) as executor:
        list(map_unordered(executor, read_json, [tmp_path / "none.json"]))
    message(error, "no such file", "none.json")


SCRIPT = textwrap.dedent("""
    import sys, time
    from neyman.core.executors import local_executor, map_unordered

    if __name__ == "__main__":
        with local_executor(2) as executor:
            list(executor.map(abs, range(4)))
            print("ready", *executor._processes, flush=True)
            list(map_unordered(executor, time.sleep, [60.0] * 8))
""")


def start(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    words = process.stdout.readline().split()
    assert words[0] == "ready"
    return process, [int(word) for word in words[1:]]


def gone(pids):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as handle:  # noqa: PTH123
            return handle.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at processes in /proc")  # noqa: PTH112


@needs_proc
def test_ctrl_c_ends_promptly_with_all_workers_and_one_traceback(tmp_path):
    process, pids = start(tmp_path)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert time.monotonic() - began < 20
    assert errors.count("Traceback") == 1
    assert "KeyboardInterrupt" in errors
    assert gone(pids)


@needs_proc
def test_workers_do_not_outlive_a_parent_that_was_killed(tmp_path):
    process, pids = start(tmp_path)
    process.kill()
    process.communicate()
    assert gone(pids)
