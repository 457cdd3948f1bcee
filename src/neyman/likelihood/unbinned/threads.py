"""Work that is divided between threads."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def share(work: Callable[[int, int], None], parts: int, *, threads: int) -> None:
    """Do all parts of some work that lets go of Python's lock.

    Each thread takes some parts at a time, lest all wait for the slowest.

    Args:
        work: Does the parts from its first argument up to, and without, its second.
        parts: Number of parts.
        threads: Number of threads at most, of which the caller's is one.
    """
    threads = min(threads, parts)
    if threads <= 1:
        work(0, parts)
        return
    pieces = min(4 * threads, parts)
    queue = iter(list(itertools.pairwise(parts * piece // pieces for piece in range(pieces + 1))))

    def drain() -> None:
        for first, last in queue:
            work(first, last)

    pool = _pool(os.getpid(), threads - 1)
    waiting = [pool.submit(drain) for _ in range(threads - 1)]
    drain()
    for one in waiting:
        one.result()


def threads_allowed() -> int:
    """OMP_NUM_THREADS if it is set, else the number of CPUs that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """One pool for each process: threads do not survive a fork."""
    return ThreadPoolExecutor(threads, thread_name_prefix=f"neyman-{process}")
