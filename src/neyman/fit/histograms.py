"""Histograms of weighted events, filled in one pass over each file."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.core.errors import ConfigError, DataError, near, require
from neyman.fit.columns import CHUNK, PARQUET, open_table, read_chunks
from neyman.fit.expressions import Expression, parse
from neyman.fit.templates import Key, Setting, Template


@dataclass(frozen=True)
class Histogram:
    """What a template was filled with.

    Attributes:
        values: Sum of weights in each bin.
        variances: Sum of squared weights in each bin.
        entries: Number of events in the bins.
    """

    values: Float[np.ndarray, " bins"]
    variances: Float[np.ndarray, " bins"]
    entries: int

    @property
    def total(self) -> float:
        """Sum of weights in all bins."""
        return float(np.sum(self.values))

    @property
    def errors(self) -> Float[np.ndarray, " bins"]:
        """Statistical uncertainty of each bin: the root of the sum of squared weights."""
        return np.asarray(np.sqrt(self.variances))


@dataclass(frozen=True)
class Filled:
    """All histograms, and the files that they came from."""

    histograms: Mapping[Key, Histogram]
    files: tuple[Path, ...]


def fill(templates: Sequence[Template], *, base: Path, chunk: int = CHUNK) -> Filled:
    """Fill all templates; each tree is read once, however many templates it fills.

    Args:
        templates: What to fill.
        base: Folder that relative paths start from.
        chunk: Events in memory at a time.

    Raises:
        ConfigError: If a file, a tree or a column is not there; with the line of the config.
        DataError: If a file is damaged, or a variable or weight is not finite for a selected event.
    """
    jobs: dict[tuple[Path, str | None], list[_Job]] = {}
    accumulators = {template.key: _Accumulator(template) for template in templates}
    for template in templates:
        job = _Job(template, accumulators[template.key])
        for path in sorted({path for pattern in template.paths for path in find_files(pattern, base)}):
            tree = None if path.suffix.lower() in PARQUET or template.tree is None else template.tree.value
            jobs.setdefault((path, tree), []).append(job)
    for (path, tree), wanted in jobs.items():
        _fill_from(path, tree, wanted, chunk)
    files = tuple(dict.fromkeys(path for path, _ in jobs))
    return Filled({key: each.histogram() for key, each in accumulators.items()}, files)


def find_files(pattern: Setting, base: Path) -> list[Path]:
    """The files that a path stands for, with wildcards or without, in order of their names.

    Raises:
        ConfigError: If there is none.
    """
    path = base / pattern.value
    if path.is_file():
        return [path]
    names = glob.glob(pattern.value, root_dir=base, recursive=True)  # noqa: PTH207 - the folder may have a * of its own
    found = sorted(base / name for name in names if (base / name).is_file())
    if not found:
        beside = [each.name for each in path.parent.glob("*")] if path.parent.is_dir() else []
        hint = near(path.name, beside) if beside else "relative paths start from the folder of the config"
        raise ConfigError(f"no file {path}", where=pattern.where, expected="a ROOT or Parquet file", hint=hint)
    return found


class _Accumulator:
    """A histogram that is being filled; boost-histogram sums weights and their squares."""

    def __init__(self, template: Template) -> None:
        hist = require("hist", job="fit")
        self.template = template
        self.entries = 0
        self.sums: Any = hist.Hist(hist.axis.Variable(template.edges), storage=hist.storage.Weight())

    def add(self, values: np.ndarray, weights: np.ndarray) -> None:
        low, high = self.template.edges[0], self.template.edges[-1]
        inside = (self.template.underflow | (values >= low)) & (self.template.overflow | (values < high))
        self.entries += int(np.count_nonzero(inside))
        self.sums.fill(values, weight=weights)

    def histogram(self) -> Histogram:
        """The histogram, with what lies outside added to the first and last bin if that was asked for."""
        both = self.sums.view(flow=True)
        parts = []
        for sums in (np.array(both.value), np.array(both.variance)):
            if self.template.underflow:
                sums[1] += sums[0]
            if self.template.overflow:
                sums[-2] += sums[-1]
            parts.append(sums[1:-1])
        return Histogram(parts[0], parts[1], self.entries)


class _Job:
    """A template with its expressions understood."""

    def __init__(self, template: Template, accumulator: _Accumulator) -> None:
        self.template, self.accumulator = template, accumulator
        self.variable = parse(template.variable.value, where=template.variable.where)
        self.weight = _parsed(template.weight)
        self.filter = _parsed(template.filter)

    @property
    def expressions(self) -> list[Expression]:
        return [each for each in (self.variable, self.weight, self.filter) if each is not None]


def _parsed(setting: Setting | None) -> Expression | None:
    return None if setting is None else parse(setting.value, where=setting.where)


def _fill_from(path: Path, tree: str | None, jobs: list[_Job], chunk: int) -> None:
    named = jobs[0].template.tree
    where = named.where if named else jobs[0].template.where
    with open_table(path, tree, where=where) as table:
        present = set(table.names)
        expressions = [expression for job in jobs for expression in job.expressions]
        for expression in expressions:
            _refuse_unknown(expression, present, path)
        names = frozenset().union(*(expression.columns for expression in expressions))
        for length, columns in read_chunks(table, names, size=chunk, where=str(path)):
            _fill_chunk(_Evaluator(columns, length), jobs, path)


def _refuse_unknown(expression: Expression, present: set[str], path: Path) -> None:
    for name in sorted(expression.columns - present):
        shown = ", ".join(sorted(present)[:8]) + (", ..." if len(present) > 8 else "")
        raise ConfigError(
            f"no column '{name}' in {path}",
            where=expression.where,
            expected=f"one of {shown}" if present else "a file with columns",
            hint=near(name, present),
        )


class _Evaluator:
    """Evaluates each expression once for a chunk: many systematics share a filter or a weight."""

    def __init__(self, columns: Mapping[str, np.ndarray], length: int) -> None:
        self.columns, self.length = columns, length
        self.known: dict[tuple[str, str], np.ndarray] = {}

    def numbers(self, expression: Expression) -> np.ndarray:
        key = ("number", expression.text)
        if key not in self.known:
            self.known[key] = expression.numbers(self.columns, self.length)
        return self.known[key]

    def conditions(self, expression: Expression) -> np.ndarray:
        key = ("condition", expression.text)
        if key not in self.known:
            self.known[key] = expression.conditions(self.columns, self.length)
        return self.known[key]


def _fill_chunk(evaluate: _Evaluator, jobs: list[_Job], path: Path) -> None:
    for job in jobs:
        values = evaluate.numbers(job.variable)
        weights = np.ones(evaluate.length) if job.weight is None else evaluate.numbers(job.weight)
        if job.filter is not None:
            selected = evaluate.conditions(job.filter)
            values, weights = values[selected], weights[selected]
        _refuse_non_finite(values, job.variable, path)
        if job.weight is not None:
            _refuse_non_finite(weights, job.weight, path)
        job.accumulator.add(values, weights)


def _refuse_non_finite(values: np.ndarray, expression: Expression, path: Path) -> None:
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        kind = "NaN" if np.isnan(values).any() else "infinite"
        raise DataError(
            f"'{expression.text}' is {kind} for {wrong} of {len(values)} selected events in {path}",
            where=expression.where,
            expected="finite numbers",
            hint="a Filter that leaves them out",
        )
