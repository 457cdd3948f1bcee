"""The energy network of the anomaly job: scoring in ONNX Runtime beside torch, and training beside a plain loop.

    python benchmarks/anomaly.py --json

64 features, 256 units, three residual blocks, one thread. Contestants take turns, so that all meet the same load of the
machine; for batches and steps CPU time is measured, for single events the clock. Printed as one JSON object, last:

- `batch_vs_torch`: energy and score of 4096 events, from columns as they stand in a file: time of NumPy's preparation
  and eager torch (the gradient by autograd) over that of the artefact's `Scorer`, which has both in one graph;
  `batch_vs_torch_by_hand`: eager torch with the gradient written by hand, as neyman trains it;
- `flops_fraction`: arithmetic of energy and gradient, in matrix products alone, per second of the `Scorer`, over the
  best float32 matrix product that torch, NumPy or ONNX Runtime manage here, of several sizes (`peak_gflops`, and each
  in `products_gflops`); the graph has merged two linear layers and gets by with less: `executed_flops_fraction` counts
  what it really multiplies;
- `single_p50_us`, `single_p99_us`: one event through `Scorer.score`, by the clock, in microseconds;
- `microseconds`: per event of a batch, by score;
- `train_vs_reference`: median CPU time of a step of a plain loop (float32, `autograd.grad(..., create_graph=True)`)
  over that of neyman, same network, batches, optimiser and clipping; `validation_loss`: what each has reached.
"""

from __future__ import annotations

import copy
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import onnx
import torch
from reporting import origin, show, speed_options

from neyman.anomaly.config import AnomalyConfig
from neyman.anomaly.data import Loaded
from neyman.anomaly.energy_model import matrix_products_in_bfloat16, new_network, noisy_batches
from neyman.anomaly.onnx_graph import onnx_model
from neyman.anomaly.runtime import Scorer, session
from neyman.anomaly.scoring import Scoring
from neyman.anomaly.trained import train_anomaly
from neyman.learning.schedule import one_cycle
from neyman.learning.score_matching import ScoreMatching
from neyman.learning.training import adamw

FULL = {"batch": 4096, "repeat": 15, "single": 3000, "steps": 120, "train_batch": 512, "peak": (256, 1024, 2048)}
REDUCED = {"batch": 512, "repeat": 3, "single": 50, "steps": 6, "train_batch": 128, "peak": (256,)}
FEATURES, LEVELS = 64, 10
SCORES = ("score_norm", "energy", "weighted_norm", "knn", "combined")


def events(n, seed):
    """Correlated columns of which a third are momenta, with a long tail."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(FEATURES, FEATURES)) / 8
    x = rng.normal(size=(n, FEATURES)) + np.tanh(rng.normal(size=(n, FEATURES)) @ mixing) * 2
    x[:, ::3] = 30 * np.exp(x[:, ::3])
    return x


def artefacts(folder):
    """A scorer for each score, hardly trained: how fast it is does not depend on that; and the network."""
    config = AnomalyConfig.model_validate(
        {
            "data": {"kind": "files", "background": "-"},
            "training": {"epochs": 1, "steps_per_epoch": 5},
            "network": {"noise": {"levels": LEVELS}},
            "device": "cpu",
        }
    )
    names = tuple(f"x{number}" for number in range(FEATURES))
    loaded = Loaded(names, *(events(size, seed) for seed, size in enumerate((6000, 1000, 1000, 200))))
    trained = train_anomaly(config, loaded=loaded)
    preparation, model = trained.scoring.preparation, trained.scoring.model
    parts = preparation.apply(loaded.train), preparation.apply(loaded.validation)
    made = {}
    for name in SCORES:
        scoring = Scoring.fit(name, preparation, model, *parts, seed=1)
        replace(trained, scoring=scoring, graph=onnx_model(scoring)).save(folder / name)
        made[name] = Scorer.open(folder / name)
    return made, trained


def best_of(contestants, repeat):
    """The least CPU seconds of each, in turns."""
    found = dict.fromkeys(contestants, float("inf"))
    for _ in range(repeat):
        for name, call in contestants.items():
            began = time.process_time()
            call()
            found[name] = min(found[name], time.process_time() - began)
    return found


def products(size):
    """Square matrix products by torch, by NumPy and by ONNX Runtime: what to call, and the arithmetic."""
    a, b = (torch.randn(size, size) for _ in range(2))
    x, y = a.numpy(), b.numpy()
    multiply = multiplication(y)
    times = max(1, (512 // size) ** 3)  # of what a clock can measure
    flops = times * 2 * size**3
    return {
        ("torch", size): (lambda: [torch.mm(a, b) for _ in range(times)], flops),
        ("numpy", size): (lambda: [x @ y for _ in range(times)], flops),
        ("onnxruntime", size): (lambda: [multiply(["product"], {"x": x}) for _ in range(times)], flops),
    }


def multiplication(y):
    """A graph that multiplies by a matrix."""
    node = onnx.helper.make_node("MatMul", ["x", "y"], ["product"])
    x, product = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(y.shape)) for name in ("x", "product")
    )
    graph = onnx.helper.make_graph([node], "product", [x], [product], [onnx.numpy_helper.from_array(y, "y")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    return session(model.SerializeToString())


def batches(size):
    """CPU seconds of a batch, by contestant; the best rate of products by library; seconds of single events."""
    with tempfile.TemporaryDirectory() as folder:
        scorers, trained = artefacts(Path(folder))
    network = copy.deepcopy(trained.scoring.model.network)
    level = trained.scoring.model.score_level
    x = events(size["batch"], 9)
    preparation = trained.scoring.preparation

    def by_autograd():
        at = torch.from_numpy(preparation.apply(x)).requires_grad_()
        energy = plain_energy(network, at, torch.full((len(at),), level))
        return energy.detach(), torch.autograd.grad(energy.sum(), at)[0]

    def by_hand():
        with torch.no_grad():
            return network.both(torch.from_numpy(preparation.apply(x)), level)

    peaks = {key: value for side in size["peak"] for key, value in products(side).items()}
    contestants = {"autograd": by_autograd, "by_hand": by_hand}
    contestants |= {score: lambda one=one: one.score(x) for score, one in scorers.items()}
    contestants |= {key: call for key, (call, _) in peaks.items()}
    seconds = best_of(contestants, size["repeat"])
    rates = {library: max(flops / seconds[key] for key, (_, flops) in peaks.items() if key[0] == library)
             for library, _ in peaks}  # fmt: skip
    return seconds, rates, singles(scorers["score_norm"], size["single"])


def singles(scorer, calls):
    """Seconds of single events, by the clock."""
    x = events(calls, 11)
    for row in range(min(50, calls)):
        scorer.score(x[row : row + 1])
    found = []
    for row in range(calls):
        began = time.perf_counter()
        scorer.score(x[row : row + 1])
        found.append(time.perf_counter() - began)
    return found


def flops(width=256, blocks=3, *, merged=False):
    """Of an event: matrix products of energy and gradient; the graph merges the first layer and the first block."""
    first = FEATURES * width
    return 2 * 2 * ((2 * first + (blocks - 1) * width**2 if merged else first + blocks * width**2) + width)


def plain_energy(network, x, level):
    """The energy as one writes it down."""
    sigma = network.sigmas[level]
    z = network.inputs(x / torch.sqrt(1 + sigma**2)[:, None]) + network.embedding(level)
    for block in network.blocks:
        z = z + torch.nn.functional.silu(block(z))
    return 0.5 * x.square().sum(dim=1) / (1 + sigma**2) + network.output(z)[:, 0] / sigma + network.offsets[level]


class Reference(torch.nn.Module):
    """A plain loop: autograd differentiates the energy, and then the loss of that."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def loss(self, x, level, noise):
        sigma = self.network.sigmas[level][:, None]
        noisy = (x + sigma * noise).requires_grad_()
        energy = plain_energy(self.network, noisy, level).sum()
        score = -sigma * torch.autograd.grad(energy, noisy, create_graph=True)[0]
        return (score + noise).square().mean()


