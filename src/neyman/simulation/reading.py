"""Many simulated sets on disk: what generation writes and training reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, ValidationError

from neyman.core.errors import DataError, InputError
from neyman.core.files import digest, read_json, sha256
from neyman.events.columns import Schema
from neyman.events.parquet import read_columns

FORMAT: Literal["neyman-dataset"] = "neyman-dataset"
SCHEMA_VERSION: Literal[1] = 1
MANIFEST, THETA, SET = "manifest.json", "theta.parquet", "set"
KEPT_SHARDS = 2
"""How many shards a Dataset keeps in memory: a batch may lie across two."""


class Manifest(BaseModel):
    """What `manifest.json` of a data set holds."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal["neyman-dataset"] = FORMAT
    schema_version: Literal[1] = SCHEMA_VERSION
    simulator: dict[str, Any]
    prior: dict[str, Any]
    columns: list[dict[str, Any]]
    parameters: tuple[str, ...]
    sets: int
    events: int
    sets_per_shard: int
    seed: int
    theta: str = ""
    shards: dict[str, str] = {}
    complete: bool = False
    provenance: dict[str, Any] = {}

    def identity(self) -> dict[str, Any]:
        """All that decides about the content."""
        return self.model_dump(mode="json", exclude={"theta", "shards", "complete", "provenance"})

    @property
    def shard_count(self) -> int:
        """How many shards there are when it is complete."""
        return -(-self.sets // self.sets_per_shard)

    def members(self, shard: int) -> range:
        """The numbers of the sets in a shard."""
        return range(shard * self.sets_per_shard, min((shard + 1) * self.sets_per_shard, self.sets))


def shard_name(shard: int) -> str:
    """The file of a shard."""
    return f"shard-{shard:05d}.parquet"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a data set, complete or not.

    Raises:
        DataError: If it is absent, foreign, or of a newer neyman.
    """
    file = folder / MANIFEST
    if not file.is_file():
        raise DataError(f"no {MANIFEST}", where=str(folder), expected="a folder that `neyman` generated")
    try:
        data = read_json(file)
    except InputError as error:
        raise DataError(error.found, where=error.where, expected="the manifest that neyman wrote") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        other = data.get("format") if isinstance(data, dict) else None
        raise DataError(
            "not the manifest of a data set" + (f", but of a {other}" if isinstance(other, str) else ""),
            where=str(file),
            expected=f'"format": "{FORMAT}"',
        )
    version = data.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise DataError(
            f"schema version {version}, from a newer neyman",
            where=str(file),
            expected=f"at most {SCHEMA_VERSION}",
            hint="pip install --upgrade neyman",
        )
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in ("$", *detail["loc"]))
        raise DataError(
            f"{place}: {detail['msg']}", where=str(file), expected="the manifest that neyman wrote"
        ) from error


@dataclass(frozen=True, repr=False)
class Dataset:
    """Sets of events with the parameters that each was simulated at; made by `generate` or `Dataset.open`.

    Attributes:
        path: The folder.
        manifest: How it was generated.
        schema: The columns of the events.
        theta: The parameters of each set, of shape `(sets, d)`; read-only.
    """

    path: Path
    manifest: Manifest
    schema: Schema
    theta: Float[np.ndarray, "sets d"]
    _kept: dict[int, Float[np.ndarray, "k n c"]] = field(default_factory=dict, compare=False)

    @classmethod
    def open(cls, path: Path | str) -> Dataset:
        """Open a complete data set. The files of events are checked when they are read.

        Raises:
            DataError: If it is incomplete, or something else, or `theta.parquet` has changed.
        """
        path = Path(path)
        manifest = read_manifest(path)
        done = len(manifest.shards)
        if not manifest.complete or done != manifest.shard_count:
            raise DataError(
                f"incomplete: {done} of {manifest.shard_count} shards",
                where=str(path),
                hint="run the command that generates it again; it goes on where it stopped",
            )
        _check_hash(path / THETA, manifest.theta)
        columns = _read_numbers(path / THETA, (SET, *manifest.parameters))
        if not np.array_equal(columns.pop(SET), np.arange(manifest.sets)):
            raise DataError("the sets are not numbered in order", where=str(path / THETA))
        theta = np.stack(list(columns.values()), axis=1)
        theta.setflags(write=False)
        return cls(path, manifest, Schema.from_json(manifest.columns, where=str(path / MANIFEST)), theta)

    def __repr__(self) -> str:
        return f"Dataset({self.path}: {self.sets} sets × {self.events} events)"

    def __len__(self) -> int:
        return self.sets

    @property
    def sets(self) -> int:
        """How many sets."""
        return self.manifest.sets

    @property
    def events(self) -> int:
        """How many events in each set."""
        return self.manifest.events

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, in the order of the columns of `theta`."""
        return self.manifest.parameters

    @property
    def simulator_config(self) -> dict[str, Any]:
        """What the simulator can be rebuilt from."""
        return self.manifest.simulator

    @property
    def prior_config(self) -> dict[str, Any]:
        """What the prior can be rebuilt from."""
        return self.manifest.prior

    @property
    def digest(self) -> str:
        """A hash of the content, for whoever depends on it."""
        return digest({**self.manifest.identity(), "theta": self.manifest.theta, "shards": self.manifest.shards})

    def read(self, index: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k n c"]:
        """The events of the sets with these numbers, columns in the order of the schema.

        Raises:
            DataError: If there is no such set, or a file is missing, has changed, or holds something else.
        """
        index = np.asarray(index)
        if index.size and not (index.min() >= 0 and index.max() < self.sets):
            raise DataError(
                f"sets {index.min()} to {index.max()}", expected=f"0 to {self.sets - 1}", where=str(self.path)
            )
        out = np.empty((len(index), self.events, len(self.schema.columns)))
        home = index // self.manifest.sets_per_shard
        for shard in dict.fromkeys(home.tolist()):
            here = home == shard
            out[here] = self._shard(shard)[index[here] - self.manifest.members(shard).start]
        return out

    def batches(
        self, size: int, *, index: Int[np.ndarray, " k"] | None = None, rng: np.random.Generator | None = None
    ) -> Iterator[tuple[Float[np.ndarray, "b d"], Float[np.ndarray, "b n c"]]]:
        """Pairs of parameters and events, one shard after the other so that little is in memory.

        Args:
            size: Sets per batch; the last one may be smaller.
            index: The sets to go through; None for all.
            rng: Shuffles the shards, and the sets within each; None leaves the order as it is.
        """
        index = np.arange(self.sets) if index is None else np.asarray(index)
        home = index // self.manifest.sets_per_shard
        shards = np.unique(home)
        if rng is None:
            order = np.concatenate([index[home == shard] for shard in shards])
        else:
            order = np.concatenate([rng.permutation(index[home == shard]) for shard in rng.permutation(shards)])
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            yield self.theta[batch], self.read(batch)

    def verify(self) -> None:
        """Read everything once.

        Raises:
            DataError: As `read`.
        """
        for shard in range(self.manifest.shard_count):
            self._shard(shard)

    def _shard(self, shard: int) -> Float[np.ndarray, "k n c"]:
        if shard not in self._kept:
            while len(self._kept) >= KEPT_SHARDS:
                del self._kept[next(iter(self._kept))]
            self._kept[shard] = self._load(shard)
        return self._kept[shard]

    def _load(self, shard: int) -> Float[np.ndarray, "k n c"]:
        file, members = self.path / shard_name(shard), self.manifest.members(shard)
        _check_hash(file, self.manifest.shards[file.name])
        columns = _read_numbers(file, (SET, *self.schema.names))
        if not np.array_equal(columns.pop(SET), np.repeat(members, self.events)):
            raise DataError(f"not {self.events} events for each set in turn", where=str(file))
        for name, values in columns.items():
            self.schema.check(name, values, where=str(file))
        return np.stack(list(columns.values()), axis=1).reshape(len(members), self.events, -1)


def _check_hash(file: Path, expected: str) -> None:
    if not file.is_file():
        raise DataError("missing", where=str(file), hint="generate the data set again; what is whole is kept")
    found = sha256(file)
    if found != expected:
        raise DataError(
            f"changed since it was written: SHA-256 {found[:12]}…",
            where=str(file),
            expected=f"{expected[:12]}…",
            hint="generate the data set again; what is whole is kept",
        )


def _read_numbers(file: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    columns = read_columns(file, names)
    missing = [name for name in names if name not in columns]
    if missing:
        raise DataError(f"no column {', '.join(missing)}", where=str(file), expected=f"columns {', '.join(names)}")
    for name, values in columns.items():
        if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise DataError(f"column '{name}' has values that are not finite numbers", where=str(file))
    return {name: columns[name] for name in names}
