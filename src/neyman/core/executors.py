"""Where work that fans out is done: in this process, in processes of this machine, or anywhere else.

What to use when:

- `local_executor(1)`: in this process, one piece after the other; the easiest to debug.
- `local_executor(n)`: in `n` processes of this machine.
- any other `concurrent.futures.Executor`, e.g. `distributed.Client(...).get_executor()` of a Dask cluster.

All of them give the same numbers, because each piece draws from a random stream of its own.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import Any, TypeVar

from neyman.core.errors import InputError, NeymanError

Item = TypeVar("Item")
Output = TypeVar("Output")

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def local_executor(workers: int | None = None) -> Executor:
    """An executor on this machine, to be used in a `with` statement.

    Args:
        workers: How many processes; 1 is this process itself, None is one for each usable core.

    Raises:
        InputError: If `workers` is below one.

    Examples:
        >>> with local_executor(1) as executor:
        ...     list(executor.map(abs, [-1, 2]))
        [1, 2]
    """
    count = usable_cores() if workers is None else workers
    if count < 1:
        raise InputError(f"{count} workers", expected="at least 1")
    return SerialExecutor() if count == 1 else _LocalPool(count)


def usable_cores() -> int:
    """The cores that this process may use, which on a batch system are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_unordered(
    executor: Executor, function: Callable[[Item], Output], items: Iterable[Item]
) -> Iterator[tuple[Item, Output]]:
    """Apply a function to every item; yield `(item, result)` as they finish, in any order.

    The first exception, also Ctrl-C and a `break` of the caller, cancels what has not begun.

    Args:
        executor: Where the calls run.
        function: What to call: with several processes, a function of a module.
        items: Its arguments.

    Raises:
        NeymanError: If a worker process dies.
    """
    if isinstance(executor, SerialExecutor):
        for item in items:
            yield item, function(item)
        return
    futures: dict[Future[Output], Item] = {}
    finished: SimpleQueue[Future[Output]] = SimpleQueue()
    try:
        with _undisturbed():
            for item in items:
                future = executor.submit(function, item)
                futures[future] = item
                future.add_done_callback(finished.put)
        for _ in range(len(futures)):
            future = finished.get()
            with _undisturbed():
                result = future.result()
            yield futures[future], result
    except BrokenProcessPool as error:
        raise NeymanError(
            "a worker process died, killed by the system or never able to start",
            hint="fewer workers or smaller pieces if memory ran out; finished pieces are kept.\n"
            "  In a script, call it under `if __name__ == '__main__':`.",
        ) from error
    finally:
        with _undisturbed():
            for future in futures:
                future.cancel()


class SerialExecutor(Executor):
    """Runs each call at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - Executor's own
        """Call the function now; the future holds its result or its exception."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the future hands it on
            future.set_exception(error)
        return future


class _LocalPool(ProcessPoolExecutor):
    """A process pool whose workers stop at once when the `with` block ends in an exception."""

    def __init__(self, workers: int) -> None:
        self._context = _RecordingContext()
        super().__init__(max_workers=workers, mp_context=self._context, initializer=_begin_worker)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.shutdown(cancel_futures=True)
            return
        with _undisturbed():
            self._stop()

    def _stop(self) -> None:
        # The pool hears of the end before its workers do: of cancelled work it would else print a traceback of its own.
        manager: Any = self._executor_manager_thread
        self.shutdown(wait=False, cancel_futures=True)
        for process in self._context.processes:
            if process.is_alive():
                process.terminate()
        for process in self._context.processes:
            process.join()
        # Python's exit writes to the manager's pipe, which the manager closes: unless it has ended before, both may
        # happen at once.
        if manager is not None:
            manager.join()


class _OneThreadProcess(SpawnProcess):
    """A process that computes on one thread; n processes with n threads each would only wait for each other."""

    def start(self) -> None:
        with _environment(dict.fromkeys(ONE_THREAD, "1")):  # read when NumPy is loaded, so it must be there before
            super().start()


class _RecordingContext(SpawnContext):
    """Remembers the processes that it made. Spawned, since a fork of a program with threads may hang."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: ANN401, N802
        process = _OneThreadProcess(*args, **kwargs)
        self.processes.append(process)
        return process


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits for the end of the block: within `concurrent.futures` it may leave a lock taken for ever."""
    before = signal.getsignal(signal.SIGINT)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed and callable(before):
            before(*pressed[0])


@contextlib.contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
