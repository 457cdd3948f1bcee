"""What docstrings say of attributes, in JSON schemas: editors show it, and so does the document of a service."""

from __future__ import annotations

import inspect
import re
from typing import Any


def describe(schema: dict[str, Any], model: type[Any]) -> None:
    """What the docstring says of each attribute goes to the attribute, where editors look for it.

    Examples:
        >>> class Hole:
        ...     '''Where it is deep.
        ...
        ...     Attributes:
        ...         depth: In metres.
        ...     '''
        >>> schema = {"properties": {"depth": {}}}
        >>> describe(schema, Hole)
        >>> schema
        {'properties': {'depth': {'description': 'In metres.'}}, 'description': 'Where it is deep.'}
    """
    schema["description"] = inspect.cleandoc(model.__doc__ or "").partition("\n\nAttributes:")[0]
    for each in reversed(model.__mro__):
        _, _, attributes = inspect.cleandoc(each.__doc__ or "").partition("\n\nAttributes:\n")
        for name, text in re.findall(r"^    (\w+): (.+(?:\n {8}.*)*)", attributes, re.MULTILINE):
            if name in schema.get("properties", {}):
                schema["properties"][name]["description"] = " ".join(text.split())
