"""The wire format of KServe v2, and a model server that does not behave."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neyman.serve.backend import BackendError
from neyman.serve.kserve import ModelServer, decode, encode

LENGTH = "Inference-Header-Content-Length"


def answer(**arrays):
    """What a good server says: the form of a request is that of an answer."""
    head, body = encode(arrays, [])
    described = json.loads(head)["inputs"]
    head = json.dumps({"model_name": "m", "model_version": "1", "outputs": described}).encode()
    return head, body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        self.server.ports.add(self.client_address[1])
        status, length, content = self.server.reply(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if length is not None:
            self.send_header(LENGTH, str(length))
        self.end_headers()
        self.wfile.write(content)
        if self.server.hang_up:  # after an answer that promised to stay
            self.close_connection = True

    def do_GET(self):
        self.send_response(200 if self.path == "/v2/models/there/ready" else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """A server whose `reply(body)` is (status, header length, content)."""
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads, made.handle_error = True, lambda *_: None  # some clients go without an answer
    made.requests, made.ports, made.hang_up = [], set(), False
    made.url = f"http://127.0.0.1:{made.server_port}"
    head, body = answer(score=np.array([[1.5], [2.5]]))
    made.reply = lambda _: (200, len(head), head + body)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def infer(server, timeout=5.0):
    return ModelServer(server.url, timeout=timeout).infer("m", {"x": np.zeros((2, 3))}, ["score"])


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4),
        elements=st.floats(width=32),
    )
)
def test_arrays_survive_bit_for_bit(array):
    head, body = answer(a=np.ones(3), b=array)
    second, first = decode(head + body, str(len(head)), ["b", "a"])
    assert second.dtype == array.dtype
    assert second.shape == array.shape
    assert second.tobytes() == array.tobytes()
    assert first.tolist() == [1, 1, 1]


def test_a_request_is_what_the_protocol_asks_for(server):
    x = np.arange(6.0).reshape(2, 3)
    found = ModelServer(server.url, timeout=5).infer("m", {"x": x[:, ::-1]}, ["score"])
    assert [array.tolist() for array in found] == [[[1.5], [2.5]]]
    path, headers, body = server.requests[0]
    length = int(headers[LENGTH])
    assert path == "/v2/models/m/infer"
    assert json.loads(body[:length]) == {
        "inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP64", "parameters": {"binary_data_size": 48}}],
        "outputs": [{"name": "score", "parameters": {"binary_data": True}}],
    }
    assert np.frombuffer(body[length:], "<f8").tolist() == [2, 1, 0, 5, 4, 3]


def test_a_connection_is_kept(server):
    kept = ModelServer(server.url, timeout=5)
    for _ in range(5):
        kept.infer("m", {"x": np.zeros((2, 3))}, ["score"])
    assert len(server.requests) == 5
    assert len(server.ports) == 1


def test_a_connection_that_the_server_closed_is_replaced(server):
    kept = ModelServer(server.url, timeout=5)
    server.hang_up = True
    for _ in range(5):
        assert kept.infer("m", {"x": np.zeros((2, 3))}, ["score"])[0].shape == (2, 1)
        time.sleep(0.02)
    assert len(server.ports) == 5


def test_threads_do_not_get_answers_of_others(server):
    def reply(body):
        length = body.rindex(b"}") + 1
        value = np.frombuffer(body[length:], "<f8")
        head, content = answer(score=value[:, None] * 2)
        return 200, len(head), head + content

    server.reply = reply
    shared, wrong = ModelServer(server.url, timeout=5), []

    def ask(number):
        for step in range(20):
            value = np.array([[float(number)], [float(step)]])
            found = shared.infer("m", {"x": value}, ["score"])[0]
            if not np.array_equal(found, 2 * value):
                wrong.append((number, step))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong
    assert len(server.requests) == 160


@pytest.mark.parametrize(
    "reply",
    [
        (200, None, b"{}"),
        (200, 2, b"{}"),
        (200, 5, b"{nope"),
        (200, -1, b"{}"),
        (200, 9999, answer(score=np.ones((2, 1)))[0]),
        (200, 4, b"null"),
        (200, 10, b'{"outputs"'),
        (200, 14, b'{"outputs": 1}'),
        (200, len(answer(other=np.ones(2))[0]), b"".join(answer(other=np.ones(2)))),  # not what was asked for
        (200, len(answer(score=np.ones(2))[0]), b"".join(answer(score=np.ones(2)))[:-3]),  # cut off
    ],
)
def test_what_is_no_answer_is_an_error(server, reply):
    server.reply = lambda _: reply
    with pytest.raises(BackendError, match="something else"):
        infer(server)


def test_a_shape_that_its_bytes_do_not_have(server):
    head, body = answer(score=np.ones((2, 1)))
    head = head.replace(b"[2, 1]", b"[3, 1]")
    server.reply = lambda _: (200, len(head), head + body)
    with pytest.raises(BackendError, match="something else"):
        infer(server)


def test_a_type_that_is_not_known(server):
    head, body = answer(score=np.ones((2, 1)))
    head = head.replace(b"FP64", b"BF16")
    server.reply = lambda _: (200, len(head), head + body)
    with pytest.raises(BackendError, match="something else"):
        infer(server)


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (400, b'{"error": "unknown model: m"}', "400: unknown model: m"),
        (500, b"<html>\n  oh no", "500: <html> oh no"),
        (503, b"\xff\xfe", "503"),
        (500, b"x" * 5000, "x" * 200),
    ],
)
def test_a_refusal_is_told_in_short(server, status, content, said):
    server.reply = lambda _: (status, None, content)
    with pytest.raises(BackendError) as error:
        infer(server)
    assert said in str(error.value)
    assert len(str(error.value)) < 260


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_a_name_that_no_host_can_have(host):
    server = ModelServer(f"http://{host}:8000", timeout=1)
    assert not server.ready("m")
    with pytest.raises(BackendError, match="cannot be reached"):
        server.infer("m", {"x": np.zeros((1, 1))}, ["score"])


def test_nobody_listens():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(BackendError, match="cannot be reached"):
            ModelServer(url, timeout=1).infer("m", {"x": np.zeros((2, 3))}, ["score"])
        assert not ModelServer(url, timeout=1).ready("m")


def test_a_server_that_does_not_answer_is_given_up(server):
    awake = threading.Event()
    server.reply = lambda _: (200, 0, b"{}" if awake.wait(60) else b"")
    with pytest.raises(BackendError, match=r"within 0\.2 s"):
        infer(server, timeout=0.2)
    awake.set()


def test_ready_is_of_a_model(server):
    kept = ModelServer(server.url + "/", timeout=5)
    assert kept.ready("there")
    assert not kept.ready("elsewhere")
