"""Attributes of a node as plain values."""

from __future__ import annotations

from typing import TypeVar

import onnx
from onnx import NodeProto

_Number = TypeVar("_Number", int, float)


def number(node: NodeProto, name: str, default: _Number) -> _Number:
    """The attribute `name` of `node`, or what the operator's definition says where it is left out."""
    for attribute in node.attribute:
        if attribute.name == name:
            return type(default)(onnx.helper.get_attribute_value(attribute))
    return default


def text(node: NodeProto, name: str, default: str) -> str:
    """The same for an attribute that holds a word."""
    for attribute in node.attribute:
        if attribute.name == name:
            return attribute.s.decode(errors="replace")
    return default


def replace(node: NodeProto, name: str, value: str | float) -> None:
    """Sets the attribute `name`."""
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, onnx.helper.make_attribute(name, value)])
