"""A Griffe extension: the types of numpydoc's sections as they are written, and the defaults of the signature.

Griffe reads types as Python expressions where it can, and then shows ``str, Path or None`` as a tuple. It takes None
for the default of whatever is optional.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_TYPED = re.compile(r"^(\**\w+(?:, \**\w+)*) : (.+)$", re.MULTILINE)
_RESULTS = re.compile(r"^(?:Returns|Yields)\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", re.MULTILINE | re.DOTALL)
_NAMED = (griffe.DocstringSectionKind.parameters, griffe.DocstringSectionKind.attributes)
_UNNAMED = (griffe.DocstringSectionKind.returns, griffe.DocstringSectionKind.yields)


class NumpydocTypes(griffe.Extension):
    """Gives parameters, attributes and results the text of their types."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Set the types of the sections of an object's docstring."""
        if obj.docstring is None:
            return
        text = obj.docstring.value
        types = {name: kind for names, kind in _TYPED.findall(text) for name in names.split(", ")}
        results = [
            line for body in _RESULTS.findall(text) for line in body.splitlines() if re.match(r"\S", line)
        ]
        for section in obj.docstring.parsed:
            if section.kind in _NAMED:
                for item in section.value:
                    name = item.name.lstrip("*")
                    signed = obj.parameters[name] if obj.is_function and name in obj.parameters else None
                    written = types.get(item.name, "").removesuffix("optional").removesuffix(", ")
                    if written:
                        item.annotation = written
                    elif signed is not None:
                        item.annotation = signed.annotation
                    if signed is not None:
                        item.value = signed.default
            elif section.kind in _UNNAMED:
                for item, line in zip(section.value, results, strict=False):
                    item.annotation = line.partition(" : ")[2] or line
