"""The service on a port, as it meets the network."""

import re
import socket

import pytest

from .live import live, settings_for


@pytest.fixture(scope="module")
def service(artefact, tmp_path_factory):
    with live(settings_for(artefact, tmp_path_factory.mktemp("server"))) as running:
        yield running


def _answers(service, text, count):
    """The first `count` answers to bytes on a connection."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as door:
        door.sendall(text.encode())
        got = b""
        while got.count(b"HTTP/1.1 ") < count or not got.endswith(b"}"):
            piece = door.recv(65536)
            if not piece:
                break
            got += piece
    return got


def test_a_connection_carries_many_requests_in_order(service):
    get = "GET {} HTTP/1.1\r\nHost: x\r\n\r\n"
    got = _answers(service, get.format("/health") + get.format("/nothing") + get.format("/ready"), 3)
    assert re.findall(rb"HTTP/1\.1 (\d+)", got) == [b"200", b"404", b"200"]
    assert got.index(b"alive") < got.index(b"nothing is here") < got.index(b"ready")


def test_a_connection_is_closed_after_its_answer_where_that_was_asked(service):
    got = _answers(service, "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 99)
    assert got.endswith(b'{"status":"alive"}')


@pytest.mark.parametrize(
    "text", ["x\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\x00 HTTP/1.1\r\n\r\n", "\x16\x03\x01\r\n"]
)
def test_what_is_no_http_does_no_harm(text, service):
    assert _answers(service, text, 99).startswith((b"HTTP/1.1 400", b"HTTP/1.1 404", b""))
    assert service.http.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        ("GET /health HTTP/1.1\r\nHost: x\r\nX: ", "a" * 65536),
        ("GET /health HTTP/1.1\r\nHost: x\r\n", "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 2048),
        ("POST /api/v1/score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", "a" * 65536),
        ("", "\r\n" * 32768),
    ],
)
def test_a_head_without_end_has_one(begin, more, service):
    host, port = service.url.removeprefix("http://").split(":")
    sent = 0
    with socket.create_connection((host, int(port)), timeout=10) as door:
        door.sendall(begin.encode())
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while sent < 64 * 2**20:  # far more than the system holds for a reader that does not read
                door.sendall(more.encode())
                sent += len(more)
    assert service.http.get("/health").status_code == 200


def test_a_long_head_and_a_large_body_are_none_without_end(service):
    headers = {"X": "a" * 100_000, "Content-Type": "application/json"}
    assert service.http.get("/health", headers=headers).status_code == 200
    answer = service.http.post("/api/v1/score", content=iter([b" " * 65536] * 100), headers=headers)
    assert answer.status_code == 400  # 6 MB of blanks, which are no JSON


def test_nothing_says_what_the_server_is_made_of(service):
    assert "server" not in service.http.get("/health").headers
