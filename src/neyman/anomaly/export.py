"""A trained score as files for servers: ONNX, and TorchScript for those that want it."""

from __future__ import annotations

import warnings
from pathlib import Path

from neyman.anomaly.onnx_graph import onnx_model
from neyman.anomaly.scoring import Scoring
from neyman.anomaly.torchscript import torchscript_model
from neyman.core.files import make_folder, replacing

ONNX, TORCHSCRIPT = "model.onnx", "model.pt"


def export(scoring: Scoring, folder: Path | str) -> tuple[Path, Path]:
    """Write `model.onnx` and `model.pt`.

    Args:
        scoring: What an artefact scores with.
        folder: Where to write; made if it is not there.

    Returns:
        The two files.

    Raises:
        InputError: If it cannot be written there.
    """
    folder = Path(folder)
    make_folder(folder)
    with replacing(folder / ONNX) as temporary:
        temporary.write_bytes(onnx_model(scoring))
    with replacing(folder / TORCHSCRIPT) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript itself
        torchscript_model(scoring).save(str(temporary))
    return folder / ONNX, folder / TORCHSCRIPT
