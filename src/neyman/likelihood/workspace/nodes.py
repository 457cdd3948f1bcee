"""What the parts of a workspace are made of: numbers that stay as they were written, names, keys that are known."""

from __future__ import annotations

import numbers
import sys
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, PlainSerializer, PlainValidator, StrictStr, field_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from neyman.core.config import Config


def number(value: Any) -> int | float:  # noqa: ANN401 - whatever stands in the document
    """A finite number as it was written: 1 stays 1 and 1.0 stays 1.0, on which pyhf's digests depend."""
    plain: int | float
    if type(value) is float:  # most are, and the question of what else is a number takes longer
        plain = value
    elif isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError("a number")
    else:
        plain = int(value) if isinstance(value, numbers.Integral) else float(value)
    if not -MOST <= plain <= MOST:
        raise ValueError("a finite number")
    return plain


MOST = sys.float_info.max
# The serialiser changes nothing; without it pydantic finds out the type of each number, which takes ten times as long.
Number = Annotated[
    int | float, PlainValidator(number, json_schema_input_type=float), PlainSerializer(lambda value: value)
]
Numbers = Annotated[tuple[Number, ...], Field(min_length=1)]
Name = Annotated[StrictStr, Field(min_length=1)]
Power = Annotated[int, Field(strict=True, ge=0)]


class Node(Config):
    """Base of all parts of a document: frozen, and a key that it does not know is an error."""


class Sparse(Node):
    """Base of parts with keys that may be absent, but not null."""

    @field_validator("*", mode="before")
    @classmethod
    def _absent_is_not_null(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the document
        if value is None:
            raise ValueError("a value, or no such key")
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The JSON schema, in which what may be absent is not null either."""
        schema = handler(core_schema)
        for entry in handler.resolve_ref_schema(schema).get("properties", {}).values():
            if {"type": "null"} in entry.get("anyOf", ()):
                entry.update(entry.pop("anyOf")[0])
                del entry["default"]
        return schema
