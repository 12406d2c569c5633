"""Sizes for free dimensions: put into a model, and asked for where they are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain

from onnx import ModelProto, ValueInfoProto

from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import UsageError
from quantkit.core.plugins import did_you_mean
from quantkit.graph.editing.draft import Draft
from quantkit.graph.model import Model

_LARGEST = 2**31 - 1


def with_shapes(model: Model, shapes: Mapping[str, Iterable[int]]) -> Model:
    """`model` with the sizes of some inputs fixed; a dimension of the same name elsewhere becomes the same size.

    The digest stays: graph and weights are the same.

    Raises:
        UsageError: no such input, another rank, a size that the model fixes otherwise, or one name with two sizes.
    """
    specs = {spec.name: spec for spec in model.inputs}
    wanted = {name: tuple(shape) for name, shape in shapes.items()}
    named: dict[str, int] = {}
    for name, shape in wanted.items():
        for size, dimension in zip(shape, _fitting(specs, name, shape), strict=True):
            if isinstance(dimension, str) and named.setdefault(dimension, size) != size:
                raise UsageError(
                    "QK1043",
                    f"--shapes gives dimension {dimension!r} two sizes: {named[dimension]} and {size}",
                    where=name,
                    hints=["inputs that name the same dimension have to agree on it"],
                )
    draft = Draft.of(model.proto, model.folder)
    _fix(draft.proto, wanted, named)
    return replace(model, proto=draft.whole())


def refuse_free(inputs: Iterable[TensorSpec], *, batch_axis: int | None = 0) -> None:
    """For callers that know only the model: every size but that of the batch has to be fixed.

    Raises:
        UsageError: some are free; prints the option that fixes them.
    """
    specs = list(inputs)
    free = [spec for spec in specs if any(not isinstance(size, int) for size in _without(spec.shape, batch_axis))]
    if free:
        raise UsageError(
            "QK1044",
            f"{len(free)} of the model's inputs have free dimensions that the data does not decide",
            where=", ".join(str(spec) for spec in free),
            hints=[f"add {suggestion(free)} with your own sizes"],
        )


def suggestion(inputs: Iterable[TensorSpec]) -> str:
    """The ``--shapes`` option that fixes `inputs`; a batch of 1, sides of 224, other free sizes 1.

    >>> suggestion([TensorSpec("x", "float32", ("N", 3, "height", "width")), TensorSpec("ids", "int64", (1, None))])
    '--shapes x:1x3x224x224,ids:1x1'
    """
    return "--shapes " + ",".join(f"{spec.name}:{'x'.join(_guesses(spec.shape))}" for spec in inputs)


def _guesses(shape: tuple[int | str | None, ...]) -> list[str]:
    image = len(shape) == 4
    free = [224 if image and axis > 0 else 1 for axis in range(len(shape))]
    return [str(size if isinstance(size, int) else guess) for size, guess in zip(shape, free, strict=True)]


def _without(shape: tuple[int | str | None, ...], axis: int | None) -> list[int | str | None]:
    return [size for place, size in enumerate(shape) if place != axis]


def _fitting(specs: Mapping[str, TensorSpec], name: str, shape: tuple[int, ...]) -> tuple[int | str | None, ...]:
    """The dimensions that the model states for input `name`, if `shape` agrees with them."""
    if name not in specs:
        hints = [*did_you_mean(name, sorted(specs)), f"the model's inputs: {', '.join(str(s) for s in specs.values())}"]
        raise UsageError("QK1042", f"--shapes: the model has no input {name!r}", where=name, hints=hints)
    stated = specs[name].shape
    agree = len(stated) == len(shape) and all(
        1 <= size <= _LARGEST and (size == fixed or not isinstance(fixed, int))
        for size, fixed in zip(shape, stated, strict=True)
    )
    if not agree:
        wanted = "x".join(str(size) for size in shape)
        raise UsageError(
            "QK1043",
            f"--shapes: {name}:{wanted} contradicts the model's {specs[name]}",
            where=name,
            hints=[f"only free dimensions can be given a size: {suggestion([specs[name]])}"],
        )
    return stated


def _fix(proto: ModelProto, shapes: Mapping[str, tuple[int, ...]], named: Mapping[str, int]) -> None:
    for value in proto.graph.input:
        for dimension, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False):
            dimension.dim_value = size
    for value in chain(proto.graph.input, proto.graph.output, proto.graph.value_info):
        _fix_named(value, named)


def _fix_named(value: ValueInfoProto, named: Mapping[str, int]) -> None:
    for dimension in value.type.tensor_type.shape.dim:
        if dimension.dim_param in named:
            dimension.dim_value = named[dimension.dim_param]
