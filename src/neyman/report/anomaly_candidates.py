"""Candidates for a physicist to review, and what the model learned of the background."""

from __future__ import annotations

import re

import numpy as np
from matplotlib.figure import Figure

from neyman.anomaly.outcomes import AnomalyResult, Characterisation, Explanation
from neyman.plots.attribution import plot_attribution, plot_attributions, plot_candidate
from neyman.plots.event_display import EventObjects
from neyman.plots.feature_grid import plot_features
from neyman.plots.sigma_profile import plot_sigma_profile
from neyman.plots.style import Style
from neyman.report.numbers import array, number
from neyman.report.page import Section, Table

DISPLAYED = 6  # candidates with a figure
OBJECT = re.compile(r"(electron|muon|jet)(\d+)_pt")
UNITS = {"pt": "GeV", "m": "GeV", "e": "GeV", "phi": "rad"}


def candidates_section(result: AnomalyResult, style: Style) -> list[Section]:
    """The ranked candidates, and an event display of the first ones."""
    found = result.candidates
    events = found.events
    if not events:
        return []
    injected = ", ".join(f"{count} of {name}" for name, count in found.injected.items())
    text = f"""{found.searched:,} events were searched: background that neither trained nor calibrated
        {f"with {injected} put in, so that it is known what a search brings up" if injected else ""}. Below are the
        {len(events)} of highest score. A p-value says which fraction of background scores as high; of
        {found.searched:,} events, one at p = {1 / found.searched:.1g} is expected from background alone."""
    if found.flagged is not None:
        text += f"""

        Flagged: {found.flagged:,} events, of which {found.flagged_signal:,} are signal."""
    rows = [
        (
            str(place + 1),
            str(event.row),
            number(event.score, 4),
            number(event.p_value, 2),
            number(event.p_value * found.searched, 2),
            ", ".join(_feature(event, name) for name in list(event.feature_attribution)[:3]),
            truth,
        )
        for place, (event, truth) in enumerate(zip(events, found.truth, strict=True))
    ]
    header = ("", "row", "score", "p-value", "as high, expected", "most unusual", "truth")
    names = list(events[0].values)
    matrix = np.array([[event.feature_attribution[name] for name in names] for event in events])
    overview = plot_attributions(names, matrix, [str(event.row) for event in events], style=style)
    figures = [(overview, "How much of what is unusual in a candidate is in which feature. Red: larger than background"
                          " has it for events like this, blue: smaller.")]  # fmt: skip
    if found.features:
        figures.append((_compared(result, style), _COMPARED))
    ranked = Section(
        heading="Candidates", text=text, figures=figures,
        tables=[Table(header, rows, "Ranked candidates. The truth is known of simulation alone.")],
    )  # fmt: skip
    shown = [
        (_figure(event, place, truth, style), _caption(event))
        for place, (event, truth) in enumerate(zip(events, found.truth, strict=True))
        if place < DISPLAYED
    ]
    return [ranked, Section(heading="Candidates, one by one", text=_READING, figures=shown)]


_COMPARED = (
    "The features that are most unusual in the candidates, which are red ticks; logarithmic, areas of one. What is"
    " beyond a panel is in its first or last bin."
)
_READING = """Left: the event in the plane of pseudorapidity and azimuth; areas go with transverse momentum, numbers
are GeV, and the red line is the azimuth of missing momentum. Right: −σs, by how many units of the noise a feature is
above (red) or below (blue) what the learned background has, given all other features; beside the bars stand the values.
It explains the model at this event, not nature."""


def event_objects(values: dict[str, float]) -> EventObjects | None:
    """The objects of an event, from columns such as `jet1_pt`, `jet1_eta` and `jet1_phi`; None if there are none.

    Examples:
        >>> event_objects({"jet1_pt": 50.0, "jet1_eta": 1.0, "jet1_phi": 0.5, "jet2_pt": 0.0}).kinds
        ['jet']
        >>> event_objects({"m_jj": 1000.0}) is None
        True
    """
    kinds, rows = [], []
    for name, pt in values.items():
        if (matched := OBJECT.fullmatch(name)) is None or not pt > 0:
            continue
        beside = [values.get(f"{matched[1]}{matched[2]}_{part}") for part in ("eta", "phi")]
        if None not in beside:
            kinds.append(matched[1])
            rows.append([pt, *beside])
    if not rows:
        return None
    pt, eta, phi = np.array(rows, dtype=np.float64).T
    met = values.get("met_pt", values.get("met", 0.0))
    return EventObjects(kinds, pt, eta, phi, met=max(met, 0.0), met_phi=values.get("met_phi", 0.0))


