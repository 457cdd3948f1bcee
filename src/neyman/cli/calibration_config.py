"""The config of `neyman calibration`, from a file, from options, or from both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from neyman.calibration.config import CalibrationConfig
from neyman.core.errors import ConfigError


def read_config(
    path: Path | None,
    *,
    data: str | None,
    simulation: str | None,
    weights: str | None,
    variables: str | None,
    conditions: str | None,
) -> CalibrationConfig:
    """A config; what options say goes before what the file says.

    Args:
        path: YAML file; without one, options must name files and columns.
        data: File of data.
        simulation: File of simulation.
        weights: Column of weights.
        variables: Columns to correct, separated by commas.
        conditions: Columns given which.

    Raises:
        ConfigError: If something is missing, or does not fit.
    """
    files = {"data": data, "simulation": simulation, "weights": weights}
    columns = {"variables": variables, "conditions": conditions}
    if path is None:
        needed = {name: value for name, value in (files | columns).items() if name != "weights"}
        missing = [f"--{name}" for name, value in needed.items() if value is None]
        if missing:
            raise ConfigError(
                f"neither a config nor {', '.join(missing)}",
                expected="CONFIG, or --data, --simulation, --variables and --conditions",
            )
    job = None if path is None else CalibrationConfig.load(path)
    given_files = {name: value for name, value in files.items() if value is not None}
    given_columns = {name: _names(f"--{name}", value) for name, value in columns.items() if value is not None}
    if job is not None and not given_files and not given_columns:
        return job
    settings: dict[str, Any] = {} if job is None else job.model_dump()
    if given_files:
        before = settings.get("data", {})
        settings["data"] = {**(before if before.get("kind") == "files" else {"kind": "files"}), **given_files}
    try:
        return CalibrationConfig.model_validate(settings | given_columns)
    except ValidationError as error:
        raise _explained(error) from error


def _names(option: str, text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ConfigError(f"'{text}'", where=option, expected="names separated by commas, as in a,b")
    return names


def _explained(error: ValidationError) -> ConfigError:
    detail = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in detail["loc"] if part != "files")
    message = detail["msg"].removeprefix("Value error, ")
    return ConfigError(f"config and options do not fit: {message}", where=place or "options")
