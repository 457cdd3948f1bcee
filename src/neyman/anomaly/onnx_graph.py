r"""A trained score as an ONNX graph.

    features [n, d] float64  →  energy [n], score_vector [n, k] float32, score [n] float64

Preparation, energy, scaled score −σ∇E and the default score are in one graph; n is free. The gradient is that of
`learning.energy`, line by line, with all constants of the noise level folded into weights: additions on the way back
are the C of a Gemm, so that nothing but a sigmoid and a few products stand between matrix products.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float64, Int

from neyman.anomaly.config import ArtefactScore
from neyman.anomaly.preparation import COS, END, LOG, SIN, Preparation
from neyman.anomaly.scores.combination import Surprise
from neyman.anomaly.scores.knn import NearestNeighbours
from neyman.anomaly.scoring import MEMBERS, SPARE, Scoring, reference_events, straight_lines, transform_kinds
from neyman.core.errors import InputError, require

INPUT, ENERGY, VECTOR, SCORE = "features", "energy", "score_vector", "score"

_OPSET, _IR = 17, 9
_DOUBLE, _FLOAT = np.float64, np.float32


def onnx_model(scoring: Scoring) -> bytes:
    """The graph as ONNX.

    Raises:
        MissingDependencyError: If onnx is not installed.
    """
    onnx = require("onnx", job="anomaly")
    graph = _Graph()
    prepared = _prepared(graph, scoring.preparation)
    energy, vector = _network(graph, prepared, scoring, scoring.model.score_level)
    score = _score(graph, scoring, scoring.name, (prepared, energy, vector))
    graph.named(energy, ENERGY)
    graph.named(vector, VECTOR)
    graph.named(score, SCORE)
    inputs, outputs = len(scoring.preparation.names), scoring.preparation.width
    value = onnx.helper.make_tensor_value_info
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "anomaly",
            [value(INPUT, onnx.TensorProto.DOUBLE, ["n", inputs])],
            [
                value(ENERGY, onnx.TensorProto.FLOAT, ["n"]),
                value(VECTOR, onnx.TensorProto.FLOAT, ["n", outputs]),
                value(SCORE, onnx.TensorProto.DOUBLE, ["n"]),
            ],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        producer_name="neyman",
    )
    model.ir_version = _IR
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def score_alone(graph: bytes) -> bytes:
    """The part of a graph that the score needs: ONNX Runtime computes all that a graph has, whatever is asked of it.

    Without its gradient an energy takes half the time; nearest neighbours do without the network.

    Raises:
        MissingDependencyError: If onnx is not installed.
    """
    onnx = require("onnx", job="anomaly")
    extractor = require("onnx.utils", job="anomaly").Extractor(onnx.load_from_string(graph))
    content: bytes = extractor.extract_model([INPUT], [SCORE]).SerializeToString()
    return content


class _Graph:
    """Nodes and constants of a graph; each method gives the name of what it added."""

    def __init__(self) -> None:
        self.onnx = require("onnx", job="anomaly")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def constant(self, values: Any, dtype: Any = _FLOAT) -> str:  # noqa: ANN401 - whatever NumPy makes an array of
        array = np.asarray(values, dtype=dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = f"c{len(self.constants)}"
            self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(array, order="C"), self._known[key]))
        return self._known[key]

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401 - as ONNX has them
        return self.several(kind, 1, *inputs, **attributes)[0]

    def several(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:  # noqa: ANN401
        names = [f"n{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def cast(self, value: str, dtype: Any) -> str:  # noqa: ANN401 - a type of NumPy
        return self.node("Cast", value, to=self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def squeezed(self, value: str) -> str:
        return self.node("Squeeze", value, self.constant([1], np.int64))

    def named(self, value: str, name: str) -> None:
        """Call a value by a name of its own, in all nodes."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [name if each == value else each for each in names]


