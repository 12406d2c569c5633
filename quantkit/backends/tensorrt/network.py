"""From an ONNX model to TensorRT's own network, with the shapes it is to be built for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import onnx
import tensorrt as trt
from google.protobuf.message import DecodeError
from onnx import ModelProto

from quantkit.backends.tensorrt._log import Heard, log
from quantkit.backends.tensorrt._versions import known, network_flags, precision_by_flags, types_from_model
from quantkit.backends.tensorrt.options import BuildOptions, Profile, profile_for
from quantkit.core.artifact import SerializedModel
from quantkit.core.errors import ModelError, SetupError, UsageError
from quantkit.core.plugins import did_you_mean
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.wiring import title
from quantkit.graph.halves import has_halves, with_halves
from quantkit.graph.loading.reading import parsed as proto_of


@dataclass(frozen=True, slots=True)
class Parsed:
    """A network with everything that has to live as long as it.

    Args:
        builder: what it was made with, and what builds it.
        network: TensorRT's form of the model.
        parser: owns the weights; ``None`` for a network that was made elsewhere.
        profiles: input name → the shapes that the engine will take, also where they are fixed.
        is_dynamic: some input has a free dimension, so TensorRT has to be told the profiles.
    """

    builder: Any
    network: Any
    parser: Any
    profiles: Mapping[str, Profile]
    is_dynamic: bool

    def optimization_profile(self) -> Any:
        """TensorRT's form of the profiles."""
        profile = self.builder.create_optimization_profile()
        for name, shapes in self.profiles.items():
            profile.set_shape(name, shapes.smallest, shapes.usual, shapes.largest)
        return profile

    def use_calibrator(self, calibrator: Any, config: Any) -> None:
        """Lets `config` ask `calibrator` for scales, with batches of the usual shapes: TensorRT takes no others."""
        config.int8_calibrator = calibrator
        if self.is_dynamic and known("IBuilderConfig.set_calibration_profile") is not None:
            profile = self.builder.create_optimization_profile()
            for name, shapes in self.profiles.items():
                profile.set_shape(name, shapes.usual, shapes.usual, shapes.usual)
            config.set_calibration_profile(profile)


def typed(model: SerializedModel, proto: ModelProto, options: BuildOptions, precision: str) -> SerializedModel:
    """`model` with float16 types in it, where no flag can ask for them and its author has not done so.

    Args:
        model: as given.
        proto: the same, read.
        options: how it is built.
        precision: of the engine; what an ``"int8"`` one may use besides is in `options`.

    Raises:
        ModelError: the operators of a model with Q/DQ nodes cannot be converted to a version that takes float16.
    """
    wanted = precision == "fp16" or (precision == "int8" and options.rest == "fp16")
    if not wanted or not types_from_model(strongly_typed=options.strongly_typed) or has_halves(proto):
        return model
    return SerializedModel(Draft.of(with_halves(proto, model.folder).proto).serialized(), model.folder)


def parsed(model: SerializedModel, options: BuildOptions, told: Heard) -> Parsed:
    """Reads `model`; the GPU is the calling thread's own, and `told` hears what TensorRT says.

    Raises:
        SetupError: TensorRT does not start.
        ModelError: TensorRT cannot read the model; names the nodes.
        UsageError: an input with free dimensions and no profile for them.
    """
    builder = new_builder(told)
    network = builder.create_network(network_flags(strongly_typed=options.strongly_typed))
    parser = trt.OnnxParser(network, log())
    # TensorRT looks for weights that are stored outside beside this file, which itself it does not open.
    path = str(model.folder / "model.onnx") if model.folder is not None else None
    if not parser.parse(model.proto, path):
        raise _refused(parser, model, told)
    return _profiled(builder, network, parser, options)


def made_elsewhere(builder: Any, network: Any, shapes: Mapping[str, Sequence[int]]) -> Parsed:
    """A network that was not read here, to be calibrated with batches of `shapes`, for inputs with free dimensions.

    Raises:
        UsageError: no such input, or a shape that does not fit it.
    """
    names = [network.get_input(at).name for at in range(network.num_inputs)]
    for name in shapes:
        if name not in names:
            hints = [*did_you_mean(name, names), f"there are: {', '.join(names)}"]
            raise UsageError("QK1042", f"shapes: the network has no input {name!r}", where=name, hints=hints)
    usual = {name: Profile.fixed(tuple(shape)) for name, shape in shapes.items()}
    return _profiled(builder, network, None, BuildOptions(profiles=usual))


