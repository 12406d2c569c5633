"""What is told while engines are built, which takes seconds to minutes each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

BuildProgress: TypeAlias = Callable[[str], None]
"""Told what a build is doing, in a few words; called from any thread."""


def titled(progress: BuildProgress | None, title: str) -> BuildProgress | None:
    """`progress`, told beforehand which of several builds it is; ``None`` where nobody listens.

    >>> told = titled(print, "engine 2 of 3")
    >>> told and told("building the fp16 engine: 11 s")
    engine 2 of 3: building the fp16 engine: 11 s
    """
    if progress is None:
        return None
    return lambda text: progress(f"{title}: {text}")
