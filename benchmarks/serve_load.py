"""Load for an HTTP service, and how long each answer took: one thread, several connections, sockets as they are.

The cost of a request here is that of a few system calls, the same for every service that is measured. While an answer
is awaited the client does not sleep: waking it would add to every time, and to the CPU time of the server.
"""

import itertools
import select
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np

SPIN = 0.0015  # seconds before the next request from which on the client does not sleep


@dataclass
class Connection:
    """One request at a time.

    Attributes:
        socket: To the service.
        due: When the next request should be sent.
        busy: Whether an answer is awaited.
        answer: What has come of it.
    """

    socket: socket.socket
    due: float
    busy: bool = False
    answer: bytes = b""


def request(path, body, key, kind="application/json"):
    """The bytes of a request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def measure(url, requests, *, seconds, connections=1, rate=None):
    """Send requests for a while.

    Args:
        url: Of the service.
        requests: Bytes, in turns.
        seconds: For how long.
        connections: How many at a time.
        rate: Requests a second of all connections together; None for the next as soon as the last is answered. An
            answer is late by the time since its request was due, also if that had to wait for the answer before.

    Returns:
        Seconds of each request, and how many were answered in a second.
    """
    parts = urlsplit(url)
    began = time.perf_counter()
    gap = connections / rate if rate else 0.0
    open_ones = {}
    with select.epoll() as poll:
        for number in range(connections):
            made = socket.create_connection((parts.hostname, parts.port))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(made, select.EPOLLIN)
            open_ones[made.fileno()] = Connection(made, began + gap * number / connections)
        found = _loop(poll, open_ones, itertools.cycle(requests), began + seconds, gap)
        for each in open_ones.values():
            each.socket.close()
    return np.array(found), len(found) / (time.perf_counter() - began)


def _loop(poll, connections, requests, end, gap):
    found = []
    while True:
        now = time.perf_counter()
        waiting = [each for each in connections.values() if not each.busy]
        if now >= end and len(waiting) == len(connections):
            return found
        for each in waiting:
            if each.due <= now < end:
                each.busy, each.answer = True, b""
                each.socket.sendall(next(requests))
        for number, _ in poll.poll(_patience(connections.values())):
            each = connections[number]
            received = each.socket.recv(1 << 20)
            if not received:
                raise RuntimeError("the service hung up")
            each.answer += received
            if _complete(each.answer):
                now = time.perf_counter()
                found.append(now - each.due)
                each.busy, each.due = False, each.due + gap if gap else now


def _patience(connections):
    """How long nothing can happen; epoll counts in milliseconds, so the last one is spent awake."""
    if any(each.busy for each in connections):
        return 0.0
    return max(0.0, min(each.due for each in connections) - time.perf_counter() - SPIN)


def _complete(answer):
    """Whether an answer is whole; it must be a good one."""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the service says {answer[:400]!r}")
    lower = head.lower()
    begin = lower.index(b"content-length:") + len(b"content-length:")
    return len(body) >= int(lower[begin:].split(b"\r\n", 1)[0])