def _profiled(builder: Any, network: Any, parser: Any, options: BuildOptions) -> Parsed:
    inputs = [network.get_input(at) for at in range(network.num_inputs)]
    shapes = {tensor.name: shape_of(tensor.shape, tensor.name) for tensor in inputs}
    profiles = {name: profile_for(name, shape, options) for name, shape in shapes.items()}
    is_dynamic = any(-1 in shape for shape in shapes.values())
    return Parsed(builder, network, parser, profiles, is_dynamic)


@lru_cache(maxsize=1)
def _plugins() -> None:
    """Makes TensorRT's own plugins known, which some operators become."""
    trt.init_libnvinfer_plugins(log(), "")


def new_builder(told: Heard) -> Any:
    """What makes networks, and plans of them.

    Raises:
        SetupError: TensorRT refuses to work here; says why in its own words.
    """
    _plugins()
    try:
        return trt.Builder(log())
    except TypeError as nothing:
        # That is how the bindings say that the library returned no object.
        raise _not_started(told) from nothing


def new_runtime(told: Heard) -> Any:
    """What makes engines of plans. It never runs host code that came with a plan: that has to be asked for.

    Raises:
        SetupError: TensorRT refuses to work here.
    """
    _plugins()
    try:
        return trt.Runtime(log())
    except TypeError as nothing:
        raise _not_started(told) from nothing


def _not_started(told: Heard) -> SetupError:
    return SetupError(
        "QK4021",
        f"TensorRT {trt.__version__} does not start",
        cause=told.cause,
        hints=["quantkit doctor shows the driver, and which versions of TensorRT it can run"],
    )


def shape_of(dims: Any, tensor: str) -> tuple[int, ...]:
    """A shape as TensorRT tells it, −1 for a free dimension.

    Raises:
        ModelError: TensorRT cannot even tell the rank.
    """
    try:
        return tuple(int(size) for size in dims)
    except ValueError as unknown:
        raise ModelError(
            "QK3044",
            f"TensorRT cannot tell the rank of {tensor!r}",
            where=tensor,
            hints=["fix the sizes that the model leaves open, with --shapes"],
        ) from unknown


def _refused(parser: Any, model: SerializedModel, told: Heard) -> ModelError:
    errors = [parser.get_error(at) for at in range(parser.num_errors)]
    reasons = dict.fromkeys(f"{_node(error, model)}: {_said(error)}" for error in errors)
    return ModelError(
        "QK3041",
        "TensorRT cannot read the model",
        where=_node(errors[0], model) if errors else None,
        cause="; ".join(reasons) or told.cause,
        hints=[
            *_hints_on_halves(model),
            "a newer TensorRT may know the operator",
            "an export with another operator set may do without it",
        ],
    )


def _hints_on_halves(model: SerializedModel) -> list[str]:
    """Version 8 takes float32 scales only; where flags allow FP16, it need not be in the model."""
    if precision_by_flags() and has_halves(proto_of(model.proto)):
        return [f"quantize without --rest fp16: TensorRT {trt.__version__} allows FP16 by a flag"]
    return []


def _said(error: Any) -> str:
    """The sentence of a message that begins with where in TensorRT's sources it was found."""
    text: str = error.desc()
    return text.strip().splitlines()[0] if text.strip() else str(error.code())


def _node(error: Any, model: SerializedModel) -> str:
    """The node's own name; the parser of earlier versions tells its place only."""
    if known("ParserError.node_name") is not None and error.node_name():
        return f"node {error.node_name()!r}"
    try:
        nodes = onnx.load_model_from_string(model.proto).graph.node
    except DecodeError:
        return "the model"
    at = error.node()
    if not 0 <= at < len(nodes):
        return "the model"
    return f"node {title(nodes[at])!r} ({nodes[at].op_type})"
