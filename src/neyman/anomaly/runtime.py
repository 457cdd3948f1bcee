"""Scores of events from an artefact, with ONNX Runtime and NumPy alone: what a service needs.

    scorer = Scorer.open("model")
    scores = scorer.score(x)                       # higher is more anomalous
    flags = scorer.flags(scores, fpr=1e-3)         # None if the calibration sample is too small for the promise

Columns are known by their order in arrays and by their names in files. Nothing is scored that was not seen to be finite
numbers of the right columns; an event gets the same score alone or among others, to single precision.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Float32

from neyman.anomaly.columns import require_features
from neyman.anomaly.conformal import order_statistic, p_values, threshold
from neyman.anomaly.preparation import TEXTS, Preparation
from neyman.core.artefacts import Artefact, load_artefact
from neyman.core.errors import ArtefactError, DataError, InputError, require
from neyman.core.files import replacing
from neyman.core.progress import progress
from neyman.core.restoring import fitting, inputs_of, require_same
from neyman.events.tables import TableFile

KIND = "anomaly"
GRAPH, SCORE_GRAPH = "model.onnx", "score.onnx"
"""All outputs, and the score alone, which is cheaper."""

CALIBRATION, SEEN = "calibration/scores", "calibration/seen"
INPUT = "features"

CHUNK = 256
"""Events at a time: hidden layers of so many stay in a core's own cache."""

ROWS = 50_000
"""Rows of a file in memory at a time."""

_TOLERANCE = 1e-4  # of the spread of a score: other versions of ONNX Runtime stay far below
_PREPARATION = "preparation/"

Raw = Float[np.ndarray, "n d"] | Float32[np.ndarray, "n d"]
Output = Literal["energy", "score_vector", "score"]
Run = Callable[[list[str], dict[str, np.ndarray]], list[np.ndarray]]
"""Names of outputs and arrays by name of input, to arrays."""