def _prepared(graph: _Graph, preparation: Preparation) -> str:
    """`Preparation.apply`, in double precision until the end; inputs of one transform are side by side meanwhile."""
    kinds = transform_kinds(preparation)
    order = np.argsort(kinds, kind="stable")
    found, counts = np.unique(kinds, return_counts=True)
    ends = np.cumsum(counts)
    u = _chosen(graph, INPUT, preparation.source[order], len(preparation.names))
    parts = [u] if len(found) == 1 else graph.several("Split", len(found), u, graph.constant(counts, np.int64), axis=1)
    made = [
        _transformed(graph, part, int(kind), preparation, order[end - count : end])
        for part, kind, count, end in zip(parts, found, counts, ends, strict=True)
    ]
    y = made[0] if len(made) == 1 else graph.node("Concat", *made, axis=1)
    y = graph.node("Sub", y, graph.constant(preparation.centre[order], _DOUBLE))
    y = graph.cast(graph.node("Div", y, graph.constant(preparation.scale[order], _DOUBLE)), _FLOAT)
    y = graph.node("Clip", y, graph.constant(-END), graph.constant(END))
    return _chosen(graph, y, np.argsort(order), len(order))


def _chosen(graph: _Graph, values: str, columns: Int[np.ndarray, " k"], width: int) -> str:
    """Some columns of so many, if they are not all in their order."""
    if np.array_equal(columns, np.arange(width)):
        return values
    return graph.node("Gather", values, graph.constant(columns, np.int64), axis=1)


def _transformed(graph: _Graph, x: str, kind: int, preparation: Preparation, rows: Int[np.ndarray, " r"]) -> str:
    if kind not in {LOG, SIN}:  # its unit is one
        return x
    u = graph.node("Div", x, graph.constant(preparation.unit[rows], _DOUBLE))
    if kind == LOG:
        size = graph.node("Log", graph.node("Add", graph.node("Abs", u), graph.constant(1.0, _DOUBLE)))
        return graph.node("Mul", graph.node("Sign", u), size)
    quarter = np.where(preparation.code[rows] == COS, math.pi / 2, 0.0)  # runtimes have no cosine of doubles
    return graph.node("Sin", graph.node("Add", u, graph.constant(quarter, _DOUBLE)))


def _network(graph: _Graph, prepared: str, scoring: Scoring, level: int) -> tuple[str, str]:
    """Energy and scaled score at a noise level.

    The first block comes right after a linear layer, whose matrix V goes into its own: a_0 = W_0 z_0 + b_0 is a linear
    layer of the inputs, and W_0ᵀ on the way back ends in Vᵀ W_0ᵀ. With 64 inputs and 256 units that is a quarter less.
    """
    arrays = {name: array.astype(_DOUBLE) for name, array in scoring.model.to_arrays().items()}
    sigma = arrays["sigmas"][level]
    c = 1 / math.sqrt(1 + sigma**2)
    blocks = range(sum(name.startswith("blocks.") and name.endswith(".weight") for name in arrays))
    weights = [arrays[f"blocks.{k}.weight"] for k in blocks]
    biases = [arrays[f"blocks.{k}.bias"] for k in blocks]
    inputs, output = c * arrays["inputs.weight"], arrays["output.weight"]
    first = arrays["inputs.bias"] + arrays["embedding.weight"][level]
    one = graph.constant(1.0)

    def linear(x: str, weight: Float64[np.ndarray, "o i"], bias: Float64[np.ndarray, " o"]) -> str:
        return graph.node("Gemm", x, graph.constant(weight), graph.constant(bias), transB=1)

    z, slopes = linear(prepared, inputs, first), []
    for k in blocks:
        a = (
            linear(z, weights[k], biases[k])
            if k
            else linear(prepared, weights[0] @ inputs, weights[0] @ first + biases[0])
        )
        gate = graph.node("Sigmoid", a)
        up = graph.node("Mul", a, gate)
        slopes.append(graph.node("Add", up, graph.node("Mul", gate, graph.node("Sub", one, up))))  # s + a s (1 − s)
        z = graph.node("Add", z, up)
    learned = linear(z, output / sigma, arrays["output.bias"] / sigma + arrays["offsets"][level])
    normal = graph.node("ReduceSumSquare", prepared, axes=[1], keepdims=1)
    energy = graph.node("Add", learned, graph.node("Mul", normal, graph.constant(0.5 * c**2)))
    vector = graph.node("Mul", prepared, graph.constant(-sigma * c**2))
    if len(blocks) == 1:
        back = graph.constant(output)
        vector = graph.node("Add", vector, graph.constant(-output @ inputs))
    else:  # the way back begins with the same row for all events, which goes into the matrix
        back = graph.node("Gemm", slopes[-1], graph.constant(output.T * weights[-1]), graph.constant(output))
        for k in reversed(blocks[1:-1]):
            back = graph.node("Gemm", graph.node("Mul", back, slopes[k]), graph.constant(weights[k]), back)
        vector = graph.node("Gemm", back, graph.constant(-inputs), vector)
    vector = graph.node("Gemm", graph.node("Mul", back, slopes[0]), graph.constant(-weights[0] @ inputs), vector)
    return graph.squeezed(energy), vector


