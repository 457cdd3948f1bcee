"""How a document names arrays that are too long for JSON: the file, its hash, the column in it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StrictStr, WithJsonSchema

from neyman.likelihood.workspace.nodes import Name, Sparse

HASH = "[0-9a-fA-F]{64}"


def _hash(text: str) -> str:
    if not re.fullmatch(HASH, text):
        raise ValueError("64 hexadecimal digits")
    return text


Hash = Annotated[StrictStr, AfterValidator(_hash), WithJsonSchema({"type": "string", "pattern": f"^{HASH}$"})]


class ArrayReference(Sparse):
    """One number for each event: a `.npy` file, or a column of a Parquet file.

    Attributes:
        path: The file; a relative path starts from the folder of the workspace.
        sha256: Hash of the whole file, checked when it is read.
        column: The column, of a Parquet file.
    """

    path: Name
    sha256: Hash | None = None
    column: Name | None = None


class EventArrays(Sparse):
    """A function of an event, at all events of a channel.

    Attributes:
        observed: Its values at the observed events.
        reference: Its values at the reference events.
    """

    observed: ArrayReference
    reference: ArrayReference | None = None
