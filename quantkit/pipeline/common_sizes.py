"""The batches that all models of a comparison take: plans are built for some sizes, and models are open to many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from quantkit.backends.tensorrt.options import Profile, Shape
from quantkit.core.artifact import TensorSpec, shape_text
from quantkit.core.errors import ModelError, UsageError
from quantkit.core.text import printable
from quantkit.data.inputs import fixed
from quantkit.graph.model import Model

if TYPE_CHECKING:
    from quantkit.backends.tensorrt.runtime import TensorRtEngine

# What a free dimension may be at most: TensorRT counts in int32.
_FREE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken as an input: NumPy's name of the type, and the shapes."""

    dtype: str
    shapes: Profile


Takes: TypeAlias = Mapping[str, Taken]
"""Input → what is taken."""


def of_model(model: Model) -> dict[str, Taken]:
    """What an engine of `model` could take; a size that is free may be anything."""
    return {spec.name: Taken(spec.dtype, _profile(spec)) for spec in model.inputs}


def of_engine(engine: TensorRtEngine) -> dict[str, Taken]:
    """What `engine` was built for."""
    return {binding.name: Taken(str(binding.dtype), binding.profile) for binding in engine.inputs if binding.profile}


def common(takes: Mapping[str, Takes]) -> dict[str, Taken]:
    """What all take, whose inputs are the same; types are those of the first.

    Args:
        takes: model → its inputs.

    Raises:
        ModelError: there is no size that all of them take; names them with theirs.
    """
    first = next(iter(takes.values()))
    return {name: replace(taken, shapes=_shared(name, _by_model(takes, name))) for name, taken in first.items()}


def with_batch(takes: Takes, asked: int | None) -> dict[str, Taken]:
    """The same, with the batch that is `asked` for, or else the usual one, as the usual one of every input.

    Raises:
        UsageError: that batch is not among those that are taken.
    """
    if not batched(takes):
        return dict(takes)
    shapes = next(iter(takes.values())).shapes
    low, usual, high = shapes.smallest[0], shapes.usual[0], shapes.largest[0]
    batch = usual if asked is None else asked
    if not low <= batch <= high:
        span = str(low) if low == high else f"{low} to {high}"
        raise UsageError(
            "QK1095",
            f"--batch-size {batch}, and the plans take {span} samples at a time",
            hints=[f"--batch-size {usual}", "leave it out"],
        )
    return {name: replace(taken, shapes=_at_batch(taken.shapes, batch)) for name, taken in takes.items()}


def batched(takes: Takes) -> bool:
    """Whether axis 0 counts samples: every input has it, with the same sizes."""
    ends = {(taken.shapes.smallest[:1], taken.shapes.largest[:1]) for taken in takes.values()}
    return len(ends) == 1 and ends != {((), ())}


def specs(takes: Takes, *, fixed_batch: bool) -> tuple[TensorSpec, ...]:
    """What data has to look like.

    Args:
        takes: what is taken.
        fixed_batch: some model insists on its number of samples; a plan does not, as short batches are filled up.
    """
    free_batch = batched(takes) and not fixed_batch
    found = []
    for name, taken in takes.items():
        ends = zip(taken.shapes.smallest, taken.shapes.largest, strict=True)
        shape: list[int | None] = [low if low == high else None for low, high in ends]
        found.append(TensorSpec(name, taken.dtype, tuple([None, *shape[1:]] if free_batch else shape)))
    return tuple(found)


def _profile(spec: TensorSpec) -> Profile:
    sizes = [fixed(size) for size in spec.shape]
    low = tuple(size or 1 for size in sizes)
    return Profile(low, low, tuple(size or _FREE for size in sizes))


def _by_model(takes: Mapping[str, Takes], name: str) -> dict[str, Profile]:
    return {model: inputs[name].shapes for model, inputs in takes.items()}


def _shared(name: str, shapes: Mapping[str, Profile]) -> Profile:
    """The profile inside all of them; it is usually what is the least of their usual sizes."""
    ranks = {len(profile.smallest) for profile in shapes.values()}
    low = _each(max, [profile.smallest for profile in shapes.values()])
    high = _each(min, [profile.largest for profile in shapes.values()])
    if len(ranks) > 1 or any(least > most for least, most in zip(low, high, strict=True)):
        listed = "; ".join(f"{printable(model)} takes {_told(profile)}" for model, profile in shapes.items())
        raise ModelError(
            "QK3083",
            f"input {printable(name)!r}: the models take no batch in common",
            where=name,
            cause=listed,
            hints=["build the plans with the same --shapes, or --min-shapes and --max-shapes that overlap"],
        )
    built = [profile for profile in shapes.values() if _FREE not in profile.largest] or list(shapes.values())
    usual = _each(min, [profile.usual for profile in built])
    return Profile(low, tuple(map(_within, low, usual, high)), high)


def _each(pick: Callable[[tuple[int, ...]], int], shapes: Sequence[Shape]) -> Shape:
    return tuple(pick(sizes) for sizes in zip(*shapes, strict=False))


def _within(low: int, size: int, high: int) -> int:
    return min(max(low, size), high)


def _at_batch(shapes: Profile, batch: int) -> Profile:
    return replace(shapes, usual=(batch, *shapes.usual[1:]))


def _told(profile: Profile) -> str:
    ends = (profile.smallest, profile.largest)
    texts = [shape_text(shape).replace(str(_FREE), "?") for shape in ends]
    return texts[1] if "?" in texts[1] else " … ".join(dict.fromkeys(texts))
