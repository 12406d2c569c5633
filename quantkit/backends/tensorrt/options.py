"""How an engine is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from quantkit.core.artifact import shape_text
from quantkit.core.errors import UsageError

Shape: TypeAlias = tuple[int, ...]

Precision: TypeAlias = Literal["auto", "fp32", "fp16", "int8"]
Rest: TypeAlias = Literal["fp16", "fp32"]
Verbosity: TypeAlias = Literal["detailed", "layer_names_only", "none"]
Algorithm: TypeAlias = Literal["max", "entropy", "entropy-1", "percentile"]
"""TensorRT's own calibrators, by the rules that they follow."""

# TensorRT's own default is all memory of the device; an engine that is timed beside others needs less.
DEFAULT_BATCH = 32


@dataclass(frozen=True, slots=True)
class Profile:
    """The shapes of one input that an engine takes: from `smallest` to `largest`, fastest at `usual`.

    trtexec calls them minShapes, optShapes and maxShapes.

    >>> Profile.fixed((8, 3, 32, 32)).holds((4, 3, 32, 32))
    False
    >>> Profile((2,), (1,), (4,))
    Traceback (most recent call last):
    quantkit.core.errors.UsageError: error[QK1061]: a profile must grow from smallest to largest, got 2, 1, 4
    hint:  give --min-shapes, --opt-shapes and --max-shapes in ascending order
    """

    smallest: Shape
    usual: Shape
    largest: Shape

    def __post_init__(self) -> None:
        """Refuses shapes of different rank or the wrong order."""
        ranks = {len(self.smallest), len(self.usual), len(self.largest)}
        sizes = zip(self.smallest, self.usual, self.largest, strict=False)
        if len(ranks) > 1 or not all(0 <= low <= middle <= high for low, middle, high in sizes):
            raise UsageError(
                "QK1061",
                f"a profile must grow from smallest to largest, got {self.described(', ')}",
                hints=["give --min-shapes, --opt-shapes and --max-shapes in ascending order"],
            )

    @classmethod
    def fixed(cls, shape: Shape) -> Profile:
        """One shape only."""
        return cls(shape, shape, shape)

    def holds(self, shape: Shape) -> bool:
        """Whether an engine with this profile takes `shape`."""
        return len(shape) == len(self.smallest) and all(
            low <= size <= high for low, size, high in zip(self.smallest, shape, self.largest, strict=True)
        )

    def described(self, between: str = " … ") -> str:
        """The three shapes, each once."""
        return between.join(dict.fromkeys(shape_text(shape) for shape in (self.smallest, self.usual, self.largest)))


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How an engine is built.

    Args:
        precision: ``"fp32"`` clears TF32, so that it can serve as a reference; ``"fp16"``; ``"int8"``; ``"auto"`` is
            int8 for a model with Q/DQ nodes, fp16 for one that has such types, and fp32 for any other.
        rest: what an int8 engine may use where int8 is slower or has no scale. With ``"fp32"`` such an engine is
            usually slower than an fp16 one. Allowed by a flag, or, where types come from the model, by Casts in it.
        profiles: input name → shapes, for inputs with free dimensions; one whose only free dimension is the batch
            takes 1 to `batch` samples unless it is listed.
        batch: the usual and the largest batch of such inputs.
        workspace_bytes: most GPU memory that a layer may use while it runs; ``None`` sets no limit.
        timing_runs: how often each kernel is timed; more take longer, and choose the faster one more surely.
        timing_cache: a file that measured kernel times are read from and written to; later builds are much faster.
        strongly_typed: take every type from the model (TensorRT 10; version 11 always does). What `precision` and
            `rest` ask for is then put into the model, unless it has types of 16 bits already.
        dla_core: run on this deep learning accelerator, and on the GPU what it cannot.
        tactic_sources: names of TensorRT's `TacticSource` to use; ``None`` takes the defaults without those whose
            library is missing.
        profiling_verbosity: what the engine tells of itself to whoever has the plan; anything but ``"detailed"`` leaves
            unknown what runs in int8.
        threads: host threads that a build may use; ``None`` leaves TensorRT's default.
    """

    precision: Precision = "auto"
    rest: Rest = "fp16"
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    batch: int = DEFAULT_BATCH
    workspace_bytes: int | None = None
    timing_runs: int = 1
    timing_cache: Path | None = None
    strongly_typed: bool = False
    dla_core: int | None = None
    tactic_sources: tuple[str, ...] | None = None
    profiling_verbosity: Verbosity = "detailed"
    threads: int | None = None

    def record(self) -> dict[str, Any]:
        """What of it shapes the engine, as JSON values."""
        return {
            "precision": self.precision,
            "rest": self.rest,
            "profiles": {name: profile.described() for name, profile in sorted(self.profiles.items())},
            "batch": self.batch,
            "workspace_bytes": self.workspace_bytes,
            "timing_runs": self.timing_runs,
            "strongly_typed": self.strongly_typed,
            "dla_core": self.dla_core,
            "profiling_verbosity": self.profiling_verbosity,
        }


def profile_for(name: str, shape: Shape, options: BuildOptions) -> Profile:
    """The shapes that an engine takes at an input whose model shape is `shape`, −1 where it is free.

    >>> profile_for("x", (-1, 3), BuildOptions(batch=8)).described()
    '1x3 … 8x3'

    Raises:
        UsageError: a dimension besides the batch is free and no profile says anything, or a profile does not fit.
    """
    given = options.profiles.get(name)
    if given is None:
        return _by_batch(name, shape, options.batch)
    fits = len(given.usual) == len(shape) and all(
        free == -1 or free == low == high for free, low, high in zip(shape, given.smallest, given.largest, strict=True)
    )
    if not fits:
        raise UsageError(
            "QK1062",
            f"input {name!r} is {_asked(shape)}, which {given.described()} does not fit",
            where=name,
            hints=[f"--shapes {name}:{_asked(shape, example=32)}"],
        )
    return given


def _by_batch(name: str, shape: Shape, batch: int) -> Profile:
    if -1 in shape[1:]:
        raise UsageError(
            "QK1063",
            f"input {name!r} is {_asked(shape)}: TensorRT has to know how large it gets",
            where=name,
            hints=[f"--shapes {name}:{_asked(shape, example=32)}, with the sizes that you will use"],
        )
    if -1 not in shape:
        return Profile.fixed(shape)
    return Profile((1, *shape[1:]), (batch, *shape[1:]), (batch, *shape[1:]))


def _asked(shape: Shape, example: int | None = None) -> str:
    """A model's shape with ``?``, or an example, where it is free."""
    return "x".join(str(example or "?") if size == -1 else str(size) for size in shape) or "scalar"
