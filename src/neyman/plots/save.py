"""Figures into files and bytes, the same bytes for the same figure."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import matplotlib as mpl
from matplotlib.figure import Figure

from neyman.core.errors import InputError
from neyman.core.files import replacing

Format = Literal["png", "pdf", "svg"]
FORMATS: dict[str, Format] = {".png": "png", ".pdf": "pdf", ".svg": "svg"}
DOTS = 150  # per inch


def figure_bytes(figure: Figure, form: Format) -> bytes:
    """The figure as a PNG, PDF or SVG file, without dates or random names inside."""
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[form]
    buffer = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()  # some settings are read when a figure is drawn, and other libraries change them
        mpl.rcParams.update({"svg.hashsalt": "neyman", "svg.fonttype": "path"})
        figure.savefig(buffer, format=form, dpi=DOTS, metadata=metadata)
    return buffer.getvalue()


def format_of(path: Path | str) -> Format:
    """The format that the suffix of a path names; ask before a figure takes long to make.

    Raises:
        InputError: If the suffix is not .png, .pdf or .svg.

    Examples:
        >>> format_of("limit.pdf")
        'pdf'
    """
    suffix = Path(path).suffix
    if suffix not in FORMATS:
        raise InputError(f"figure file ends in '{suffix}'", where=str(path), expected=".png, .pdf or .svg")
    return FORMATS[suffix]


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure atomically, in the format that the suffix of the path names.

    Raises:
        InputError: If the suffix is not .png, .pdf or .svg.
    """
    form = format_of(path)
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(figure_bytes(figure, form))