@dataclass(frozen=True)
class Scorer:
    """A model that scores raw events.

    Attributes:
        names: The columns of an event, in order.
        score_name: Which score it is.
        preparation: What the graph does to the columns first.
        calibration: Scores of background that nothing was trained on, ascending.
        digest: Identity of the artefact.
    """

    names: tuple[str, ...]
    score_name: str
    preparation: Preparation
    calibration: Float[np.ndarray, " c"]
    digest: str
    _all: Run
    _score: Run

    @classmethod
    def open(cls, path: Path | str, *, threads: int = 1) -> Scorer:
        """Read an artefact, and make sure that it scores its own validation events as when it was written.

        Args:
            path: Its folder.
            threads: Of ONNX Runtime, for one call; small batches are faster with one.

        Raises:
            ArtefactError: If a file is missing, changed or foreign, or events are scored differently.
            MissingDependencyError: If onnxruntime is not installed.
        """
        artefact = load_artefact(Path(path), kind=KIND)
        inputs_of(artefact)  # nobody has edited the names of the columns
        with fitting(artefact):
            texts = artefact.config["preparation"]
            preparation = Preparation.from_arrays(
                {name.removeprefix(_PREPARATION): array for name, array in artefact.weights.items()
                 if name.startswith(_PREPARATION)} | {name: np.array(texts[name]) for name in TEXTS}
            )  # fmt: skip
            scorer = cls(
                preparation.names,
                str(artefact.config["score"]),
                preparation,
                artefact.weights[CALIBRATION],
                artefact.digest,
                session(artefact.extra[GRAPH], threads=threads),
                session(artefact.extra[SCORE_GRAPH], threads=threads),
            )
            now = scorer.score(artefact.validation["x"])
        require_own_scores(artefact, now)
        return scorer

    def computed_by(self, everything: Run, score: Run) -> Scorer:
        """The same with its graphs run elsewhere, such as on a server of models.

        Args:
            everything: Runs the graph of all outputs.
            score: Runs the graph of the score alone.
        """
        return replace(self, _all=everything, _score=score)

    def score(self, x: Raw) -> Float[np.ndarray, " n"]:
        """The score of each event; higher is more anomalous.

        Args:
            x: Raw features, one row an event, in the order of `names`.

        Raises:
            DataError: For another width, no events, or values that are not finite, with row and column.
        """
        return self._output("score", x)

    def energy(self, x: Raw) -> Float[np.ndarray, " n"]:
        """E(x, σ) of each event, −log p_σ as far as it was learned.

        Raises:
            DataError: As `score`.
        """
        return self._output("energy", x).astype(np.float64)

    def score_vector(self, x: Raw) -> Float[np.ndarray, "n k"]:
        """−σ∇E by the inputs of the network: which way the background is, in units of the noise.

        Raises:
            DataError: As `score`.
        """
        return self._output("score_vector", x).astype(np.float64)

    def attribution(self, x: Raw) -> Float[np.ndarray, "n d"]:
        r"""How far each column is above (positive) or below what the background has for such events, in units of σ.

        The negative score vector, along the direction in which a column moves its inputs: for one input,
        \(-\sigma s_k\,\mathrm{sign}(\partial z_k/\partial x_j)\); the two of an angle, cosine and sine, are projected
        on the tangent of the circle. Columns that are no inputs have 0.

        Raises:
            DataError: As `score`.
        """
        vector = self.score_vector(x)
        slopes = self.preparation.jacobian(np.asarray(x, dtype=np.float64))
        lengths = np.sqrt(self.preparation.by_column(slopes**2))
        return np.asarray(-self.preparation.by_column(vector * slopes) / np.where(lengths > 0, lengths, 1.0))

    def p_values(self, scores: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The fraction of background that scores as high, with the event itself counted; never 0."""
        return p_values(scores, self.calibration)

    def threshold(self, fpr: float, delta: float = 0.05) -> float:
        """The score above which events are flagged, such that P(true false-positive rate > fpr) ≤ delta.

        Raises:
            DataError: If there are too few calibration events for that.
        """
        return float(threshold(self.calibration, fpr, delta))

    def flags(self, scores: Float[np.ndarray, " n"], fpr: float, delta: float = 0.05) -> Bool[np.ndarray, " n"] | None:
        """Which events are above the threshold; None if there are too few calibration events for one."""
        if order_statistic(len(self.calibration), fpr, delta) is None:
            return None
        return np.asarray(scores > self.threshold(fpr, delta))

    def score_file(self, source: TableFile, out: Path | str, fpr: float | None = None, delta: float = 0.05) -> int:
        """Score a file of any size into a Parquet file of columns `score`, `p_value` and `flag`, row by row.

        Args:
            source: The file; it is streamed, and its columns are found by their names.
            out: The file to write, whole or not at all.
            fpr: False-positive rate of the flags; None leaves them null.
            delta: Probability, over calibration samples, that the true rate is above it.

        Returns:
            The number of events.

        Raises:
            DataError: If a column is missing or not finite, there are no events, or too few calibration events.
            InputError: If `out` is the source, or of another format.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        out = Path(out)
        _refuse_place(source, out)
        source.require(self.names)
        if source.rows == 0:
            raise DataError("no events", where=str(source), expected="at least one")
        cut = None if fpr is None else self.threshold(fpr, delta)
        schema = pa.schema([("score", pa.float64()), ("p_value", pa.float64()), ("flag", pa.bool_())])
        begin = 0
        with contextlib.ExitStack() as stack:
            temporary = stack.enter_context(replacing(out))
            advance = stack.enter_context(progress("scoring", total=source.rows, unit="events"))
            writer = stack.enter_context(pq.ParquetWriter(temporary, schema, compression="zstd"))
            for chunk in stack.enter_context(contextlib.closing(source.chunks(self.names, ROWS))):
                scores = self._rows(source.flat(chunk, self.names), source, begin)
                flags = pa.nulls(len(scores), pa.bool_()) if cut is None else pa.array(scores > cut)
                columns = [pa.array(scores), pa.array(self.p_values(scores)), flags]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
                begin += len(scores)
                advance(len(scores))
        return begin

    def _rows(self, table: Mapping[str, np.ndarray], source: TableFile, begin: int) -> Float[np.ndarray, " n"]:
        x = np.stack([np.asarray(table[name], dtype=np.float64) for name in self.names], axis=1)
        require_features(x, self.names, where=f"{source}, rows from {begin}")
        return self.score(x)

    def _output(self, name: Output, x: Raw) -> np.ndarray:
        require_features(x, self.names)
        x = np.ascontiguousarray(x, dtype=np.float64)
        run = self._score if name == "score" else self._all
        if len(x) <= CHUNK:
            return run([name], {INPUT: x})[0]
        return np.concatenate([run([name], {INPUT: x[at : at + CHUNK]})[0] for at in range(0, len(x), CHUNK)])


def require_own_scores(artefact: Artefact, now: Float[np.ndarray, " n"]) -> None:
    """Make sure that an artefact scores its own validation events as when it was written.

    Args:
        artefact: Of this job.
        now: Their scores.

    Raises:
        ArtefactError: If a score differs by more than other libraries and single precision explain.
    """
    with fitting(artefact):
        then = artefact.validation["score"]
        allowed = _TOLERANCE * (float(then.std()) or 1.0) + artefact.validation["rounding"]
        difference = np.abs(now - then)
        worst = int(np.argmax(difference / allowed))  # not-a-number is the first
    found = f"its own validation events are scored differently by {difference[worst]:.2g}"
    require_same(artefact, found, float(difference[worst]), below=float(allowed[worst]))


def session(graph: bytes, *, threads: int = 1) -> Run:
    """A function that runs a graph.

    Args:
        graph: ONNX.
        threads: For one call.

    Raises:
        ArtefactError: If it is not a graph that this ONNX Runtime can run.
        InputError: If there are no threads.
    """
    if threads < 1:
        raise InputError(f"{threads} threads", expected="at least one")
    runtime = require("onnxruntime", job=KIND)
    runtime.disable_telemetry_events()
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    try:
        made: Any = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base class of their own
        raise ArtefactError(
            f"a graph that ONNX Runtime cannot run: {str(error).splitlines()[0][:100]}", where=GRAPH
        ) from error
    run: Run = made.run
    return run


def _refuse_place(source: TableFile, out: Path) -> None:
    if out.suffix.lower() not in {".parquet", ".pq"}:
        raise InputError(f"a name that ends in '{out.suffix}'", where=str(out), expected=".parquet")
    if out.exists() and out.samefile(source.path):
        raise InputError("the input itself", where=str(out), expected="another file to write to")
