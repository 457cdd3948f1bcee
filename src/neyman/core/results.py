"""Results: frozen, read back from their own JSON, and naming what they came from."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from neyman.core.errors import InputError
from neyman.core.files import finite, read_json, write_text

ResultT = TypeVar("ResultT", bound="Result")  # not `Self`, which beartype does not resolve on a single method


def _null_is_nan(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the JSON
    return math.nan if value is None else value


Number = Annotated[float, BeforeValidator(_null_is_nan)]
"""A number that may have been infinite or none: JSON has null for both, which is read as NaN."""


class Part(BaseModel):
    """Base of what results are made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Result(BaseModel):
    """Base of all results. Each has a `schema_version`, raised when a field changes its meaning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = 1

    def to_json(self) -> str:
        """One JSON object; a number that is not finite becomes null."""
        return json.dumps(finite(self.model_dump(mode="python")), indent=2, ensure_ascii=False)

    def save(self, path: Path | str) -> None:
        """Write the JSON atomically."""
        write_text(Path(path), self.to_json() + "\n")

    @classmethod
    def load(cls: type[ResultT], path: Path | str) -> ResultT:
        """Read the JSON that `save` wrote.

        Raises:
            InputError: If the file is absent or holds something else.
        """
        try:
            return cls.model_validate(read_json(Path(path)))
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            place = "$." + ".".join(str(part) for part in detail["loc"])
            raise InputError(f"not a {cls.__name__}: {detail['msg']}", where=f"{path}: {place}") from error
