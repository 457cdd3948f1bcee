"""One report as one HTML file: text, tables and figures, with nothing to load from anywhere.

A page is plain data. `render` turns it into a string, the same one for the same page; `save_page` writes it. All text
is escaped: a page cannot be made to run a script by what stands in a config or a file name.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from matplotlib.figure import Figure

from neyman.core.errors import InputError, require
from neyman.core.files import write_text
from neyman.plots.save import figure_bytes

LARGEST_SVG = 400_000  # bytes; a figure with more points than that is embedded as pixels


@dataclass(frozen=True)
class Headline:
    """One number of the summary at the top.

    Attributes:
        label: What it is.
        value: The number with its unit, as text.
        note: What to compare it with, in a few words.
    """

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Check:
    """One statement that holds or does not.

    Attributes:
        name: The statement.
        passed: Whether it holds.
        detail: The number it was decided by, and the limit.
    """

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        header: One heading per column.
        rows: Rows of as many cells.
        caption: What the table shows.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.header):
                raise InputError(
                    f"row {number} has {len(row)} cells",
                    where=f"table '{self.caption}'",
                    expected=f"{len(self.header)}, one per heading",
                )


@dataclass(frozen=True)
class Section:
    """A heading with text, tables and figures, in this order.

    Attributes:
        heading: The heading; it also stands in the table of contents.
        text: Paragraphs, separated by empty lines.
        figures: Figures with their captions.
        tables: Tables.
    """

    heading: str
    text: str = ""
    figures: Sequence[tuple[Figure, str]] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
        title: The title.
        subtitle: One line below it.
        headlines: The numbers that answer the question, for the summary box.
        checks: What was checked; the status line counts them.
        sections: The rest, in order.
        provenance: What the report came from: versions, seeds, hashes of inputs.
    """

    title: str
    subtitle: str = ""
    headlines: Sequence[Headline] = ()
    checks: Sequence[Check] = ()
    sections: Sequence[Section] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The outcome of the checks in words; empty without checks."""
        failed = sum(not check.passed for check in self.checks)
        if not self.checks:
            return ""
        if failed:
            return f"{failed} of {len(self.checks)} failed"
        return f"all {len(self.checks)} passed"

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.passed for check in self.checks)


def render(page: Page) -> str:
    """The page as one self-contained HTML document.

    Raises:
        MissingDependencyError: If jinja2 is not installed.
    """
    jinja2 = require("jinja2", job="posterior")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["paragraphs"] = _paragraphs
    environment.filters["image"] = _data_url
    source = resources.files("neyman.report").joinpath("page.html.jinja").read_text(encoding="utf-8")
    return str(environment.from_string(source).render(page=page))


def save_page(page: Page, path: Path | str) -> None:
    """Render the page and write it atomically."""
    write_text(Path(path), render(page))


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _data_url(figure: Figure) -> str:
    content, kind = figure_bytes(figure, "svg"), "image/svg+xml"
    if len(content) > LARGEST_SVG:
        content, kind = figure_bytes(figure, "png"), "image/png"
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
