"""Pairs of flows beside nflows: training and correcting.

    python benchmarks/calibration.py --json

The impact parameter of muons given four conditions: log10 IP, standardised, by a rational-quadratic spline of 16 bins,
shaped by a network with two hidden layers of 64. nflows has two flows, one of each sample, as in the public study that
this job starts from; and, beside it, one flow with the sample as another condition. All have the same events, batches
(2048 of each sample), activation, optimiser, clipping and number of steps. Steps, and chunks of events to correct, take
turns, so that all meet the same load of the machine. CPU time on one thread. Printed as one JSON object, last:

- `train_vs_nflows`: median time of a step of nflows' two flows over that of ours; `train_vs_nflows_switch` of its one;
- `validation_loss`: what each has reached after these steps: faster must not mean worse;
- `apply_vs_nflows`: the time for T_data⁻¹ ∘ T_simulation of nflows' two flows over that of ours, each at the chunk that
  suits it best; `apply_vs_nflows_switch` likewise;
- `apply_events_per_cpu_s`: events that ours corrects, in the flow alone, in a second;
- `inverse_error`: the largest difference of events, in standard deviations, after there and back by ours;
- `step_milliseconds`, `apply_microseconds`: per step; per event and chunk;
- `cells_chi2_over_floor`: χ²/bin in twelve cells of the conditions over that of a second sample of data, mean over
  draws of independent events, of a training with the defaults of the job; `validate_calibration.py` has more of it.
"""

from __future__ import annotations

import importlib.metadata
import os
import time
from statistics import median

import nflows.distributions
import nflows.flows
import nflows.transforms
import numpy as np
import torch
from reporting import origin, show, speed_options
from torch.nn.functional import silu

from neyman.calibration.config import CalibrationConfig, ChecksConfig
from neyman.calibration.metrics import measure
from neyman.calibration.sample import Sample
from neyman.calibration.trained import train_calibration
from neyman.learning.config import TrainingConfig
from neyman.learning.paired_flows import BOUND, PairedFlow
from neyman.learning.schedule import one_cycle
from neyman.learning.training import adamw
from neyman.simulation.impact_parameter import impact_parameter_sample

FULL = {"events": 200_000, "validation": 50_000, "steps": 600, "batch": 2048, "chunks": (4096, 16_384, 65_536),
        "repeat": 5, "trained": 300_000, "drawn": 100_000, "draws": 3, "training": {}}  # fmt: skip
REDUCED = {"events": 5_000, "validation": 2_000, "steps": 6, "batch": 512, "chunks": (1024, 4096), "repeat": 2,
           "trained": 4_000, "drawn": 6_000, "draws": 1, "training": {"training": {"epochs": 2}}}  # fmt: skip
BINS, HIDDEN = 16, 64
SAMPLES = ("simulation", "data")
CONDITIONS = ("pt", "eta", "phi", "npv")


def standardised(size):
    """Variable and conditions of both samples as networks see them: for training, and for validation."""
    found = []
    for seed, kind in enumerate(SAMPLES):
        events = impact_parameter_sample(kind, size["events"] + size["validation"], seed)
        pt, eta, phi, vertices = (events[name] for name in ("pt", "eta", "phi", "npv"))
        conditions = np.stack([np.log(pt), eta, np.cos(phi), np.sin(phi), vertices], axis=1)
        found.append((np.log10(events["ip"])[:, None], conditions))
    for part in (0, 1):
        both = np.concatenate([sample[part] for sample in found])
        mean, spread = both.mean(axis=0), both.std(axis=0)
        for index, sample in enumerate(found):
            scaled = torch.tensor((sample[part] - mean) / spread, dtype=torch.float32)
            found[index] = (*sample[:part], scaled, *sample[part + 1 :])
    cut = size["events"]
    return [(x[:cut], c[:cut]) for x, c in found], [(x[cut:], c[cut:]) for x, c in found]


def spline_flow(inputs):
    """Of nflows: one variable, so that the network sees the conditions alone."""
    transform = nflows.transforms.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
        1,
        HIDDEN,
        context_features=inputs,
        num_bins=BINS,
        tails="linear",
        tail_bound=BOUND,
        num_blocks=1,  # one layer after the first
        use_residual_blocks=False,
        activation=silu,
    )
    return nflows.flows.Flow(transform, nflows.distributions.StandardNormal([1]))


