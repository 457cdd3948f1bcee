"""Numbers to and from a model server that speaks KServe v2 over HTTP, as Triton does.

    server = ModelServer("http://127.0.0.1:8000", timeout=10)
    server.infer("dimuon", {"features": x}, ["score"])          # -> [scores]

Arrays travel as bytes behind a line of JSON (the binary tensor data extension of the protocol): a number is neither
printed nor parsed, and is the same on both sides. One model server is one host and is asked thousands of times a
second: connections are kept, and the standard library's client is all that it takes.

KServe, Open Inference Protocol v2, https://kserve.github.io/website/latest/modelserving/data_plane/v2_protocol
"""

from __future__ import annotations

import http.client
import json
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from neyman.serve.backend import BackendError

DATATYPES = {"float32": "FP32", "float64": "FP64"}
"""NumPy's names and the protocol's."""

_KINDS = {theirs: np.dtype(ours).newbyteorder("<") for ours, theirs in DATATYPES.items()}
_LENGTH = "Inference-Header-Content-Length"  # where JSON ends and bytes begin


class ModelServer:
    """A server of models, for many threads at once.

    Args:
        url: `http://host:port` or `https://host:port`.
        timeout: Seconds after which a request is given up.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        parts = urlsplit(url)
        self._host, self._timeout = parts.netloc, timeout
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._idle: deque[http.client.HTTPConnection] = deque()
        weakref.finalize(self, _close, self._idle)

    def ready(self, model: str) -> bool:
        """Whether it has a model, loaded."""
        try:
            return self._ask("GET", f"/v2/models/{model}/ready")[0] == http.client.OK
        except BackendError:
            return False

    def infer(self, model: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> list[np.ndarray]:
        """Run a model.

        Args:
            model: Its name.
            inputs: Arrays by name of input; `float32` or `float64`.
            outputs: Names of what is wanted.

        Returns:
            The outputs, in that order.

        Raises:
            BackendError: If the server cannot be reached, refuses, or answers something else.
        """
        head, body = encode(inputs, outputs)
        status, answer, headers = self._ask(
            "POST",
            f"/v2/models/{model}/infer",
            head + body,
            {"Content-Type": "application/octet-stream", _LENGTH: str(len(head))},
        )
        if status != http.client.OK:
            raise BackendError(f"the model server says {status}: {_said(answer)}")
        return decode(answer, headers.get(_LENGTH), outputs)

    def _ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """One request. A connection that has grown stale is no reason to fail: asking twice computes the same."""
        while True:
            connection = self._connection()
            kept = connection.sock is not None
            try:
                connection.request(method, path, body, dict(headers or {}))
                response = connection.getresponse()
                answer = response.read()
            except TimeoutError as error:
                connection.close()
                raise BackendError(f"the model server did not answer within {self._timeout:g} s") from error
            except (OSError, http.client.HTTPException, UnicodeError) as error:  # UnicodeError: of a name of no host
                connection.close()
                if kept:
                    continue
                raise BackendError(f"the model server cannot be reached: {type(error).__name__}") from error
            if response.will_close:
                connection.close()
            else:
                self._idle.append(connection)
            return response.status, answer, response.headers

    def _connection(self) -> http.client.HTTPConnection:
        """The one that was used last, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._kind(self._host, timeout=self._timeout)


def encode(inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> tuple[bytes, bytes]:
    """A request: JSON that describes the arrays, and their bytes.

    Examples:
        >>> head, body = encode({"x": np.zeros((2, 3))}, ["score"])
        >>> json.loads(head)["inputs"]
        [{'name': 'x', 'shape': [2, 3], 'datatype': 'FP64', 'parameters': {'binary_data_size': 48}}]
        >>> len(body)
        48
    """
    described, parts = [], []
    for name, array in inputs.items():
        datatype = DATATYPES[array.dtype.name]
        parts.append(np.ascontiguousarray(array, _KINDS[datatype]).tobytes())
        size = {"binary_data_size": len(parts[-1])}
        described.append({"name": name, "shape": list(array.shape), "datatype": datatype, "parameters": size})
    wanted = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    return json.dumps({"inputs": described, "outputs": wanted}).encode(), b"".join(parts)


def decode(answer: bytes, length: str | None, outputs: Sequence[str]) -> list[np.ndarray]:
    """The arrays of an answer.

    Args:
        answer: JSON that describes arrays, and their bytes.
        length: Of the JSON, as the header says.
        outputs: Names of the arrays that are wanted.

    Raises:
        BackendError: If it is not such an answer, or an array is missing.
    """
    try:
        begin = int(length or "")
        found, described = {}, json.loads(answer[:begin])["outputs"]
        for each in described:
            kind, shape, size = _KINDS[each["datatype"]], each["shape"], each["parameters"]["binary_data_size"]
            found[each["name"]] = np.frombuffer(answer[begin : begin + size], kind).reshape(shape)
            begin += size
        return [found[name] for name in outputs]
    except (LookupError, TypeError, ValueError) as error:
        raise BackendError("the model server answered something else than the arrays that were asked for") from error


def _close(idle: deque[http.client.HTTPConnection]) -> None:
    for connection in idle:
        connection.close()


def _said(answer: bytes) -> str:
    """What an error of the server says, short."""
    try:
        said: Any = json.loads(answer)["error"]
    except (LookupError, TypeError, ValueError):
        said = answer.decode(errors="replace")
    return " ".join(str(said).split())[:200]
