"""A trained score in TorchScript, which torch calls deprecated and Triton's PyTorch backend still wants."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neyman.anomaly.config import ArtefactScore
from neyman.anomaly.preparation import COS, END, LOG, SIN
from neyman.anomaly.scores.combination import Surprise
from neyman.anomaly.scores.knn import NearestNeighbours
from neyman.anomaly.scoring import MEMBERS, SPARE, Scoring, reference_events, straight_lines


def torchscript_model(scoring: Scoring) -> torch.jit.ScriptModule:
    """Raw features, float64, to energy, score vector and default score, as the ONNX graph."""
    example = torch.zeros(2, len(scoring.preparation.names), dtype=torch.float64)
    jit: Any = torch.jit
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", jit.TracerWarning)  # what it takes for constants are constants
        found: torch.jit.ScriptModule = jit.trace(_Traced(scoring), example, check_trace=False)
    return found


class _Traced(nn.Module):
    source: Tensor
    code: Tensor
    unit: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self, scoring: Scoring) -> None:
        super().__init__()
        self.scoring, self.network = scoring, scoring.model.network
        preparation = scoring.preparation
        for name in ("source", "code", "unit", "centre", "scale"):
            self.register_buffer(name, torch.from_numpy(np.array(getattr(preparation, name))))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As the graph."""
        u = features[:, self.source] / self.unit
        y = torch.where(self.code.eq(LOG), u.sign() * torch.log1p(u.abs()), u)
        y = torch.where(self.code.eq(COS), u.cos(), torch.where(self.code.eq(SIN), u.sin(), y))
        prepared = ((y - self.centre) / self.scale).float().clamp(-END, END)
        energy, vector = self.network.both(prepared, self.scoring.model.score_level)
        return energy, vector, self._score(self.scoring.name, prepared, energy, vector)

    def _score(self, name: ArtefactScore, prepared: Tensor, energy: Tensor, vector: Tensor) -> Tensor:
        if name == "energy":
            return energy.double()
        if name == "score_norm":
            return vector.square().sum(dim=1).sqrt().double()
        if name == "weighted_norm":
            levels = range(self.network.levels)
            squares = [self.network.both(prepared, level)[1].square().sum(dim=1) for level in levels]
            return torch.stack(squares).double().sum(dim=0)
        if name == "knn" and self.scoring.neighbours is not None:
            return self._nearest(self.scoring.neighbours, prepared)
        parts = [self._score(member, prepared, energy, vector) for member in MEMBERS]
        return torch.stack([_surprised(*pair) for pair in zip(self.scoring.surprises, parts, strict=True)]).sum(dim=0)

    def _nearest(self, neighbours: NearestNeighbours, prepared: Tensor) -> Tensor:
        rows, k = reference_events(neighbours)
        reference = torch.from_numpy(rows.astype(np.float32))
        near = reference.square().sum(dim=1) - 2 * prepared @ reference.T
        candidates = reference[near.topk(min(k + SPARE, len(rows)), dim=1, largest=False).indices]
        distances = (candidates - prepared[:, None]).square().sum(dim=2).sqrt()
        return distances.topk(k, dim=1, largest=False).values.mean(dim=1).double()


def _surprised(surprise: Surprise, score: Tensor) -> Tensor:
    at, values, slopes = (torch.from_numpy(each) for each in straight_lines(surprise))
    line = (score[:, None] >= torch.from_numpy(np.array(surprise.knots))).sum(dim=1)
    found: Tensor = values[line] + (score - at[line]) * slopes[line]
    return found