class Ours(torch.nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.flow = PairedFlow(1, inputs, bins=BINS, hidden=(HIDDEN, HIDDEN))

    def loss(self, simulation, data):
        return self.flow.loss(*simulation, torch.ones(len(simulation[0])), *data, torch.ones(len(data[0])))

    def corrected(self, x, c):
        return self.flow.transport(x, c)[0]


class TwoFlows(torch.nn.Module):
    """As in the public study."""

    def __init__(self, inputs):
        super().__init__()
        self.flows = torch.nn.ModuleList(spline_flow(inputs) for _ in SAMPLES)

    def loss(self, *samples):
        return -0.5 * sum(flow.log_prob(*sample).mean() for flow, sample in zip(self.flows, samples, strict=True))

    def corrected(self, x, c):
        u, _ = self.flows[0]._transform(x, c)
        return self.flows[1]._transform.inverse(u, c)[0]


class Switch(torch.nn.Module):
    """One flow; whether an event is data is a condition."""

    def __init__(self, inputs):
        super().__init__()
        self.flow = spline_flow(inputs + 1)

    def loss(self, simulation, data):
        x = torch.cat([simulation[0], data[0]])
        c = torch.cat([with_switch(simulation[1], 0.0), with_switch(data[1], 1.0)])
        return -self.flow.log_prob(x, c).mean()

    def corrected(self, x, c):
        u, _ = self.flow._transform(x, with_switch(c, 0.0))
        return self.flow._transform.inverse(u, with_switch(c, 1.0))[0]


def with_switch(c, value):
    return torch.cat([c, c.new_full((len(c), 1), value)], dim=1)


def step(model, optimiser, batch, rate, *, clip):
    for group in optimiser.param_groups:
        group["lr"] = rate
    loss = model.loss(*batch)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimiser.step()


def train(models, samples, size):
    """Steps of all models in turn; the CPU seconds of each."""
    config = TrainingConfig(learning_rate=3e-3)
    optimisers = {name: adamw(model, config) for name, model in models.items()}
    rng, seconds = np.random.default_rng(1), {name: [] for name in models}
    for number in range(size["steps"]):
        rows = [torch.tensor(rng.integers(0, len(x), size["batch"])) for x, _ in samples]
        batch = [(x[chosen], c[chosen]) for (x, c), chosen in zip(samples, rows, strict=True)]
        rate = one_cycle(number, size["steps"], peak=config.learning_rate)
        for name, model in models.items():
            began = time.process_time()
            step(model, optimisers[name], batch, rate, clip=config.clip)
            seconds[name].append(time.process_time() - began)
    return seconds


def correct(models, x, c, size):
    """CPU microseconds per event, by chunk: the best of several."""
    found = {name: dict.fromkeys(size["chunks"], float("inf")) for name in models}
    for _ in range(size["repeat"]):
        for chunk in size["chunks"]:
            parts = list(zip(x.split(chunk), c.split(chunk), strict=True))
            for name, model in models.items():
                began = time.process_time()
                for part in parts:
                    model.corrected(*part)
                found[name][chunk] = min(found[name][chunk], 1e6 * (time.process_time() - began) / len(x))
    return found


def inverse_error(flow, x, c):
    z, _ = flow.transport(x, c)
    return float((flow.transport(z, c, source="data")[0] - x).abs().max())


def cells_chi2_over_floor(size):
    """χ²/bin in cells of the conditions over that of a second sample of data, of a training with the job's defaults."""
    config = {"data": {"kind": "impact_parameter", "events": size["trained"]}, "members": 0}
    flow = train_calibration(CalibrationConfig.model_validate(config | size["training"]))
    checks = ChecksConfig(cells={"eta": (2.8, 3.4), "phi": (-1.87, -1.27, 1.27)})
    corrected, floor = [], []
    for number in range(size["draws"]):
        raw, judge, other = (
            drawn(kind, size["drawn"], 1000 + 10 * number + step)
            for step, kind in enumerate(("simulation", "data", "data"))
        )
        for candidate, found in ((flow.corrected(raw), corrected), (other, floor)):
            rng = np.random.default_rng(number)
            found.append(measure(candidate, judge, checks, rng).chi2_per_bin_cells)
    return float(np.mean(corrected) / np.mean(floor))


def drawn(kind, events, seed):
    """Independent events."""
    found = impact_parameter_sample(kind, events, seed)
    c = np.stack([found[name] for name in CONDITIONS], axis=1)
    return Sample(found["ip"][:, None], c, np.ones(events), ("ip",), CONDITIONS)


def main() -> None:
    """Measure."""
    options = speed_options(__doc__).parse_args()
    size, load = REDUCED if options.reduced else FULL, os.getloadavg()[0]
    torch.set_num_threads(1)
    torch.manual_seed(1)
    samples, validation = standardised(size)
    inputs = samples[0][1].shape[1]
    models = {"neyman": Ours(inputs), "nflows": TwoFlows(inputs), "nflows_switch": Switch(inputs)}
    models["neyman"].loss(*validation).backward()  # what is compiled once
    steps = {name: 1e3 * median(each) for name, each in train(models, samples, size).items()}
    with torch.no_grad():
        losses = {name: float(model.loss(*validation)) for name, model in models.items()}
        x, c = samples[0]
        microseconds = correct(models, x, c, size)
        back = inverse_error(models["neyman"].flow, x, c)
    fastest = {name: min(each.values()) for name, each in microseconds.items()}
    report = {
        "train_vs_nflows": steps["nflows"] / steps["neyman"],
        "train_vs_nflows_switch": steps["nflows_switch"] / steps["neyman"],
        "apply_vs_nflows": fastest["nflows"] / fastest["neyman"],
        "apply_vs_nflows_switch": fastest["nflows_switch"] / fastest["neyman"],
        "apply_events_per_cpu_s": 1e6 / fastest["neyman"],
        "cells_chi2_over_floor": cells_chi2_over_floor(size),
        "validation_loss": losses,
        "inverse_error": back,
        "step_milliseconds": steps,
        "apply_microseconds": microseconds,
        "events": size["events"],
        "steps": size["steps"],
        "batch": size["batch"],
        "reduced": options.reduced,
        "load": load,
        **origin("python benchmarks/calibration.py --json", nflows=importlib.metadata.version("nflows")),
    }
    show(report, options)


if __name__ == "__main__":
    main()
