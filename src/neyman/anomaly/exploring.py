"""What a table looks like before anything is trained on it: each column, how they hang together, what stands out."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from neyman.anomaly.columns import far_off, require_scales
from neyman.anomaly.outcomes import Exploration, FeatureSummary
from neyman.core.errors import DataError
from neyman.core.random import stream
from neyman.events.tables import Table, TableFile

BINS = 40
NEIGHBOURS = 2000  # rows between which distances are computed
SPIKE = 0.02  # fraction of rows at one number of a column that has many
COPY = 1 - 1e-9


def read_evenly(source: TableFile, rows: int) -> Table:
    """At most so many rows of all columns, evenly spaced over the file.

    Raises:
        DataError: If a column is no flat number, the file has fewer than three rows, or `rows` is below three.
    """
    if rows < 3:
        raise DataError(f"{rows} rows to look at", expected="at least 3")
    if source.rows < 3:
        raise DataError(f"{source.rows} rows", where=str(source), expected="at least 3 to compare")
    wanted = np.unique(np.linspace(0, source.rows - 1, min(rows, source.rows)).round().astype(np.int64))
    parts: list[Table] = []
    begin = 0
    for chunk in source.chunks(source.names, 100_000):
        table = source.flat(chunk, source.names)
        end = begin + len(next(iter(table.values())))
        here = wanted[(wanted >= begin) & (wanted < end)] - begin
        parts.append({name: values[here].astype(np.float64) for name, values in table.items()})
        begin = end
    return {name: np.concatenate([part[name] for part in parts]) for name in source.names}


def explore(table: Table, *, rows: int | None = None, seed: int = 0, where: str = "") -> Exploration:
    """Look at a table.

    Args:
        table: Columns of one length.
        rows: Rows of the file that they were taken from; None if they are all.
        seed: Of the pairs between which distances are computed.
        where: The file, for messages.

    Raises:
        DataError: If there are no columns, fewer than three rows, or a number is not finite.

    Examples:
        >>> found = explore({"x": np.arange(100.0), "twice": 2 * np.arange(100.0), "one": np.ones(100)})
        >>> found.constant, found.copies
        (['one'], [('x', 'twice')])
    """
    _check(table, where)
    names = list(table)
    x = np.stack([np.asarray(table[name], dtype=np.float64) for name in names], axis=1)
    require_scales(x, names, where=where)
    spread = np.ptp(x, axis=0)
    varying = np.flatnonzero(spread > 0)
    constant = [names[index] for index in np.flatnonzero(spread == 0)]
    far = np.stack([far_off(column) for column in x.T], axis=1)
    features = [_summary(name, x[:, index], far[:, index]) for index, name in enumerate(names)]
    if not len(varying):
        raise DataError(f"all {len(names)} columns are constant", where=where, expected="one that varies")
    usual = np.where(far, [each.mean for each in features], x)[:, varying]
    z = (usual - usual.mean(axis=0)) / usual.std(axis=0)
    correlation = np.clip(z.T @ z / len(z), -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    shown = [names[index] for index in varying]
    copies = [(shown[a], shown[b]) for a, b in zip(*np.nonzero(np.triu(np.abs(correlation) > COPY, k=1)), strict=True)]
    variance, axes = np.linalg.eigh(correlation)
    order = np.argsort(-variance)
    axes = axes[:, order]
    explained = np.maximum(variance[order], 0.0) / len(varying)
    points = np.zeros((min(NEIGHBOURS, len(z)), 2))
    points[:, : min(2, len(varying))] = z[: len(points)] @ axes[:, :2]
    whole = {name for name, values in zip(names, x.T, strict=True) if (values == np.round(values)).all()}
    edges, pairs, nearest, copied = _distances(z, seed)
    remarks = _remarks(features, constant, copies, copied, whole)
    if outlying := [name for name, some in zip(names, np.any(far, axis=0).tolist(), strict=True) if some]:
        remarks.append(f"a few values far from all others, which may stand for none: {_listed(outlying)}")
    return Exploration(
        rows=len(x) if rows is None else rows,
        looked_at=len(x),
        features=features,
        constant=constant,
        copies=copies,
        remarks=remarks,
        correlation_names=shown,
        correlation=correlation.tolist(),
        explained=explained.tolist(),
        components=points.tolist(),
        loadings=[[shown[at] for at in np.argsort(-np.abs(axes[:, k]))[:3]] for k in range(min(3, len(varying)))],
        distance_edges=edges.tolist(),
        distances=pairs.tolist(),
        nearest=nearest.tolist(),
    )


def _check(table: Table, where: str) -> None:
    lengths = {len(values) for values in table.values()}
    if len(lengths) != 1 or min(lengths) < 3:
        raise DataError(
            f"{len(table)} columns of {min(lengths, default=0)} rows", where=where, expected="columns of at least 3"
        )
    for name, values in table.items():
        bad = ~np.isfinite(np.asarray(values, dtype=np.float64))
        if bad.any():
            raise DataError(
                f"column '{name}' is {values[bad][0]} in row {int(np.argmax(bad))}"
                f" ({int(bad.sum())} of {len(values)} not finite)",
                where=where,
                expected="finite numbers",
                hint="drop these events, or find out why they are there",
            )


def _summary(name: str, values: Float[np.ndarray, " n"], far: Bool[np.ndarray, " n"]) -> FeatureSummary:
    distinct, counts = np.unique(values, return_counts=True)
    usual = values[~far]
    mean, deviation = float(usual.mean()), float(usual.std())
    low, high = np.quantile(usual, [0.005, 0.995])
    if low == high:
        low, high = usual.min(), usual.max()
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    histogram, _ = np.histogram(np.clip(values, low, high), edges)
    return FeatureSummary(
        name=name,
        distinct=len(distinct),
        most_common=float(distinct[counts.argmax()]),
        most_common_fraction=float(counts.max() / len(values)),
        mean=mean,
        deviation=deviation,
        skewness=float((((usual - mean) / deviation) ** 3).mean()) if deviation > 0 else 0.0,
        edges=edges.tolist(),
        counts=histogram.tolist(),
    )


def _distances(z: Float[np.ndarray, "n d"], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Edges, random pairs and nearest neighbours in the bins, and the fraction of events that stand twice."""
    rng = stream(seed, "explore", "distances")
    chosen = z[rng.permutation(len(z))[:NEIGHBOURS]]
    squares = (chosen**2).sum(axis=1)
    square = np.maximum(squares[:, None] + squares[None, :] - 2 * chosen @ chosen.T, 0.0)
    pairs = np.sqrt(square[np.triu_indices(len(chosen), k=1)])
    np.fill_diagonal(square, np.inf)
    nearest = np.sqrt(square.min(axis=1))
    edges = np.linspace(0.0, float(np.quantile(pairs, 0.995)) or 1.0, 61)
    counts = [np.histogram(np.clip(each, 0.0, edges[-1]), edges)[0] for each in (pairs, nearest)]
    _, which, times = np.unique(chosen, axis=0, return_inverse=True, return_counts=True)
    return edges, counts[0], counts[1], float((times[which.ravel()] > 1).mean())


def _remarks(
    features: list[FeatureSummary], constant: list[str], copies: list[tuple[str, str]], copied: float, whole: set[str]
) -> list[str]:
    found = []
    if constant:
        found.append(f"constant, and dropped in training: {_listed(constant)}")
    if copies:
        found.append(f"the same up to scale and shift: {_listed([f'{a} and {b}' for a, b in copies])}")
    varying = [each for each in features if each.distinct > 1]
    padded = [e for e in varying if e.most_common_fraction > SPIKE and e.name not in whole]
    if padded:
        texts = [f"{e.name} ({100 * e.most_common_fraction:.0f} % at {e.most_common:g})" for e in padded]
        found.append(f"a spike on top of a continuum, as padding makes: {_listed(texts)}")
    counted = [e.name for e in varying if e.name in whole]
    if counted:
        found.append(f"whole numbers, as counts are: {_listed(counted)}")
    skewed = [e.name for e in varying if e.skewness > 3]
    if skewed:
        found.append(f"a heavy tail above, where a logarithm helps: {_listed(skewed)}")
    if copied > 0.0:
        found.append(f"{100 * copied:.3g} % of events stand several times: their nearest neighbour is the same event")
    return found


def _listed(names: list[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
