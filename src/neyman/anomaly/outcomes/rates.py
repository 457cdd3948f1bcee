"""What `trigger` answers, as JSON can hold it."""

from __future__ import annotations

from neyman.core.results import Number, Part, Result


class PathRate(Part):
    """One path of a menu.

    Attributes:
        name: Its name.
        prescale: One accepted event in so many is kept.
        events: Simulated events that it accepts.
        rate: Its rate in Hz, after the prescale.
        rate_low: Lower end of the 68 % interval.
        rate_high: Upper end.
        unseen: What samples of which no event is accepted may add at 68 %, in Hz; see `menu_rates`.
        cumulative: Rate of this path and all before it together, each event counted once.
    """

    name: str
    prescale: int
    events: int
    rate: Number
    rate_low: Number
    rate_high: Number
    unseen: Number
    cumulative: Number


class SampleRate(Part):
    """One sample.

    Attributes:
        name: Its name.
        cross_section: In pb.
        generated: Collisions that were generated.
        input_rate: Its rate in Hz before the menu.
        rate: Its rate in Hz after it.
    """

    name: str
    cross_section: Number
    generated: int
    input_rate: Number
    rate: Number


class TriggerResult(Result):
    """The rates of a menu, without pile-up.

    Attributes:
        luminosity: In cm⁻² s⁻¹.
        crossings: Rate of bunch crossings in Hz.
        target: The rate in Hz that was aimed at.
        paths: Each path.
        samples: Each sample.
        rate: Rate of the menu in Hz, each event counted once.
        rate_low: Lower end of the 68 % interval.
        rate_high: Upper end.
        unseen: What samples of which no event is kept may add at 68 %, in Hz.
        reduction: Crossings over the rate of the menu.
    """

    luminosity: Number
    crossings: Number
    target: Number
    paths: list[PathRate]
    samples: list[SampleRate]
    rate: Number
    rate_low: Number
    rate_high: Number
    unseen: Number
    reduction: Number
