r"""Which features make an event anomalous: the score vector, chained back to the columns of the file.

A network of score matching knows the direction in which an event looks more like background: \(s(z) = \nabla_z
\log p_\sigma(z)\) for standardised features z. By Tweedie's formula (Robbins, Proc. 3rd Berkeley Symp. (1956) 157;
Efron, JASA 106 (2011) 1602, eq. 1.4) \(z + \sigma^2 s(z)\) is the event that background has, on average, where noise
σ made z of it. In units of σ the event is therefore \(-\sigma s_j\) beyond what is expected of feature j, given all
the other features. That is the attribution; its squares add up to \(\sigma^2\|s\|^2\), the square of the score norm,
less the part that is across the circles of angles, for which no value of a column can answer.

It is chained back to raw features by `Scorer.attribution`: along the direction in which a column moves its inputs,
for one input by the sign of \(\partial z_j/\partial x_j\), so that positive means that the column in the file is
larger than expected. Its size stays in units of the noise, since \(s_j\,\partial z_j/\partial x_j\) has the dimension
of an inverse x_j, and momenta could not be compared with angles. Columns that the model does not see have 0.

Where the default score is another than the score norm, the attribution still is that of the energy network. It
explains the model at an event, not nature: of two features that always go together one may get all of
it, and where the model is wrong the explanation is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from neyman.anomaly.outcomes import Explanation, Explanations
from neyman.anomaly.runtime import Scorer
from neyman.core.errors import DataError
from neyman.events.tables import TableFile

CHUNK = 20_000  # rows


def explain_file(
    scorer: Scorer, source: TableFile, *, artefact: str, top: int = 10, row: int | None = None
) -> Explanations:
    """Explain the events of highest score of a file, or one of them.

    Args:
        scorer: The model.
        source: The file; it is streamed.
        artefact: Digest of the model.
        top: How many events.
        row: One event instead, counted from 0.

    Raises:
        DataError: If a column is missing or has numbers that are not finite, there is no such row, there are no events,
            or `top` is not positive.
    """
    if source.rows == 0:
        raise DataError("no events", where=str(source), expected="at least one")
    if row is not None:
        if not 0 <= row < source.rows:
            raise DataError(f"row {row}", where=str(source), expected=f"0 to {source.rows - 1}")
        rows, x = np.array([row]), _matrix(source.read(scorer.names, row, row + 1), scorer.names)
    else:
        if top < 1:
            raise DataError(f"the {top} events of highest score", expected="at least 1")
        rows, x = highest(scorer, source, top)
    return Explanations(events=explain(scorer, x, rows.tolist()), scored=source.rows, artefact=artefact)


def explain(scorer: Scorer, x: Float[np.ndarray, "n d"], rows: Sequence[int] | None = None) -> list[Explanation]:
    """Explain events, in their order.

    Args:
        scorer: The model.
        x: Raw features, one row an event.
        rows: What their rows are called; None counts from 0.

    Raises:
        DataError: If the width differs, or a number is not finite.
    """
    scores = scorer.score(x)
    p_values = scorer.p_values(scores)
    attributions = scorer.attribution(x)
    squares = attributions**2
    shares = squares / np.maximum(squares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    found = []
    for index, number in enumerate(range(len(x)) if rows is None else rows):
        order = np.argsort(-np.abs(attributions[index]), kind="stable").tolist()
        found.append(
            Explanation(
                row=number,
                score=float(scores[index]),
                p_value=float(p_values[index]),
                feature_attribution={scorer.names[at]: float(attributions[index, at]) for at in order},
                share={scorer.names[at]: float(shares[index, at]) for at in order},
                values={name: float(value) for name, value in zip(scorer.names, x[index], strict=True)},
            )
        )
    return found


def highest(scorer: Scorer, source: TableFile, top: int) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n d"]]:
    """The rows of highest score and their features, the highest first; of equal scores, the first in the file.

    Raises:
        DataError: As `Scorer.score`.
    """
    source.require(scorer.names)
    best = np.empty(0)
    rows = np.empty(0, dtype=np.int64)
    kept = np.empty((0, len(scorer.names)))
    begin = 0
    for chunk in source.chunks(scorer.names, CHUNK):
        x = _matrix(source.flat(chunk, scorer.names), scorer.names)
        if not len(x):
            continue
        scores = np.concatenate([best, scorer.score(x)])
        numbers = np.concatenate([rows, begin + np.arange(len(x))])
        order = np.argsort(-scores, kind="stable")[:top]
        best, rows, kept = scores[order], numbers[order], np.concatenate([kept, x])[order]
        begin += len(x)
    return rows, kept


def _matrix(table: dict[str, np.ndarray], names: Sequence[str]) -> Float[np.ndarray, "n d"]:
    return np.stack([np.asarray(table[name], dtype=np.float64) for name in names], axis=1)