def _score(graph: _Graph, scoring: Scoring, name: ArtefactScore, values: tuple[str, str, str]) -> str:
    """A score, in double precision, from prepared features, energy and scaled score."""
    prepared, energy, vector = values
    if name == "energy":
        return graph.cast(energy, _DOUBLE)
    if name == "score_norm":
        return graph.cast(graph.node("ReduceL2", vector, axes=[1], keepdims=0), _DOUBLE)
    if name == "weighted_norm":
        return _weighted_norm(graph, scoring, prepared)
    if name == "knn" and scoring.neighbours is not None:
        return _nearest(graph, scoring.neighbours, prepared)
    if name == "combined" and scoring.surprises:
        parts = [_score(graph, scoring, member, values) for member in MEMBERS]
        each = [_surprise(graph, one, part) for one, part in zip(scoring.surprises, parts, strict=True)]
        return graph.node("Sum", *each)
    raise InputError(f"a score '{name}' that was not fitted", expected="what the score needs")


def _weighted_norm(graph: _Graph, scoring: Scoring, prepared: str) -> str:
    squares = []
    for level in range(scoring.model.network.levels):
        _, vector = _network(graph, prepared, scoring, level)
        squares.append(graph.node("ReduceSumSquare", vector, axes=[1], keepdims=0))
    return graph.node("Sum", *(graph.cast(square, _DOUBLE) for square in squares))


def _nearest(graph: _Graph, neighbours: NearestNeighbours, prepared: str) -> str:
    """As `NearestNeighbours`: candidates by a matrix product, then their distances from differences."""
    reference, k = reference_events(neighbours)
    centre = reference.mean(axis=0)
    centred = reference - centre
    from_centre = graph.node("Sub", prepared, graph.constant(centre))
    near = graph.node(
        "Gemm", from_centre, graph.constant(-2 * centred), graph.constant((centred**2).sum(axis=1)), transB=1
    )
    count = graph.constant([min(k + SPARE, len(reference))], np.int64)
    _, rows = graph.several("TopK", 2, near, count, axis=1, largest=0, sorted=0)
    candidates = graph.node("Gather", graph.constant(reference), rows, axis=0)
    differences = graph.node("Sub", candidates, graph.node("Unsqueeze", prepared, graph.constant([1], np.int64)))
    distances = graph.node("ReduceL2", differences, axes=[2], keepdims=0)
    nearest, _ = graph.several("TopK", 2, distances, graph.constant([k], np.int64), axis=1, largest=0, sorted=0)
    return graph.cast(graph.node("ReduceMean", nearest, axes=[1], keepdims=0), _DOUBLE)


def _surprise(graph: _Graph, surprise: Surprise, score: str) -> str:
    """−log p: which of the straight lines an event is on, by counting the knots below it."""
    at, values, slopes = straight_lines(surprise)
    column = graph.node("Unsqueeze", score, graph.constant([1], np.int64))
    above = graph.cast(graph.node("GreaterOrEqual", column, graph.constant(surprise.knots, _DOUBLE)), np.int32)
    line = graph.node("ReduceSum", above, graph.constant([1], np.int64), keepdims=0)
    chosen = [graph.node("Gather", graph.constant(each, _DOUBLE), line) for each in (at, values, slopes)]
    beyond = graph.node("Mul", graph.node("Sub", score, chosen[0]), chosen[2])
    return graph.node("Add", chosen[1], beyond)
