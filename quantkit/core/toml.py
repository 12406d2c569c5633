"""TOML, which Python reads itself from 3.11 on."""

from __future__ import annotations

import importlib
import sys
from typing import Any

_reader: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")


def parsed(content: bytes) -> dict[str, Any]:
    """The tables and values of a TOML document.

    Raises:
        ValueError: not UTF-8, not TOML, or nested too deeply; its text says where.

    >>> parsed(b'name = "digits"')
    {'name': 'digits'}
    """
    try:
        document: dict[str, Any] = _reader.loads(content.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return document
