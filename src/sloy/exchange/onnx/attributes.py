"""The types that ONNX gives to attributes of its operators."""

from __future__ import annotations

from functools import cache
from typing import Any

from sloy.errors import FileFormatError


def check_attributes(package: Any, proto: Any, label: str) -> None:
    """Raise `FileFormatError` where an attribute of a node is of a type that it has in no version of ONNX."""
    kinds = _kinds(package)
    for given in proto.attribute:
        allowed = kinds.get((proto.domain.replace("ai.onnx", ""), proto.op_type, given.name))
        if allowed is not None and given.type not in allowed:
            words = " or ".join(map(package.AttributeProto.AttributeType.Name, sorted(allowed)))
            raise FileFormatError(f"{label}: its attribute `{given.name}` must be {words}.")


@cache
def _kinds(package: Any) -> dict[tuple[str, str, str], set[int]]:
    """(domain, operator, attribute) → types."""
    found: dict[tuple[str, str, str], set[int]] = {}
    for schema in package.defs.get_all_schemas_with_history():
        for name, attribute in schema.attributes.items():
            key = (schema.domain.replace("ai.onnx", ""), schema.name, name)
            found.setdefault(key, set()).add(int(attribute.type.value))
    return found
