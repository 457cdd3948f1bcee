"""What the scripts beside this file share: their options, where numbers come from, and tables in pages of the docs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neyman.core.files import write_json, write_text
from neyman.core.provenance import commit, versions


def speed_options(doc: str, *, small: str = "--reduced", words: str = "the size that CI runs"):
    """The options of a script that measures speed."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    parser.add_argument(small, action="store_true", help=words)
    return parser


def validation_options(doc: str, *, words: str = "the size that tests run"):
    """The options of a script that makes the tables of a page."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--docs", type=Path, help="write the tables into this page, between its markers")
    parser.add_argument("--reduced", action="store_true", help=words)
    return parser


def origin(command: str, **others: str) -> dict[str, Any]:
    """Where numbers come from; to be asked before hours of work, in which the checkout may move on.

    Args:
        command: What makes them.
        others: Versions of libraries that are compared with.
    """
    return {"command": command, "commit": commit(), "versions": versions() | others}


def publish(
    report: Mapping[str, Any], asked: argparse.Namespace, with_results: Callable[[str, Mapping[str, Any]], str] | None
) -> None:
    """Write the JSON, and the page with its tables, as far as they were asked for.

    Args:
        report: All numbers.
        asked: The options.
        with_results: A page with the tables; None if there is nothing to put into one yet.
    """
    if asked.json:
        write_json(asked.json, report)
    if asked.docs and with_results is not None:
        write_text(asked.docs, with_results(asked.docs.read_text(encoding="utf-8"), report))


def between_markers(page: str, lines: Sequence[str], name: str = "results") -> str:
    """A page with lines in place of those between its two markers."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    head, _, rest = page.partition(begin)
    return "\n".join([head + begin, "", *lines, "", end + rest.partition(end)[2]])


def show(report: Mapping[str, Any], asked: argparse.Namespace) -> None:
    """Print the numbers: on one line for a program, on many for people."""
    print(json.dumps(report, indent=None if asked.json else 2))