def _figure(event: Explanation, place: int, truth: str, style: Style) -> Figure:
    names = list(event.feature_attribution)
    attribution = np.array([event.feature_attribution[name] for name in names])
    values = [_value(name, event.values[name]) for name in names]
    title = f"No. {place + 1}: row {event.row}, p = {event.p_value:.1g}, truth: {truth}"
    objects = event_objects(event.values)
    if objects is None:
        return plot_attribution(names, attribution, values=values, title=title, style=style)
    return plot_candidate(objects, names, attribution, values=values, title=title, style=style)


def _caption(event: Explanation) -> str:
    first = next(iter(event.feature_attribution))
    direction = "large" if event.feature_attribution[first] > 0 else "small"
    return (
        f"Score {number(event.score, 4)}. {100 * event.share[first]:.0f} % of what is unusual is in {first}, which is"
        f" too {direction} at {_value(first, event.values[first])}."
    )


def _feature(event: Explanation, name: str) -> str:
    return f"{name} {'↑' if event.feature_attribution[name] > 0 else '↓'}"


def _value(name: str, value: float) -> str:
    return f"{number(value, 3)} {_unit(name)}".rstrip()


def _unit(name: str) -> str:
    """Of an object's column, as far as its name tells."""
    return UNITS.get(name.rpartition("_")[2] if "_" in name else "", "")


def _compared(result: AnomalyResult, style: Style) -> Figure:
    features = result.candidates.features
    keys = list(features[0].signals)[:5]
    return plot_features(
        [f"{each.name} [{unit}]" if (unit := _unit(each.name)) else each.name for each in features],
        [array(each.edges) for each in features],
        [np.array(each.background, dtype=np.float64) for each in features],
        others={key: [np.array(each.signals[key], dtype=np.float64) for each in features] for key in keys},
        marks=[array(each.candidates) for each in features],
        style=style,
    )


def learned_section(result: AnomalyResult, style: Style) -> Section:
    """Langevin samples, the profile over noise, and the excess."""
    found = result.characterisation
    test, profile = found.samples, found.profile
    rows = [f"row {row}" for row in profile.rows]
    quantiles = (profile.background_low, profile.background_median, profile.background_high)
    band = np.stack([array(each) for each in quantiles])
    figure = plot_sigma_profile(
        array(profile.sigmas), band, np.array(profile.candidates, dtype=np.float64), rows,
        scored_at=result.score_sigma, style=style,
    )  # fmt: skip
    text = f"""Samples that annealed Langevin dynamics draws from the learned background were given to boosted trees,
        with {test.events:,} real background events that the model has not seen. The area under their ROC curve is
        {test.auc:.3f} ({test.low:.3f} to {test.high:.3f}); background against background has
        {test.reference_auc:.3f} ({test.reference_low:.3f} to {test.reference_high:.3f}). A number near 0.5 says that
        the model knows the background; a large one says where it does not, and does not spoil the error rates,
        which come from real events."""
    caption = "A candidate above the band at low noise has details that background lacks; at high noise it is far away."
    tables = [_excess(found)] if found.excess else []
    if found.excess:
        text += _significance(found)
    return Section(heading="What was learned", text=text, figures=[(figure, caption)], tables=tables)


def _significance(found: Characterisation) -> str:
    excess = found.excess
    if excess is None:
        return ""
    bound = " at least" if excess.bounded else ""
    return f"""

        The {excess.events:,} events searched were compared with {excess.background_events:,} simulated ones. The
        largest local significance is {excess.local_z:.1f} standard deviations; with the choice of the threshold it
        is{bound} {excess.global_z:.1f}, a trials factor of {excess.trials_factor:.1f}. It holds for this file, this
        model and a background that is right: other searches and systematic uncertainties are not in it."""


def _excess(found: Characterisation) -> Table:
    cuts = found.excess.cuts if found.excess else []
    rows = [
        (f"{cut.fpr:.2g}", number(cut.threshold, 4), str(cut.observed), number(cut.expected, 3), number(cut.p_value, 2))
        for cut in cuts
    ]
    return Table(("background above", "score", "observed", "expected", "local p-value"), rows,
                 "Events above each threshold that was looked at.")  # fmt: skip
