from __future__ import annotations

import base64
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

from neyman.core.errors import InputError, MissingDependencyError
from neyman.report import Check, Headline, Page, Section, Table, render, save_page

NASTY = "<script>alert('θ')</script> & \"quotes\" <img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Outline(HTMLParser):
    """Collects tags and refuses those that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def outline(html):
    parser = Outline()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def line():
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([0, 1], [0, 1])
    return figure


@pytest.fixture(scope="module")
def page():
    return Page(
        "A title",
        "and more",
        headlines=[Headline("Re C9", "4.30 ± 0.18", "Standard Model 4.27")],
        checks=[Check("ranks", True, "p = 0.4"), Check("KL", False, "0.03")],
        sections=[
            Section("First", "One paragraph\nof two lines.\n\nAnother.", figures=[(line(), "A line.")]),
            Section("Second", tables=[Table(["method", "KL"], [["a", "0.1"], ["b", "0.2"]], "Methods.")]),
        ],
        provenance={"neyman": "0.1.0"},
    )


def test_everything_is_there_once_and_well_formed(page):
    found = outline(render(page))
    names = [tag for tag, _ in found.tags]
    assert [names.count(tag) for tag in ("h1", "figure", "img", "table", "tr", "td", "footer")] == [1, 1, 1, 1, 3, 4, 1]
    text = " ".join(" ".join(found.text).split())
    for part in ("4.30 ± 0.18", "One paragraph of two lines.", "A line.", "Methods.", "0.1.0"):
        assert part in text


def test_the_contents_lead_to_the_sections(page):
    found = outline(render(page))
    targets = [attrs["href"].removeprefix("#") for tag, attrs in found.tags if tag == "a"]
    assert targets == ["section-1", "section-2"]
    assert set(targets) <= {attrs.get("id") for _, attrs in found.tags}


def test_figures_are_embedded(page):
    (image,) = [attrs for tag, attrs in outline(render(page)).tags if tag == "img"]
    kind, _, content = image["src"].partition(";base64,")
    assert kind == "data:image/svg+xml"
    assert b"<svg" in base64.b64decode(content)
    assert image["alt"] == "A line."


def test_figures_with_very_many_points_become_pixels():
    figure = Figure()
    figure.subplots().plot(*np.random.default_rng(1).normal(size=(2, 20_000)), "o")
    html = render(Page("t", sections=[Section("s", figures=[(figure, "")])]))
    assert "data:image/png;base64," in html
    assert 'alt="s"' in html


def test_nothing_is_loaded_from_anywhere(page):
    html = render(page)
    assert not re.search(r"https?://|//[a-z]", html)
    assert not re.search(r"<(script|link|iframe|object|embed)|@import|url\(", html)
    assert "default-src 'none'" in html
    for tag, attrs in outline(html).tags:
        assert not any(name.startswith("on") for name in attrs), tag


@pytest.mark.parametrize(
    "place", ["title", "subtitle", "headline", "check", "heading", "text", "caption", "cell", "key"]
)
def test_all_text_is_escaped(place):
    def at(*places):
        return NASTY if place in places else "plain"

    html = render(
        Page(
            at("title"),
            at("subtitle"),
            headlines=[Headline(*[at("headline")] * 3)],
            checks=[Check(at("check"), True, at("check"))],
            sections=[
                Section(at("heading"), at("text"), figures=[(line(), at("caption"))]),
                Section("other", tables=[Table([at("cell")], [[at("cell")]], at("caption"))]),
            ],
            provenance={at("key"): at("key")},
        )
    )
    assert "<script" not in html
    found = outline(html)
    assert [tag for tag, _ in found.tags].count("img") == 1
    shown = found.text + [value for _, attrs in found.tags for value in attrs.values() if value]
    assert any(NASTY in part for part in shown)


@pytest.mark.parametrize(
    ("outcomes", "status", "kind"),
    [([True, True], "all 2 passed", "passed"), ([True, False, False], "2 of 3 failed", "failed")],
)
def test_the_status_is_said_in_words_and_colour(outcomes, status, kind):
    page = Page("t", checks=[Check(f"check {index}", ok) for index, ok in enumerate(outcomes)])
    assert page.passed is all(outcomes)
    html = render(page)
    assert f'<span class="badge {kind}">{status}</span>' in html
    assert html.count("✓ passed") == sum(outcomes)
    assert html.count("✗ failed") == len(outcomes) - sum(outcomes)


def test_an_empty_page_has_no_empty_boxes():
    html = render(Page("only a title"))
    found = outline(html)
    assert not {"nav", "dl", "footer", "table", "figure", "section"} & {tag for tag, _ in found.tags}


def test_the_same_page_gives_the_same_text(page):
    assert render(page) == render(page)


def test_saved_as_utf_8(page, tmp_path):
    save_page(page, tmp_path / "deep" / "report.html")
    assert (tmp_path / "deep" / "report.html").read_text(encoding="utf-8") == render(page)


def test_tables_with_missing_cells_are_refused():
    with pytest.raises(InputError, match="row 1 has 1 cells"):
        Table(["a", "b"], [["1", "2"], ["3"]], "numbers")


def test_a_missing_jinja2_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingDependencyError, match="jinja2"):
        render(Page("t"))
