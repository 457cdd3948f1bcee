"""A service on a port of this process, for tests of what it answers."""

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import Any

import httpx

from neyman.serve.server import server
from neyman.serve.settings import Settings

NAMES = ("mass", "pt", "phi", "jets", "time", "charge", "run")
ARROW = "application/vnd.apache.arrow.stream"


@dataclass
class Live:
    """A running service.

    Attributes:
        url: Where it is.
        app: The application.
        http: A client with a key for everything but others' jobs.
        key: That key.
    """

    url: str
    app: Any
    http: httpx.Client
    key: str

    @property
    def parts(self):
        return self.app.parts

    def new_key(self, *scopes):
        """The text of a new key, and its id."""
        key, token = self.parts.keys.create("test", scopes)
        return token, key.id

    def as_key(self, token):
        """Headers of another key."""
        return {"Authorization": f"Bearer {token}"}

    def metric(self, line):
        """The value of a line of /metrics; 0 if it is not there."""
        text = self.http.get("/metrics").text
        return next((float(each.rpartition(" ")[2]) for each in text.splitlines() if each.startswith(line + " ")), 0.0)


def settings_for(artefact, folder, **changes):
    """Settings with everything in a folder, and no limit that tests would meet by chance."""
    given = {
        "models": {"tiny": artefact},
        "port": 0,
        "database": f"sqlite:///{folder}/serve.sqlite",
        "storage": {"kind": "local", "root": folder / "storage"},
        "limits": {"requests_per_second": 1e6, "burst": 10**6},
        "flags": {"fpr": 0.01},
    }
    return Settings.model_validate(given | changes)


@contextlib.contextmanager
def live(settings):
    """Run a service, without workers, as long as the block lasts."""
    made = server(settings)
    app = made.config.app
    _, key = app.parts.keys.create("tests", ["score", "batch"])
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        thread = threading.Thread(target=made.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        try:
            while not made.started:
                thread.join(0.01)
                assert thread.is_alive(), "the service did not start"
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=20) as http:
                yield Live(url, app, http, key)
        finally:
            made.should_exit = True
            thread.join()


def is_problem(answer, status, *parts):
    """Check that an answer is a problem of this status, short, and says what it should."""
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert set(found) <= {"type", "title", "status", "detail", "where"}
    assert found["status"] == status
    assert found["title"]
    assert len(answer.content) < 700, "a foreign input is echoed"
    for forbidden in ("Traceback", "/work", "/tmp", "site-packages", ".py"):
        assert forbidden not in answer.text
    for part in parts:
        assert part in answer.text, f"{part!r} is not in {answer.text}"
    return found
