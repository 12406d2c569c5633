"""Sources that are made of another source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quantkit.core.ports import BatchSource


@dataclass(frozen=True, slots=True, repr=False)
class Derived:
    """As large as the source that it is made of, prepared and called in the same way; a subclass says what it yields.

    Args:
        source: where the samples come from.
    """

    source: BatchSource

    @property
    def size(self) -> int | None:
        """Samples in one pass, where the source knows it."""
        return self.source.size

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """What was done to each sample."""
        return self.source.preprocessing

    def __str__(self) -> str:
        return str(self.source)

    def __repr__(self) -> str:
        return repr(self.source)
