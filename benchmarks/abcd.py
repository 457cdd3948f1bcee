"""The ABCD loss beside Minuit, and inside a training step.

    python benchmarks/abcd.py --json

CPU time on one core, each the best of several. Printed as one JSON object, last:

- `loss_vs_minuit`: three fits by iminuit (without a signal; with it; with a free strength) of 16 bins, a vectorised
  NumPy likelihood and its analytic gradient but without a gradient of the loss, over our value with the gradient of all
  templates; `loss_vs_minuit_in_torch` over the same through torch's autograd;
- `loss_share_of_step`: value, gradient and crossing between torch and JAX, over forward and backward of two networks
  (10 inputs, two hidden layers of 64) on 100,000 events;
- `gradient_error`: the largest difference from central differences, over the largest component of the gradient;
- `milliseconds`: of value and gradient, by number of bins;
- `cls_difference`: |CLs of Minuit's fits − ours|: both did the same.
"""

from __future__ import annotations

import os
import time

import iminuit
import numpy as np
import torch
from reporting import origin, show, speed_options
from scipy.special import xlogy
from scipy.stats import norm

from neyman.abcd.loss import loss_and_gradients
from neyman.abcd.torch import expected_loss

FULL = {"bins": (16, 100, 1000), "repeat": 300, "fits": 5, "events": 100_000}
REDUCED = {"bins": (2, 16), "repeat": 3, "fits": 1, "events": 2_000}


def templates(bins: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A falling background that does not quite close, and a peak that is mostly in B."""
    rng, x = np.random.default_rng(seed), np.linspace(0, 1, bins)
    total = 2e4 * np.exp(-3 * x) / bins * 16
    background = total[:, None] * np.array([0.08, 0.01, 0.81, 0.1]) * rng.normal(1, 0.05, (bins, 4))
    background[:, 1] *= 1 + rng.normal(0.1, 0.1, bins)
    peak = 40 * np.exp(-0.5 * ((x - 0.5) / 0.12) ** 2)
    return background, peak[:, None] * np.array([0.15, 0.6, 0.05, 0.2])


def best(function, repeat: int) -> float:
    """CPU seconds."""
    times = []
    for _ in range(repeat + 1):
        began = time.process_time()
        function()
        times.append(time.process_time() - began)
    return min(times[1:])


class Counts:
    """The likelihood for Minuit, in rates: vectorised, with its gradient."""

    def __init__(self, counts, signal, kappa, centre) -> None:
        self.counts, self.signal, self.kappa, self.centre = counts, signal, kappa, centre

    def _rates(self, x):
        n = len(self.kappa)
        theta, a, c, d = x[:n], x[n : 2 * n], x[2 * n : 3 * n], x[3 * n : 4 * n]
        predicted = a * d / c * np.exp(self.kappa * theta)
        return theta, np.stack([a, predicted, c, d], axis=1)

    def value(self, x):
        theta, rates = self._rates(x)
        total = rates + x[-1] * self.signal
        found = (total - self.counts + xlogy(self.counts, self.counts / total)).sum()
        return found + 0.5 * ((theta - self.centre) ** 2).sum()

    def gradient(self, x):
        n = len(self.kappa)
        theta, rates = self._rates(x)
        slope = 1 - self.counts / (rates + x[-1] * self.signal)
        b = slope[:, 1] * rates[:, 1]
        a, c, d = x[n : 2 * n], x[2 * n : 3 * n], x[3 * n : 4 * n]
        parts = [theta - self.centre + b * self.kappa, slope[:, 0] + b / a, slope[:, 2] - b / c, slope[:, 3] + b / d]
        return np.concatenate([*parts, [(slope * self.signal).sum()]])

    def fit(self, start, mu):
        engine = iminuit.Minuit(self.value, start, grad=self.gradient)
        engine.errordef, engine.strategy = 0.5, 1
        engine.limits = [(None, None)] * len(self.kappa) + [(1e-9, None)] * (3 * len(self.kappa)) + [(0, None)]
        if mu is not None:
            engine.values[-1], engine.fixed[-1] = mu, True
        engine.migrad()
        return np.array(engine.values), engine.fval


def by_minuit(background, signal) -> float:
    """The median expected CLs of strength 1: three fits."""
    a, b, c, d = background.T
    kappa, nothing = np.log(b * c / (a * d)), np.zeros(len(background))
    start = np.concatenate([nothing, a, c, d, [0.0]])
    found, _ = Counts(background, signal, kappa, nothing).fit(start, 0.0)
    theta, rates = Counts(background, signal, kappa, nothing)._rates(found)
    asimov = Counts(rates, signal, kappa, theta)
    _, excluded = asimov.fit(found, 1.0)
    _, free = asimov.fit(np.append(found[:-1], 0.5), None)
    return float(2 * norm.sf(np.sqrt(max(2 * (excluded - free), 0.0))))


def gradient_error(background, signal) -> float:
    """Against central differences, in every entry."""
    found = loss_and_gradients(background, signal, statistic="q")
    worst, largest = 0.0, max(np.abs(found.background).max(), np.abs(found.signal).max())
    for which, exact in enumerate((found.background, found.signal)):
        for index in np.ndindex(*exact.shape):
            step = 1e-4 * max(float((background, signal)[which][index]), 1e-3)
            sides = []
            for sign in (1, -1):
                moved = [background.copy(), signal.copy()]
                moved[which][index] += sign * step
                sides.append(loss_and_gradients(*moved, statistic="q").value)
            worst = max(worst, abs((sides[0] - sides[1]) / (2 * step) - exact[index]))
    return float(worst / largest)


def in_torch(background, signal):
    """Value and gradient through autograd, as in training."""
    inputs = [torch.tensor(each, requires_grad=True) for each in (background, signal)]

    def step():
        for each in inputs:
            each.grad = None
        expected_loss(*inputs).backward()

    return step


def networks(events: int):
    """Forward and backward of both."""
    torch.manual_seed(0)
    both = [
        torch.nn.Sequential(
            torch.nn.Linear(10, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1)
        )
        for _ in range(2)
    ]
    inputs = torch.randn(events, 10)

    def step():
        sum(network(inputs).mean() for network in both).backward()

    return step


def main() -> None:
    """Measure."""
    options = speed_options(__doc__).parse_args()
    size, load = REDUCED if options.reduced else FULL, os.getloadavg()[0]
    torch.set_num_threads(1)
    milliseconds = {}
    for bins in size["bins"]:
        arrays = templates(bins)
        milliseconds[bins] = 1e3 * best(lambda arrays=arrays: loss_and_gradients(*arrays), size["repeat"])
    arrays = templates(16)
    minuit = best(lambda: by_minuit(*arrays), size["fits"])
    crossing = best(in_torch(*arrays), size["repeat"])
    step = best(networks(size["events"]), max(size["fits"], 2))
    report = {
        "loss_vs_minuit": 1e3 * minuit / milliseconds[16],
        "loss_vs_minuit_in_torch": minuit / crossing,
        "loss_share_of_step": crossing / step,
        "gradient_error": gradient_error(*arrays),
        "milliseconds": milliseconds,
        "minuit_milliseconds": 1e3 * minuit,
        "torch_milliseconds": 1e3 * crossing,
        "step_milliseconds": 1e3 * step,
        "cls_difference": abs(by_minuit(*arrays) - loss_and_gradients(*arrays).value),
        "reduced": options.reduced,
        "load": load,
        **origin("python benchmarks/abcd.py --json", iminuit=iminuit.__version__),
    }
    show(report, options)


if __name__ == "__main__":
    main()
