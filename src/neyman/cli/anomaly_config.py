"""The config of `neyman anomaly`, from a file, from a name of a file, or from both."""

from __future__ import annotations

from pathlib import Path

from neyman.anomaly.config import AnomalyConfig, FilesSource
from neyman.core.errors import ConfigError


def read_config(path: Path | None, background: str | None) -> AnomalyConfig:
    """A config; a background that is named goes before what the file says.

    Args:
        path: YAML file; None for the defaults.
        background: File of background; None if the config names it.

    Raises:
        ConfigError: If there is neither, or the config does not fit.
    """
    if path is None and background is None:
        raise ConfigError("neither BACKGROUND nor --config", expected="a file of background, or a config that names it")
    if path is None:
        return AnomalyConfig(data=FilesSource(background=str(background)))
    config = AnomalyConfig.load(path)
    if background is None:
        return config
    data = config.data if isinstance(config.data, FilesSource) else FilesSource(background=background)
    return config.model_copy(update={"data": data.model_copy(update={"background": background})})
