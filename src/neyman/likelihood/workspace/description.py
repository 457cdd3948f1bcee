"""What is in a workspace, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neyman.likelihood.workspace.inspection import EventsSummary, Inspection, Setting


def describe(inspection: Inspection) -> str:
    """The summary as tables for a terminal, with a line break at the end of each line."""
    channels = [
        (
            each.name,
            "none" if each.bins is None else str(each.bins),
            f"{each.expected:.6g}",
            "blinded" if each.observed is None else f"{each.observed:.6g}",
            ", ".join(each.samples),
        )
        for each in inspection.channels
    ]
    modifiers = [
        (each.name, each.type, str(each.channels), str(each.samples), str(each.parameters))
        for each in inspection.modifiers
    ]
    measurements = [
        (each.name, each.poi or "none", str(each.parameters), "; ".join(map(_setting, each.settings)))
        for each in inspection.measurements
    ]
    unbinned = [(each.name, each.events) for each in inspection.channels if each.events]
    blocks = [
        _table(("channel", "bins", "expected", "observed", "samples"), channels),
        *(_unbinned(unbinned) if unbinned else ()),
        _table(("modifier", "type", "channels", "samples", "parameters"), modifiers),
        _table(("measurement", "POI", "parameters", "settings"), measurements),
        "".join(f"warning: {line}\n" for line in inspection.warnings),
    ]
    return "\n".join(block for block in blocks if block)


def _unbinned(channels: Sequence[tuple[str, EventsSummary]]) -> Iterator[str]:
    rows = [
        (
            name,
            "blinded" if events.observed is None else str(events.observed),
            "none" if events.reference is None else str(events.reference),
            "yes" if events.normalised else "no",
            str(events.files) if events.bytes is None else f"{events.files}, {_size(events.bytes)}",
        )
        for name, events in channels
    ]
    yield _table(("unbinned", "events", "reference", "normalised", "files"), rows)
    samples = [
        (name, each.name, f"{each.nominal:.6g}", ", ".join(each.parameters) or "none", ", ".join(each.shapes) or "none")
        for name, events in channels
        for each in events.samples
    ]
    yield _table(("unbinned", "sample", "yield", "parameters", "of its shape"), samples)


def _size(size: float) -> str:
    """A number of bytes, to three digits.

    Examples:
        >>> _size(512), _size(1_234_567), _size(2e12)
        ('512 B', '1.23 MB', '2000 GB')
    """
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.4g} GB"


def _setting(setting: Setting) -> str:
    parts = [
        f"{key} {value}" for key, value in setting.model_dump(mode="json", exclude={"name", "fixed"}).items() if value
    ]
    fixed = {True: ["fixed"], False: ["free"], None: []}[setting.fixed]
    return " ".join([setting.name, *fixed, *parts])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows))
    return "".join(f"{line}\n" for line in lines)