def train(size):
    """CPU seconds of steps, and validation losses, by contestant."""
    config = AnomalyConfig.model_validate({"data": {"kind": "files", "background": "-"}})
    torch.manual_seed(1)
    network = new_network(FEATURES, config.network)
    ours = ScoreMatching(network, score_level=config.network.score_level, multi_scale=config.network.multi_scale)
    models = {"neyman": ours, "reference": Reference(copy.deepcopy(network))}
    optimisers = {name: adamw(model, config.training) for name, model in models.items()}
    x = np.tanh(events(20_000, 5) / 30).astype(np.float32)
    batch = noisy_batches(x[4000:], ours, size=size["train_batch"], seed=1, purpose="training")
    seconds = {name: [] for name in models}
    for number in range(size["steps"]):
        rows = batch(number)
        rate = one_cycle(number, size["steps"], peak=config.training.learning_rate)
        for name, model in models.items():
            began = time.process_time()
            if name == "neyman":
                with matrix_products_in_bfloat16():
                    step(model, optimisers[name], rows, rate, config.training.clip)
            else:
                step(model, optimisers[name], rows, rate, config.training.clip)
            seconds[name].append(time.process_time() - began)
    rows = noisy_batches(x[:4000], ours, size=2000, seed=1, purpose="validation")(0)
    losses = {name: float(model.loss(*rows).detach()) for name, model in models.items()}
    return seconds, losses


def step(model, optimiser, batch, rate, clip):
    for group in optimiser.param_groups:
        group["lr"] = rate
    loss = model.loss(*batch)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimiser.step()


def main() -> None:
    """Measure."""
    options = speed_options(__doc__).parse_args()
    size, load = REDUCED if options.reduced else FULL, os.getloadavg()[0]
    torch.set_num_threads(1)
    seconds, rates, single = batches(size)
    peak = max(rates.values())
    steps, losses = train(size)
    ours = seconds["score_norm"]
    report = {
        "batch_vs_torch": seconds["autograd"] / ours,
        "batch_vs_torch_by_hand": seconds["by_hand"] / ours,
        "flops_fraction": flops() * size["batch"] / ours / peak,
        "executed_flops_fraction": flops(merged=True) * size["batch"] / ours / peak,
        "single_p50_us": 1e6 * float(np.quantile(single, 0.5)),
        "single_p99_us": 1e6 * float(np.quantile(single, 0.99)),
        "train_vs_reference": median(steps["reference"]) / median(steps["neyman"]),
        "peak_gflops": 1e-9 * peak,
        "products_gflops": {library: 1e-9 * rate for library, rate in rates.items()},
        "microseconds": {name: 1e6 * seconds[name] / size["batch"] for name in ("autograd", "by_hand", *SCORES)},
        "step_milliseconds": {name: 1e3 * median(each) for name, each in steps.items()},
        "validation_loss": losses,
        "batch": size["batch"],
        "reduced": options.reduced,
        "load": load,
        **origin("python benchmarks/anomaly.py --json"),
    }
    show(report, options)


if __name__ == "__main__":
    main()
