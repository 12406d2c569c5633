"""The one kind of error that leaves quantkit: what happened, where, why, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit status of every command; stable, so that a CI job may branch on it."""

    OK = 0
    GATE_FAILED = 1
    USAGE = 2
    INPUT = 3
    ENVIRONMENT = 4
    TOO_LITTLE = 5
    INTERNAL = 70
    INTERRUPTED = 130
    TERMINATED = 143


class QuantkitError(Exception):
    """Something the user can act on.

    Args:
        code: stable identifier, ``QK`` and four digits; docs/errors.md lists them all.
        title: one sentence that names the thing and the value.
        where: the file, tensor or flag it concerns.
        cause: why it is refused, when the title does not say it already.
        hints: what to do next, most likely remedy first; a command that can be pasted where there is one.

    >>> error = DataError("QK2101", "0 calibration samples", where="calib/", hints=["accepted: .jpg, .png"])
    >>> print(error)
    error[QK2101]: 0 calibration samples
      --> calib/
    hint:  accepted: .jpg, .png
    >>> int(error.exit_code)
    3
    """

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(
        self,
        code: str,
        title: str,
        *,
        where: str | None = None,
        cause: str | None = None,
        hints: Iterable[str] = (),
    ) -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.where = where
        self.cause = cause
        self.hints = tuple(hints)

    @property
    def docs(self) -> str:
        """Where the code is explained."""
        return f"docs/errors.md#{self.code.lower()}"

    def located(self, where: str) -> QuantkitError:
        """The same error with the place it concerns, for a stage that knows the file or tensor; kept if set."""
        if self.where is None:
            self.where = where
        return self

    def within(self, file: str) -> QuantkitError:
        """The same error with the file that holds the place it concerns, for a stage that knows the file."""
        if self.where is None or file not in self.where:
            self.where = file if self.where is None else f"{file}, {self.where}"
        return self

    def __str__(self) -> str:
        lines = [f"error[{self.code}]: {self.title}"]
        if self.where:
            lines.append(f"  --> {self.where}")
        if self.cause:
            lines.append(f"cause: {self.cause}")
        lines.extend(f"hint:  {hint}" for hint in self.hints)
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (type(self), self.code, self.title, self.where, self.cause, self.hints)


def _rebuilt(
    kind: type[QuantkitError],
    code: str,
    title: str,
    where: str | None,
    cause: str | None,
    hints: tuple[str, ...],
) -> QuantkitError:
    return kind(code, title, where=where, cause=cause, hints=hints)


class UsageError(QuantkitError):
    """A flag, an option or an argument is wrong: QK1xxx."""

    exit_code = ExitCode.USAGE


class InputError(QuantkitError):
    """Something that was read is refused; raised as one of its three kinds."""

    exit_code = ExitCode.INPUT


class DataError(InputError):
    """Calibration or evaluation data is refused: QK2xxx."""


class ModelError(InputError):
    """A model file is refused: QK30xx, unsafe external data QK31xx."""


class ArtifactError(InputError):
    """Saved statistics, a calibration, a cache or a run is refused: QK32xx."""


class SetupError(QuantkitError):
    """A package, a device, a permission or disk space is missing: QK4xxx."""

    exit_code = ExitCode.ENVIRONMENT


class OutOfMemoryError(SetupError):
    """The memory of the machine, or of its GPU, does not hold a batch: QK4022, QK4151."""


class GateError(QuantkitError):
    """A regression is shown: QK60xx."""

    exit_code = ExitCode.GATE_FAILED


class TooLittleError(QuantkitError):
    """Nothing, or too little, was evaluated to say anything: QK5xxx."""

    exit_code = ExitCode.TOO_LITTLE


class InternalError(QuantkitError):
    """A defect of quantkit itself: QK9xxx."""
