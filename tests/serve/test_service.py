"""A service in one call: its port, its start and its end."""

import os
import signal
import socket
import threading

import httpx
import pytest

from neyman.core.errors import ArtefactError, ConfigError, InputError, NeymanError
from neyman.serve.service import listening, running, until_stopped, url_of
from neyman.serve.settings import Settings


@pytest.fixture
def settings(artefact, tmp_path):
    return Settings.model_validate(
        {
            "models": {"tiny": artefact},
            "port": 0,
            "database": f"sqlite:///{tmp_path}/serve.sqlite",
            "storage": {"kind": "local", "root": tmp_path},
            "jobs": {"workers": 0},
        }
    )


def test_it_runs_as_long_as_the_block(settings):
    before = threading.active_count()
    with running(settings) as url:
        assert httpx.get(f"{url}/ready").json() == {"status": "ready"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")
    assert threading.active_count() <= before + 1


def test_what_the_block_raises_ends_it_too(settings):
    with pytest.raises(ZeroDivisionError), running(settings) as url:
        1 / 0  # noqa: B018
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")


def test_a_model_that_is_none_frees_the_port(settings, tmp_path):
    with listening(settings) as listener:
        port = listener.getsockname()[1]
    broken = settings.model_copy(update={"port": port, "models": {"tiny": tmp_path / "nothing"}})
    with pytest.raises((ArtefactError, InputError)), running(broken):
        pass
    with listening(broken) as again:
        assert again.getsockname()[1] == port


def test_a_database_that_is_none_is_told(settings, tmp_path, message):
    (tmp_path / "notes.txt").write_text("no database" * 100)
    away = "postgresql://eve:geheim@127.0.0.1:1/x"
    for url, words in ((f"sqlite:///{tmp_path}/notes.txt", "cannot be used"), (away, "does not answer")):
        with pytest.raises(NeymanError) as error, running(settings.model_copy(update={"database": url})):
            pass
        message(error, words)
        assert "geheim" not in str(error.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_urls(settings, host):
    try:
        with listening(settings.model_copy(update={"host": host})) as listener:
            url = url_of(listener)
    except ConfigError:
        assert host == "::1"  # not every machine has it
        return
    parsed = httpx.URL(url)
    assert (parsed.scheme, parsed.host, parsed.port) == ("http", host, listener_port(url))


def listener_port(url):
    return int(url.rpartition(":")[2])


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "x" * 70, "a..b"])
def test_addresses_of_others(settings, host, message):
    with pytest.raises(ConfigError) as error:
        listening(settings.model_copy(update={"host": host}))
    message(error, host, "an address of this computer")


def test_a_port_that_is_taken(settings, message):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError) as error:
            listening(settings.model_copy(update={"port": port}))
    message(error, f"cannot listen on port {port}", "--port 0")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_end_the_block_and_nothing_else(number):
    before = signal.getsignal(signal.SIGTERM)
    reached = []
    with until_stopped():
        os.kill(os.getpid(), number)
        threading.Event().wait(5)
        reached.append("behind")
    assert reached == []
    assert signal.getsignal(signal.SIGTERM) is before
