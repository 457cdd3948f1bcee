"""The steps behind `neyman serve`, its workers, schemas and Triton."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import typer

from neyman.cli.serve_keys import opened
from neyman.core.errors import ConfigError, NeymanError
from neyman.core.files import make_folder
from neyman.serve.keys import Scope
from neyman.serve.settings import LocalStorage, Place, Settings
from neyman.serve.storage.opening import open_storage
from neyman.serve.storage.uri import ObjectURI

FIRST_SCOPES: tuple[Scope, ...] = ("score", "batch")
PROBE = "neyman-check"  # an object that is written and deleted


def serve_step(settings: Settings, *, first_key: bool) -> None:
    """Serve until Ctrl-C.

    Args:
        settings: Of the service.
        first_key: Make and show a key if there is none; for a service that only this computer can reach.
    """
    from neyman.serve.service import listening, serve, until_stopped, url_of

    with until_stopped(), listening(settings) as listener:  # from here on SIGTERM is no death
        for line in check_models(settings):
            typer.echo(line)
        open_storage(settings.storage)  # before anything is made: its keys may be missing
        with opened(settings.database):  # before folders are made, and those before a key that is shown once
            pass
        make_places(settings)
        url = url_of(listener)
        typer.echo("\n".join(_key_lines(settings, url, first_key=first_key)))
        if not _is_loopback(settings.host):
            typer.echo(f"{settings.host} can be reached from other computers, without TLS: docs/serve.md", err=True)
        typer.echo(f"{url} until Ctrl-C")
        serve(settings, listener)
    typer.echo("stopped", err=True)


def _key_lines(settings: Settings, url: str, *, first_key: bool) -> list[str]:
    with opened(settings.database) as keys:
        good = sum(key.revoked_at is None for key in keys.list())
        if good:
            return [f"keys in use: {good}; neyman serve keys create NAME makes another"]
        if not first_key:
            return ["no key yet: neyman serve keys create NAME --settings YAML"]
        _, token = keys.create("first", FIRST_SCOPES)
    return [
        f"KEY={token}    # shown this once; may score, and score files",
        f'curl -sS {url}/api/v1/models -H "Authorization: Bearer $KEY"',
    ]


def make_places(settings: Settings) -> None:
    """The folders that files of events are expected in, where storage is a folder."""
    if isinstance(settings.storage, LocalStorage):
        for place in settings.read:
            make_folder(settings.storage.root / place.bucket / place.prefix)


def check_models(settings: Settings) -> Iterator[str]:
    """A line for each model, read and checked."""
    from neyman.serve.backend import backends

    flags = settings.flags
    for name, model in backends(settings).items():
        if not model.alive():
            raise NeymanError(
                f"the model server does not have model '{name}'", where="backend", hint="neyman serve triton"
            )
        promise = (
            f"flags at most {flags.fpr:g} of background"
            if model.judge.threshold is not None
            else f"flags are null: too few calibration events for {flags.fpr:g}"
        )
        yield f"model {name}: {model.score_name} of {len(model.names)} columns; {promise}"


def check_lines(settings: Settings) -> Iterator[str]:
    """A line for each part that works: models, database, storage, Redis.

    Raises:
        NeymanError: At the first that does not.
    """
    yield from check_models(settings)
    with opened(settings.database) as keys:
        good = sum(key.revoked_at is None for key in keys.list())
    yield f"database: answers, keys in use: {good}"
    yield _check_storage(settings)
    if settings.cache.url is not None:
        yield _check_redis(settings.cache.url)


def _check_storage(settings: Settings) -> str:
    """Look into each place to read, and write to that of results."""
    storage = open_storage(settings.storage)
    for place in settings.read:
        storage.exists(_probe(place))
    probe = _probe(settings.results)
    with storage.write(probe) as stream:
        stream.write(b"neyman serve --check")
    storage.delete(probe)
    read = ", ".join(str(_probe(place)).removesuffix(PROBE) for place in settings.read)
    return f"storage: reads {read}; writes {str(probe).removesuffix(PROBE)}"


def _probe(place: Place) -> ObjectURI:
    return ObjectURI(place.bucket, f"{place.prefix}/{PROBE}".lstrip("/"))


def _check_redis(url: str) -> str:
    from neyman.serve.redis_link import RedisLink

    link = RedisLink(url)
    try:
        if link.ask(lambda client: client.ping()) is None:
            raise NeymanError("Redis does not answer", where="cache.url", hint="the service would do without it")
    finally:
        link.close()
    return "redis: answers"


def worker_step(settings: Settings, jobs: int) -> None:
    """Work until Ctrl-C."""
    from neyman.serve.service import until_stopped
    from neyman.serve.supervisor import Workers

    for line in check_models(settings):
        typer.echo(line)
    open_storage(settings.storage)
    with opened(settings.database):
        pass
    with until_stopped(), Workers(settings, jobs):
        typer.echo(f"{jobs} at work until Ctrl-C")
        threading.Event().wait()
    typer.echo("stopped", err=True)


def settings_schema() -> str:
    """The JSON schema of the settings."""
    return json.dumps(Settings.model_json_schema(), indent=2, ensure_ascii=False)


def openapi_text(path: Path | None) -> str:
    """The HTTP interface, as `/openapi.json` tells it; it names the models and the limits of a service.

    Raises:
        ConfigError: Without settings, or for some that do not fit.
    """
    from neyman.serve.api.openapi import document
    from neyman.serve.backend import backends

    if path is None:
        raise ConfigError("no --settings", where="neyman serve schema openapi", expected="the settings of a service")
    settings = Settings.load(path)
    return json.dumps(json.loads(document(settings, backends(settings))), indent=2, ensure_ascii=False)


def triton_step(settings: Settings, out: Path) -> str:
    """Write a model repository."""
    from neyman.serve.triton_repository import write_repository

    written = [str(path) for path in write_repository(settings.models, out)]
    return "\n".join([*written, f"tritonserver --model-repository {out}, then backend: {{kind: triton, url: …}}"])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
