"""A model repository for Triton: the graphs of artefacts, and how to run them.

    REPOSITORY/
      dimuon-3f2a9c01b7de/        one folder a model; the name ends with the digest of the artefact
        config.pbtxt
        1/model.onnx              all outputs
        1/score.onnx              the score alone, which is cheaper
        1/model.py

Each artefact is another model to Triton: a service asks for the one that it knows, and can neither get scores of
another nor be surprised by an update. Old ones stay until they are deleted, so that servers can be replaced one by one.

The graph runs in the Python backend, which has ONNX Runtime (`pip install onnxruntime` beside Triton), so that it is
the one library, wherever events are scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from neyman.anomaly.runtime import GRAPH, KIND, SCORE_GRAPH, Scorer
from neyman.core.artefacts import load_artefact
from neyman.core.errors import require
from neyman.core.files import replacing, write_text

OUTPUTS = ("score", "score_vector")
"""What the service asks for: the second explains an event."""

MAX_ROWS = 4096
"""Events that Triton computes at once."""

_TYPES = {"tensor(double)": "TYPE_FP64", "tensor(float)": "TYPE_FP32"}

CONFIG = """\
name: "{name}"
backend: "python"
max_batch_size: {rows}
input [{inputs}]
output [{outputs}]
instance_group [{{ kind: KIND_CPU count: 1 }}]
dynamic_batching {{ }}
parameters [{{ key: "artefact" value: {{ string_value: "{digest}" }} }}]
"""

MODEL = '''\
"""Runs the graphs beside this file, for all requests that wait at once."""

from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    def initialize(self, args):
        folder = Path(args["model_repository"], args["model_version"])
        self.score, self.all = session(folder / "score.onnx"), session(folder / "model.onnx")
        self.input = self.all.get_inputs()[0].name

    def execute(self, requests):
        arrays = [triton.get_input_tensor_by_name(request, self.input).as_numpy() for request in requests]
        wanted = [request.requested_output_names() for request in requests]
        x, ends = np.concatenate(arrays), np.cumsum([len(array) for array in arrays])[:-1]
        parts = {name: np.split(self.output(name, x), ends) for name in {each for names in wanted for each in names}}
        return [
            triton.InferenceResponse([triton.Tensor(name, parts[name][at]) for name in names])
            for at, names in enumerate(wanted)
        ]

    def output(self, name, x):
        graph = self.score if name == "score" else self.all
        return graph.run([name], {self.input: x})[0].reshape(len(x), -1)


def session(graph):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
'''


def triton_name(name: str, digest: str) -> str:
    """What Triton calls a model.

    Examples:
        >>> triton_name("dimuon", "3f2a9c01b7de5566")
        'dimuon-3f2a9c01b7de'
    """
    return f"{name}-{digest[:12]}"


def write_repository(models: Mapping[str, Path], out: Path) -> list[Path]:
    """Write a model repository, or add to one.

    Args:
        models: Folders of artefacts by name, as in the settings.
        out: The repository.

    Returns:
        The folder of each model in it.

    Raises:
        ArtefactError: If an artefact cannot be trusted.
        InputError: If the repository cannot be written.
    """
    return [_write_model(name, path, out) for name, path in models.items()]


def _write_model(name: str, path: Path, out: Path) -> Path:
    digest = Scorer.open(path).digest
    graphs = load_artefact(path, kind=KIND).extra
    name = triton_name(name, digest)
    folder = out / name
    for graph in (GRAPH, SCORE_GRAPH):
        with replacing(folder / "1" / graph) as temporary:
            temporary.write_bytes(graphs[graph])
    write_text(folder / "1" / "model.py", MODEL)
    inputs, outputs = _tensors(graphs[GRAPH])
    config = CONFIG.format(name=name, rows=MAX_ROWS, inputs=inputs, outputs=outputs, digest=digest)
    write_text(folder / "config.pbtxt", config)  # last: without it, Triton sees no model
    return folder


def _tensors(graph: bytes) -> tuple[str, str]:
    """The tensors of a graph in the words of a config."""
    made = require("onnxruntime", job="serve").InferenceSession(graph, providers=["CPUExecutionProvider"])
    outputs = {each.name: each for each in made.get_outputs()}
    return _described(made.get_inputs()), _described([outputs[name] for name in OUTPUTS])


def _described(tensors: Iterable[Any]) -> str:
    return ", ".join(
        f'{{ name: "{each.name}" data_type: {_TYPES[each.type]} dims: [{(*each.shape, 1)[1]}] }}' for each in tensors
    )
