"""The settings of a service, from a file or from the names of folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from neyman.core.errors import ConfigError
from neyman.serve.settings import Settings


def chosen(models: Sequence[str], path: Path | None, *, port: int | None) -> Settings:
    """Settings from a file, or the defaults with these models.

    Args:
        models: `FOLDER` or `NAME=FOLDER`; a folder's own name is the default.
        path: YAML file.
        port: Goes before the port of the file.

    Raises:
        ConfigError: If there is neither or both, or they do not fit.
    """
    if bool(models) == (path is not None):
        raise ConfigError(
            "both --model and --settings" if models else "neither --model nor --settings",
            where="neyman serve",
            expected="a folder of a trained model, or a file of settings",
            hint="models: {NAME: FOLDER} in the file" if models else "neyman demo serve",
        )
    settings = Settings.load(path) if path is not None else _defaults(_named(models))
    return settings if port is None else settings.model_copy(update={"port": port})


def _defaults(models: dict[str, Path]) -> Settings:
    try:
        return Settings(models=models)
    except ValidationError as error:
        name = str(error.errors(include_url=False)[0]["loc"][1])
        raise ConfigError(
            f"'{name[:64]}' is no name of a model",
            where="--model",
            expected="at most 64 letters, digits and . _ -, the first a letter or digit",
            hint="NAME=FOLDER",
        ) from error


def _named(models: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in models:
        name, equals, folder = text.partition("=")
        if not equals or Path(text).is_dir():
            name, folder = Path(text).resolve().name, text
        if not folder:
            raise ConfigError(f"'{text}'", where="--model", expected="a folder, or NAME=FOLDER")
        if name in found:
            raise ConfigError(f"model '{name}' twice", where="--model", expected="NAME=FOLDER, each name once")
        found[name] = Path(folder)
    return found


def database(path: Path | None) -> str:
    """Where keys are: as a settings file says, or of a service that was started with `--model` in this folder.

    Raises:
        ConfigError: If the file does not fit, or no service was started here: a database in a wrong folder would
            be made, and its keys would open nothing.
    """
    if path is not None:
        return Settings.load(path).database
    url = str(Settings.model_fields["database"].default)
    if not Path(url.removeprefix("sqlite:///")).exists():
        raise ConfigError(
            "no service was started in this folder",
            where="neyman serve keys",
            expected="--settings, or the folder of 'neyman serve --model'",
        )
    return url
