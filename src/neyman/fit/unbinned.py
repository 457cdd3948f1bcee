"""Unbinned channels of a workspace: yields from trees, densities as logarithms of ratios beside the workspace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.files import replacing
from neyman.fit.build_result import Pruned
from neyman.fit.config import FitConfig
from neyman.fit.densities import Densities, EventArray, Values
from neyman.fit.settings import RegionConfig
from neyman.likelihood.workspace.arrays import array_reference

Reference = dict[str, str]


@dataclass
class ArrayFolder:
    """The folder of the arrays of a workspace, `ws_arrays/` for `ws.json`.

    Attributes:
        workspace: The file of the workspace.
        taken: Names of the files that were written.
    """

    workspace: Path
    taken: set[str] = field(default_factory=set)

    @property
    def path(self) -> Path:
        """The folder."""
        return self.workspace.with_name(f"{self.workspace.stem}_arrays")

    def write(self, values: Values, *names: str) -> Reference:
        """Write an array in double precision, atomically.

        Returns:
            How the workspace refers to it.
        """
        name = stem = ".".join(re.sub(r"[^A-Za-z0-9_-]", "_", each) for each in names)
        number = 1
        while name.lower() in self.taken:  # "a b" and "a_b"; some file systems take no notice of capitals
            number += 1
            name = f"{stem}.{number}"
        self.taken.add(name.lower())
        path = self.path / f"{name}.npy"
        with replacing(path) as temporary, temporary.open("wb") as handle:
            np.save(handle, np.asarray(values, dtype=np.float64))
        return array_reference(path, self.workspace.parent)


@dataclass
class UnbinnedBuilder:
    """Turns channels of one bin into unbinned ones, and keeps record of what it left out."""

    config: FitConfig
    folder: ArrayFolder
    pruned: list[Pruned] = field(default_factory=list)

    def channel(self, region: RegionConfig, plain: dict[str, Any], densities: Densities) -> dict[str, Any]:
        """An unbinned channel.

        Args:
            region: The region.
            plain: Its channel with the yield of each sample as a single bin.
            densities: Its arrays.
        """
        found: dict[str, Any] = {"name": region.Name, "type": "unbinned"}
        found["observed"] = {"weights": self.folder.write(densities.weights.values, region.Name, "weights")}
        if densities.reference is not None:
            reference = self.folder.write(densities.reference.values, region.Name, "reference_weights")
            found["reference"] = {"weights": reference}
        if not region.Normalise:
            found["normalise"] = False
        return found | {"samples": [self._sample(region, sample, densities) for sample in plain["samples"]]}

    def _sample(self, region: RegionConfig, plain: dict[str, Any], densities: Densities) -> dict[str, Any]:
        name = plain["name"]
        (nominal,) = plain["data"]
        return {
            "name": name,
            "yield": nominal,
            "log_ratio": self._logs(densities, densities.nominal[name], region.Name, name),
            "modifiers": list(self._modifiers(region, plain, densities)),
        }

    def _modifiers(self, region: RegionConfig, plain: dict[str, Any], densities: Densities) -> Iterator[dict[str, Any]]:
        """Those of the yield, and in place of some the change of yield and density together."""
        shapes = dict(self._shapes((region.Name, plain["name"]), densities))
        for modifier in plain["modifiers"]:
            shape = shapes.pop(modifier["name"], None)
            yield modifier if shape is None else _both(modifier["name"], modifier["data"], shape)
        for name, shape in shapes.items():  # the change of the yield was pruned
            yield _both(name, {"hi": 1.0, "lo": 1.0}, shape)

    def _shapes(self, names: tuple[str, str], densities: Densities) -> Iterator[tuple[str, dict[str, Any]]]:
        """The changes of the density of a sample in a region, by parameter."""
        for systematic in self.config.Systematics:
            both = densities.varied.get((names[1], systematic.Name))
            if both is None or self._prunes(names, systematic.Name, both):
                continue
            up, down = both
            yield (
                systematic.parameter,
                {
                    "hi_log_ratio": self._logs(densities, up, *names, systematic.Name, "up"),
                    "lo_log_ratio": self._logs(densities, down, *names, systematic.Name, "down"),
                    "relative_to": "nominal",
                },
            )

    def _prunes(self, names: tuple[str, str], systematic: str, both: tuple[EventArray, EventArray]) -> bool:
        size = max(float(np.max(np.abs(side.values - 1))) for side in both)
        if size >= self.config.General.Pruning.Shape:
            return False
        region, sample = names
        self.pruned.append(Pruned(systematic=systematic, region=region, sample=sample, part="shape", size=size))
        return True

    def _logs(self, densities: Densities, ratios: EventArray, *names: str) -> dict[str, Reference]:
        """Observed and reference events are the same, only their weights differ."""
        written = self.folder.write(np.log(ratios.values, dtype=np.float64), *names)
        return {"observed": written} | ({} if densities.reference is None else {"reference": written})


def _both(name: str, norms: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    """A modifier of yield and density."""
    return {"name": name, "type": "normplusshape", "data": norms | shape}


def warnings(region: str, densities: Densities, expected: float) -> Iterator[str]:
    """What is allowed, and yet often a mistake.

    Args:
        region: Name of the region.
        densities: Its arrays.
        expected: The sum of its yields.
    """
    observed = float(np.sum(densities.weights.values, dtype=np.float64))
    if abs(observed - expected) > 0.01 * abs(expected):
        yield f"region '{region}': AsimovWeights sum to {observed:.6g}, the yields to {expected:.6g}"
    if densities.reference is None:
        yield f"region '{region}': densities under systematics are not normalised; fits can end in a wrong minimum"
        return
    weights = np.asarray(densities.reference.values, dtype=np.float64)
    for sample, array in densities.nominal.items():
        ratios = np.asarray(array.values, dtype=np.float64)
        integral = float(weights @ ratios / np.sum(weights))
        error = float(np.sqrt(np.sum((weights * (ratios - integral)) ** 2)) / np.sum(weights))
        if abs(integral - 1) > max(0.05, 5 * error):
            yield (
                f"region '{region}': the density of {sample} integrates to {integral:.3g} ± {error:.1g} with "
                "ReferenceWeights, not to 1"
            )
