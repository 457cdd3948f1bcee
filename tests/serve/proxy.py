"""A way to an S3 service on which some requests fail, as they do on the way to a real one."""

import contextlib
import http.client
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .servers import free_port


@contextlib.contextmanager
def failing_proxy(port, *, fraction, seed=1):
    """A proxy of a service on this host that answers a fraction of requests with 500, 503 or not at all.

    Args:
        port: Of the service.
        fraction: How many of the requests fail.
        seed: Of which.

    Yields:
        The server, with its `port`, and counts of requests that were `passed` and `failed`; `fraction` may be changed.
    """
    rng = random.Random(seed)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self):
            with contextlib.suppress(ConnectionError, TimeoutError):
                super().handle_one_request()

        def _pass(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind = rng.choice(("500", "503", "lost")) if rng.random() < self.server.fraction else "passed"
            if kind == "lost":  # the service does it, and the answer does not come
                self._ask(body)
                self.server.failed += 1
                self.close_connection = True
                return
            if kind != "passed":
                self.server.failed += 1
                self._answer(int(kind), [], b"<Error><Code>SlowDown</Code></Error>")
                return
            self.server.passed += 1
            self._answer(*self._ask(body))

        def _ask(self, body):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            with contextlib.closing(connection):
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()

        def _answer(self, status, headers, body):
            self.send_response_only(status)
            length = str(len(body))
            for name, value in headers:
                if name.lower() == "content-length" and self.command == "HEAD":
                    length = value
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "keep-alive"):
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
    server.daemon_threads = True
    server.port, server.fraction, server.passed, server.failed = server.server_port, fraction, 0, 0
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
