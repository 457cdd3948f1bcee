"""What the benchmarks share: pages have the tables of the committed numbers, and what was asked for is written."""

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    "validate_abcd": ("abcd", "abcd-toy"),
    "validate_anomaly_collisions": ("anomaly", "anomaly"),
    "validate_calibration": ("calibration", "calibration"),
    "validate_calibration_shapes": ("calibration", "calibration-shapes"),
    "validate_posterior": ("posterior", "posterior"),
}


@pytest.fixture(scope="module")
def scripts():
    """Imported once, and not in a test: JAX draws from NumPy's global stream while it loads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        return {name: importlib.import_module(name) for name in ("reporting", *PAGES)}


@pytest.fixture(scope="module")
def reporting(scripts):
    return scripts["reporting"]


@pytest.mark.parametrize(("script", "page", "numbers"), [(script, *files) for script, files in PAGES.items()])
def test_pages_have_the_committed_numbers(scripts, script, page, numbers):
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    report = json.loads((ROOT / "docs" / "validation" / f"{numbers}.json").read_text(encoding="utf-8"))
    assert scripts[script].with_results(text, report) == text


def test_lines_go_between_the_markers_of_their_name(reporting):
    page = "a\n<!-- results -->\nold\n<!-- end of results -->\nb\n<!-- shapes -->\nold\n<!-- end of shapes -->\nc\n"
    found = reporting.between_markers(page, ["new", "er"], "shapes")
    assert found == page[: page.index("<!-- shapes -->")] + "<!-- shapes -->\n\nnew\ner\n\n<!-- end of shapes -->\nc\n"


@pytest.mark.parametrize("options", [[], ["--json"], ["--docs"], ["--json", "--docs"]])
def test_what_was_asked_for_is_written(reporting, tmp_path, options):
    files = {"--json": tmp_path / "found.json", "--docs": tmp_path / "page.md"}
    files["--docs"].write_text("old µ", encoding="utf-8")
    words = [word for option in options for word in (option, str(files[option]))]
    asked = reporting.validation_options("What it is.").parse_args(words)
    report = {"μ": 1.5}
    reporting.publish(report, asked, None)
    assert files["--docs"].read_text(encoding="utf-8") == "old µ"
    reporting.publish(report, asked, lambda page, numbers: f"{page} and {numbers['μ']}")
    expected = "old µ and 1.5" if "--docs" in options else "old µ"
    assert files["--docs"].read_text(encoding="utf-8") == expected
    assert files["--json"].exists() == ("--json" in options)
    if "--json" in options:
        assert json.loads(files["--json"].read_text(encoding="utf-8")) == report


@pytest.mark.parametrize(("options", "lines"), [([], 3), (["--json"], 1)])
def test_json_is_one_line(reporting, capsys, options, lines):
    reporting.show({"mu": 1.5}, reporting.speed_options("What it is.").parse_args(options))
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"mu": 1.5}
    assert len(shown.splitlines()) == lines


def test_numbers_say_where_they_come_from(reporting):
    found = reporting.origin("python benchmarks/abcd.py", iminuit="2.30")
    assert found["command"] == "python benchmarks/abcd.py"
    assert found.keys() == {"command", "commit", "versions"}
    assert found["versions"]["iminuit"] == "2.30"
    assert "numpy" in found["versions"]
