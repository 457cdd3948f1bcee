"""A real Triton server, from the environment that `.ci/triton` makes."""

import contextlib
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

VARIABLE = "NEYMAN_TRITON_ENV"


def environment():
    """The folder of the environment; without it a laptop skips, and CI fails."""
    folder = os.environ.get(VARIABLE)
    if folder:
        return Path(folder)
    why = f"no Triton server: {VARIABLE} names no environment, see .ci/triton"
    return pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)


def free_port():
    """A port that nobody has."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@contextlib.contextmanager
def triton(repository, log, port=None):
    """Serve a model repository; gives the URL.

    Args:
        repository: The folder that `write_repository` wrote.
        log: File for what the server says.
        port: To listen on; None for a free one.
    """
    folder, port = environment(), port or free_port()
    packages = folder / "lib" / "python3.11" / "site-packages"
    home, url = packages / "pytriton" / "tritonserver", f"http://127.0.0.1:{port}"
    command = [
        home / "bin" / "tritonserver",
        f"--model-repository={repository}",
        f"--backend-directory={home / 'backends'}",
        "--http-address=127.0.0.1",
        f"--http-port={port}",
        "--http-thread-count=2",
        "--allow-grpc=false",
        "--allow-metrics=false",
        "--exit-timeout-secs=1",
        f"--backend-config=python,shm-region-prefix-name=neyman{port}",
    ]
    variables = {
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",  # the backend takes the python3 that it finds first
        "LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs"),
        "HOME": os.environ.get("HOME", "/"),
    }
    with (
        Path(log).open("ab") as output,
        subprocess.Popen(command, env=variables, stdout=output, stderr=subprocess.STDOUT) as server,
    ):
        try:
            _wait(server, url, Path(log))
            yield url
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait(server, url, log, seconds=180):
    """Until it is ready; it is not if a model could not be loaded."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/v2/health/ready", timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    pytest.fail(f"Triton is not ready: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def triton_url(artefact, tmp_path_factory):
    """The address of a Triton server that has `artefact` under the name `anomaly`."""
    from neyman.serve.triton_repository import write_repository

    folder = tmp_path_factory.mktemp("triton")
    write_repository({"anomaly": artefact}, folder / "repository")
    with triton(folder / "repository", folder / "log") as url:
        yield url
