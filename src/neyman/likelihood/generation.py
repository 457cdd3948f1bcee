"""Asimov data by generation: expected data whose events in unbinned channels are drawn, many times over.

| question | use |
|---|---|
| what does the model expect, and does a fit return what was put in? | `Model.asimov`: closure is exact |
| what does a fit of a finite sample return, but for the scatter of one experiment? | `generated` |
| what is that scatter? | `draw` in toys.py |
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.core.errors import InputError, WorkspaceError
from neyman.likelihood.data import Data
from neyman.likelihood.model import Model, Parameters
from neyman.likelihood.unbinned.channels import Events, UnbinnedChannel


def generated(
    model: Model, parameters: Parameters | None = None, *, times: int = 100, rng: np.random.Generator
) -> Data:
    """Expected data of which unbinned channels have events drawn from the reference, sample by sample.

    Of a sample that expects ν events, 100 |ν| are drawn with replacement, each of weight ±1/100: what 100 experiments
    would see together. Unlike the reference with weights, and like a pseudo-experiment, such data see the finite number
    of distinct events; a best fit is off the truth by about a tenth of its error, and closure is not exact. A sample of
    negative yield, as of interference, has negative weights; pseudo-experiments cannot draw it.

    Bins and auxiliary data are as expected.

    Args:
        model: The model.
        parameters: The point.
        times: How many experiments together.
        rng: Where randomness comes from.

    Raises:
        InputError: If `times` is not positive.
        WorkspaceError: If an unbinned channel has no reference, or a reference with negative weights.
    """
    if times < 1:
        raise InputError(f"{times} times as many events", expected="at least 1")
    theta = model.vector(parameters)
    expected, table = model.asimov(theta), model.expected(theta)
    main, events = expected.main.copy(), []
    for channel, at in zip(model.unbinned, model.compiled.tables.unbinned, strict=True):
        yields = np.array([table[channel.name][sample][0] for sample in channel.samples])
        drawn = _drawn(channel, yields, theta[model.compiled.order][channel.places], times, rng)
        events.append(drawn)
        main[at] = drawn.total
    return Data(main, expected.auxiliary, tuple(events))


def _drawn(
    channel: UnbinnedChannel,
    yields: Float[np.ndarray, " s"],
    alpha: Float[np.ndarray, " k"],
    times: int,
    rng: np.random.Generator,
) -> Events:
    assert channel.reference is not None  # noqa: S101 - `Model.asimov` has refused
    reference = channel.reference
    if (reference.weights < 0).any():
        raise WorkspaceError(
            f"channel '{channel.name}': {(reference.weights < 0).sum()} reference events have negative weights",
            expected="none, to draw from them",
            hint="Model.asimov, which draws nothing",
        )
    weights = np.zeros(len(reference.weights))
    for value, shape in zip(yields, channel.expected_weights(yields, alpha), strict=True):
        number = int(np.ceil(times * abs(value)))
        if number:
            weights += value / number * rng.multinomial(number, shape / shape.sum())
    rows = np.flatnonzero(weights)
    return reference.take(rows, weights[rows])
