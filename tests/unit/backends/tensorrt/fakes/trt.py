"""TensorRT's Python interface, as far as quantkit uses it, in the manner of version 8.5."""

from __future__ import annotations

import ctypes
import enum
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto

from quantkit.core.arrays import Array
from tests.unit.backends.tensorrt.fakes import cuda

__version__ = "8.5.3.1"

STARTS = True
"""Whether the library gives out builders and runtimes."""

DLA_CORES = 0

HEADERS = {
    "IInt8EntropyCalibrator2": b"TRT-8503-EntropyCalibration2",
    "IInt8MinMaxCalibrator": b"TRT-8503-MinMaxCalibration",
}
WRITTEN = b"\nx: 3c010a14\n"

built: list[dict[str, Any]] = []
"""What each build was asked for."""


class ILogger:
    class Severity(enum.IntEnum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2
        INFO = 3
        VERBOSE = 4

    INTERNAL_ERROR, ERROR, WARNING, VERBOSE = Severity(0), Severity(1), Severity(2), Severity(4)

    def __init__(self) -> None:
        pass

    def log(self, severity: Severity, msg: str) -> None:
        raise NotImplementedError


class DataType(enum.Enum):
    FLOAT, INT32, INT64, BOOL, BF16 = range(5)


_TYPES: dict[int, DataType] = {
    TensorProto.FLOAT: DataType.FLOAT,
    TensorProto.INT32: DataType.INT32,
    TensorProto.INT64: DataType.INT32,
    TensorProto.BOOL: DataType.BOOL,
    TensorProto.BFLOAT16: DataType.BF16,
}
_NUMPY: dict[DataType, type[np.generic]] = {
    DataType.FLOAT: np.float32,
    DataType.INT32: np.int32,
    DataType.BOOL: np.bool_,
}


class BuilderFlag(enum.IntEnum):
    FP16, INT8, TF32, GPU_FALLBACK = range(4)


class NetworkDefinitionCreationFlag(enum.IntEnum):
    EXPLICIT_BATCH = 0


class TacticSource(enum.IntEnum):
    CUBLAS, CUBLAS_LT, CUDNN, EDGE_MASK_CONVOLUTIONS = range(4)


class MemoryPoolType(enum.IntEnum):
    WORKSPACE = 0


class ProfilingVerbosity(enum.IntEnum):
    LAYER_NAMES_ONLY, NONE, DETAILED = range(3)


class DeviceType(enum.IntEnum):
    DLA = 1


class TensorIOMode(enum.IntEnum):
    INPUT, OUTPUT = 1, 2


class TensorLocation(enum.IntEnum):
    DEVICE, HOST = 0, 1


class LayerInformationFormat(enum.IntEnum):
    JSON = 1


class IInt8Calibrator:
    pass


class IInt8MinMaxCalibrator(IInt8Calibrator):
    pass


class IInt8EntropyCalibrator(IInt8Calibrator):
    pass


class IInt8EntropyCalibrator2(IInt8Calibrator):
    pass


class IInt8LegacyCalibrator(IInt8Calibrator):
    pass


class IProfiler:
    def __init__(self) -> None:
        pass


class Tensor:
    def __init__(self, name: str, dtype: DataType = DataType.FLOAT, shape: Sequence[int] = ()) -> None:
        self.name, self.dtype, self.shape = name, dtype, tuple(shape)
        self.dynamic_range: tuple[float, float] | None = None


class LayerNode:
    def __init__(self, outputs: list[Tensor]) -> None:
        self._outputs, self.num_outputs = outputs, len(outputs)

    def get_output(self, at: int) -> Tensor:
        return self._outputs[at]


class Network:
    def __init__(self) -> None:
        self.inputs: list[Tensor] = []
        self.layers: list[LayerNode] = []
        self.model = b""

    num_inputs = property(lambda self: len(self.inputs))
    num_layers = property(lambda self: len(self.layers))

    def get_input(self, at: int) -> Tensor:
        return self.inputs[at]

    def get_layer(self, at: int) -> LayerNode:
        return self.layers[at]


class OptimizationProfile:
    def __init__(self) -> None:
        self.shapes: dict[str, tuple[Any, Any, Any]] = {}

    def set_shape(self, name: str, smallest: Any, usual: Any, largest: Any) -> None:
        self.shapes[name] = (smallest, usual, largest)


class TimingCache:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def serialize(self) -> bytes:
        return self.content + b"timed;"

    def combine(self, other: TimingCache, ignore_mismatch: bool) -> bool:
        self.content += other.content.removeprefix(self.content)
        return True


class Config:
    def __init__(self) -> None:
        self.flags = {BuilderFlag.TF32}
        self.profiles: list[OptimizationProfile] = []
        self.calibration_profile: OptimizationProfile | None = None
        self.int8_calibrator: Any = None
        self.tactics = 0b1111
        self.workspace: int | None = None
        self.timing: TimingCache | None = None
        self.profiling_verbosity = ProfilingVerbosity.LAYER_NAMES_ONLY
        self.default_device_type: DeviceType | None = None
        self.DLA_core: int | None = None

    def set_flag(self, flag: BuilderFlag) -> None:
        self.flags.add(flag)

    def clear_flag(self, flag: BuilderFlag) -> None:
        self.flags.discard(flag)

    def add_optimization_profile(self, profile: OptimizationProfile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def set_calibration_profile(self, profile: OptimizationProfile) -> bool:
        self.calibration_profile = profile
        return True

    def get_tactic_sources(self) -> int:
        return self.tactics

    def set_tactic_sources(self, sources: int) -> bool:
        self.tactics = sources
        return True

    def set_memory_pool_limit(self, pool: MemoryPoolType, size: int) -> None:
        self.workspace = size

    def create_timing_cache(self, content: bytes) -> TimingCache:
        return TimingCache(content)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        if cache.content.startswith(b"other machine"):
            return False
        self.timing = cache
        return True

    def get_timing_cache(self) -> TimingCache | None:
        return self.timing


IBuilderConfig = Config


class ParserError:
    def __init__(self, node: int, text: str) -> None:
        self._node, self._text = node, text

    def node(self) -> int:
        return self._node

    def desc(self) -> str:
        return self._text

    def code(self) -> str:
        return "UNSUPPORTED_NODE"


class OnnxParser:
    def __init__(self, network: Network, logger: ILogger) -> None:
        self._network, self._errors = network, [ParserError(0, "")][:0]

    num_errors = property(lambda self: len(self._errors))

    def get_error(self, at: int) -> ParserError:
        return self._errors[at]

    def parse(self, model: bytes, path: str | None = None) -> bool:
        graph = onnx.load_model_from_string(model).graph
        for at, node in enumerate(graph.node):
            if node.op_type == "NonMaxSuppression":
                self._errors.append(ParserError(at, f"No importer registered for op: {node.op_type}"))
            self._network.layers.append(LayerNode([Tensor(name) for name in node.output]))
        self._network.inputs = [_tensor(value) for value in graph.input]
        self._network.model = model
        return not self._errors


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type
    shape = [size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim]
    return Tensor(value.name, _TYPES[kind.elem_type], shape)


class Builder:
    max_batch_size = 1

    def __init__(self, logger: ILogger) -> None:
        if not STARTS:
            logger.log(ILogger.WARNING, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")
        self._logger = logger
        self.num_DLA_cores, self.max_threads = DLA_CORES, 1

    def create_network(self, flags: int) -> Network:
        assert flags == 1 << int(NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
        return Network()

    def create_builder_config(self) -> Config:
        return Config()

    def create_optimization_profile(self) -> OptimizationProfile:
        return OptimizationProfile()

    def build_serialized_network(self, network: Network, config: Config) -> bytes | None:
        built.append({"config": config, "network": network, "threads": self.max_threads})
        if config.int8_calibrator is not None:
            self._calibrate(network, config.int8_calibrator)
        if b"cannot be built" in network.model:
            self._logger.log(ILogger.ERROR, "Could not find any implementation for node conv1.")
            return None
        flags = {flag.name for flag in config.flags}
        precision = next((name for name in ("INT8", "FP16") if name in flags), "FP32")
        shapes = config.profiles[0].shapes if config.profiles else {}
        return json.dumps([precision, shapes, config.profiling_verbosity]).encode() + b"\n" + network.model

    def _calibrate(self, network: Network, calibrator: Any) -> None:
        """As the bindings do: what a callback raises is printed, and taken for the end of the data."""
        base = type(calibrator).__mro__[2].__name__
        cache = calibrator.read_calibration_cache()
        if cache is not None and cache.startswith(HEADERS.get(base, b"\0")):
            return
        names = [tensor.name for tensor in network.inputs]
        while True:
            try:
                addresses = calibrator.get_batch(names)
            except BaseException:  # noqa: BLE001
                break
            if not addresses:
                break
        calibrator.write_calibration_cache(memoryview(HEADERS.get(base, b"0 3ff0000000000000") + WRITTEN))


class Runtime:
    def __init__(self, logger: ILogger) -> None:
        if not STARTS:
            raise TypeError("pybind11::init(): factory function returned nullptr")
        self._logger = logger

    def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
        head, _, model = plan.partition(b"\n")
        try:
            precision, shapes, verbosity = json.loads(head)
        except ValueError:
            self._logger.log(ILogger.ERROR, "Magic tag does not match")
            return None
        engine = Engine(precision, shapes, model, self._logger)
        engine.profiling_verbosity = ProfilingVerbosity(verbosity)
        return engine


class Engine:
    profiling_verbosity = ProfilingVerbosity.DETAILED

    def __init__(self, precision: str, shapes: dict[str, list[list[int]]], model: bytes, logger: ILogger) -> None:
        self.logger = logger
        self.precision, self.shapes, self.graph = precision, shapes, onnx.load_model_from_string(model).graph
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.inputs = [_tensor(value) for value in self.graph.input]
        self.outputs = [_tensor(value) for value in self.graph.output]
        self.tensors = {tensor.name: tensor for tensor in (*self.inputs, *self.outputs)}

    num_io_tensors = property(lambda self: len(self.tensors))

    def get_tensor_name(self, at: int) -> str:
        return list(self.tensors)[at]

    def get_tensor_dtype(self, name: str) -> DataType:
        return self.tensors[name].dtype

    def get_tensor_location(self, name: str) -> TensorLocation:
        return TensorLocation.HOST if name.startswith("shape") else TensorLocation.DEVICE

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if any(tensor.name == name for tensor in self.inputs) else TensorIOMode.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name].shape

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[list[int]]:
        return self.shapes[name]

    def create_execution_context(self) -> ExecutionContext:
        return ExecutionContext(self)

    def create_engine_inspector(self) -> EngineInspector:
        return EngineInspector(self)


class ExecutionContext:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self._profiler: Any = None

    @property
    def profiler(self) -> Any:
        return self._profiler

    @profiler.setter
    def profiler(self, profiler: Any) -> None:
        """As in 8.5: none is a mistake, and changes nothing."""
        if profiler is None:
            message = "Parameter check failed at: executionContext.cpp::setProfiler, condition: profiler != nullptr"
            self._engine.logger.log(ILogger.ERROR, message)
        else:
            self._profiler = profiler

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._shapes[name] = tuple(shape)
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        zeros = {tensor.name: np.zeros(self._shapes[tensor.name], _fed(tensor)) for tensor in self._engine.inputs}
        if name.startswith("selected"):
            return (-1,)
        return tuple(self._engine.session.run([name], zeros)[0].shape)

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        engine = self._engine
        fed = {
            tensor.name: self._at(tensor, self._shapes[tensor.name]).astype(_fed(tensor)) for tensor in engine.inputs
        }
        names = [tensor.name for tensor in engine.outputs]
        for name, values in zip(names, engine.session.run(names, fed), strict=True):
            answer = np.ascontiguousarray(values.astype(_NUMPY[engine.tensors[name].dtype]))
            ctypes.memmove(self._addresses[name], answer.ctypes.data, answer.nbytes)
        for node in engine.graph.node:
            cuda.Event.now += spent(node, engine.precision)
            if self.profiler is not None:
                self.profiler.report_layer_time(node.name, spent(node, engine.precision))
        return True

    def _at(self, tensor: Tensor, shape: tuple[int, ...]) -> Array:
        values = np.empty(shape, _NUMPY[tensor.dtype])
        ctypes.memmove(values.ctypes.data, self._addresses[tensor.name], values.nbytes)
        return values


def _fed(tensor: Tensor) -> Any:
    """ONNX Runtime wants the model's own type; integers of it are int64 in these tests."""
    return np.int64 if tensor.dtype is DataType.INT32 else _NUMPY[tensor.dtype]


def spent(node: onnx.NodeProto, precision: str) -> float:
    """Milliseconds that an engine takes for a node."""
    return 1.0 if precision == "INT8" else 2.0


class EngineInspector:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.execution_context: ExecutionContext | None = None

    def get_engine_information(self, how: LayerInformationFormat) -> str:
        assert self.execution_context is not None
        if self._engine.profiling_verbosity is not ProfilingVerbosity.DETAILED:
            return json.dumps({"Layers": [node.name for node in self._engine.graph.node]})
        weights = {"Type": {"INT8": "Int8", "FP16": "Half", "FP32": "Float"}[self._engine.precision]}
        layers = [
            {"Name": node.name, "LayerType": "CaskConvolution", "Weights": weights} for node in self._engine.graph.node
        ]
        return json.dumps({"Layers": layers, "Bindings": list(self._engine.tensors)})


def init_libnvinfer_plugins(logger: ILogger, namespace: str) -> bool:
    return True
