"""Whether an unbinned channel names the arrays that its likelihood needs, and names them as files can be named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from neyman.likelihood.workspace.event_arrays import ArrayReference, EventArrays
from neyman.likelihood.workspace.modifiers import NormPlusShapeData
from neyman.likelihood.workspace.problems import Problem, shown
from neyman.likelihood.workspace.unbinned import UnbinnedChannel, event_arrays, references

NUMPY, PARQUET = (".npy",), (".parquet", ".pq")
"""Endings of the names of files that can be read."""


def check_arrays(channel: UnbinnedChannel, path: str) -> Iterator[Problem]:
    """All that is wrong with the arrays of a channel, as far as the document tells.

    Args:
        channel: The channel.
        path: Its JSON path.
    """
    if channel.reference is None and channel.normalise:
        yield Problem(
            path,
            "no 'reference', and so varied densities cannot be normalised",
            "'reference': {'weights': ...}, and the log ratios of its events",
            '"normalise": false, at your own risk: a fit may end far from the truth',
        )
    referred = channel.reference is not None
    for s, sample in enumerate(channel.samples):
        here = f"{path}.samples[{s}]"
        for m, modifier in enumerate(sample.modifiers):
            if modifier.type == "normplusshape":
                yield from _check_shape(modifier.data, f"{here}.modifiers[{m}].data")
    for where, both in event_arrays(channel, path):
        yield from _check_events(both, where, referred=referred)
    for each in references(channel, path):
        yield from _check_file(each.reference, each.path)


def _check_shape(data: NormPlusShapeData, path: str) -> Iterator[Problem]:
    sides = {"hi_log_ratio": data.hi_log_ratio, "lo_log_ratio": data.lo_log_ratio}
    given = [key for key, arrays in sides.items() if arrays]
    if len(given) == 1:
        (missing,) = sides.keys() - set(given)
        hint = "a shape that does not change at one side has a log ratio too: zeros, if to the nominal density"
        yield Problem(path, f"no '{missing}', but '{given[0]}'", "both, or none", hint)
    if data.relative_to and not given:
        found = f"no log ratios that could be relative to the {data.relative_to} density"
        yield Problem(f"{path}.relative_to", found, "keys hi_log_ratio, lo_log_ratio")


def _check_events(arrays: EventArrays, path: str, *, referred: bool) -> Iterator[Problem]:
    if referred and arrays.reference is None:
        yield Problem(path, "no key 'reference'", "keys observed, reference: the channel has reference events")
    if arrays.reference and not referred:
        yield Problem(
            f"{path}.reference", "reference events, of which the channel has none", "'reference' in the channel"
        )


def _check_file(reference: ArrayReference, path: str) -> Iterator[Problem]:
    ending = PurePath(reference.path).suffix.lower()
    if ending not in NUMPY + PARQUET or not reference.path.isprintable():
        yield Problem(f"{path}.path", f"found {shown(reference.path)}", f"a file {', '.join(NUMPY + PARQUET)}")
    elif ending in PARQUET and reference.column is None:
        yield Problem(path, "no key 'column'", "the name of a column of the Parquet file")
    elif ending in NUMPY and reference.column is not None:
        expected = "no such key: a .npy file is a single array"
        yield Problem(f"{path}.column", f"found {shown(reference.column)}", expected)
