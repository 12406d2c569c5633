"""Running engines: pinned host buffers, one stream, and shapes that follow the batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import pycuda.driver as cuda
import tensorrt as trt

from quantkit.backends.tensorrt._cuda import DeviceMemory, Gpu, PinnedMemory
from quantkit.backends.tensorrt._dtypes import as_fed, numpy_type
from quantkit.backends.tensorrt._log import Heard, heard
from quantkit.backends.tensorrt.network import new_runtime, shape_of
from quantkit.backends.tensorrt.options import Profile, Shape
from quantkit.core.arrays import Array, Batch
from quantkit.core.artifact import shape_text
from quantkit.core.errors import ArtifactError, DataError, ModelError, OutOfMemoryError, SetupError


@dataclass(slots=True)
class Binding:
    """An input or output of an engine and where it lies.

    Args:
        name: as in the model.
        dtype: the engine's own type.
        profile: the shapes that an input may have; ``None`` for an output.
        shape: of the present batch.
        device: its memory on the GPU.
        host: its memory beside it.
    """

    name: str
    dtype: np.dtype[Any]
    profile: Profile | None = None
    shape: Shape = ()
    device: DeviceMemory = field(default_factory=DeviceMemory)
    host: PinnedMemory = field(default_factory=PinnedMemory)

    @property
    def size(self) -> int:
        """Values in the present batch."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def fewest(self) -> int | None:
        """The smallest size of axis 0 that an input may have."""
        return self.profile.smallest[0] if self.profile and self.profile.smallest else None

    def view(self) -> Array:
        """The host's side of it."""
        return self.host.view(self.shape, self.dtype)


class TensorRtEngine:
    """A deserialized plan with one execution context; for one thread at a time.

    Args:
        plan: what was built.
        gpu: where it runs.
        dla_core: the deep learning accelerator that it was built for, if any.

    Raises:
        ArtifactError: TensorRT does not take the plan.
        SetupError: the GPU's memory does not suffice.
        ModelError: it has inputs or outputs that cannot be fed or read like arrays.
    """

    def __init__(self, plan: bytes, gpu: Gpu, *, dla_core: int | None = None) -> None:
        self.gpu, self.size_bytes = gpu, len(plan)
        self._shapes: dict[str, Shape] = {}
        with gpu.current(), heard() as told:
            self._runtime = new_runtime(told)
            if dla_core is not None:
                self._runtime.DLA_core = dla_core
            self._engine = self._runtime.deserialize_cuda_engine(plan)
            if self._engine is None:
                raise ArtifactError(
                    "QK3274", "TensorRT does not take the plan", cause=told.cause, hints=["build the engine again"]
                )
            self.context = _context(self._engine, told)
            self.stream = cuda.Stream()
            self.inputs, self.outputs = _bindings(self._engine)

    def run(self, batch: Batch) -> Batch:
        """Outputs by name; the arrays stay valid until the next call only.

        A batch with fewer samples than the engine takes is filled up, and the outputs are cut.

        Raises:
            DataError: the batch does not fit the engine.
        """
        whole = self.filled(batch)
        with self.gpu.current():
            self.feed(whole)
            self.execute()
            answers = self.fetch()
        if whole is batch:
            return answers
        given, fed = (len(next(iter(arrays.values()))) for arrays in (batch, whole))
        return {name: values[:given] if values.shape[:1] == (fed,) else values for name, values in answers.items()}

    def filled(self, batch: Batch) -> Batch:
        """`batch` with its last sample repeated until the engine takes it; as it is where that is not what it lacks."""
        wanted = {binding.fewest for binding in self.inputs}
        given = {len(values) if values.ndim else None for values in batch.values()}
        if len(wanted) != 1 or len(given) != 1:
            return batch
        missing = (wanted.pop() or 0) - (given.pop() or 0)
        if missing <= 0:
            return batch
        return {
            name: np.concatenate([values, np.repeat(values[-1:], missing, axis=0)]) for name, values in batch.items()
        }

    def feed(self, batch: Batch) -> None:
        """Copies the inputs to the GPU, which is the calling thread's own already."""
        self._refuse_misfits(batch)
        arrays = {binding.name: as_fed(batch[binding.name], binding.dtype, binding.name) for binding in self.inputs}
        # What was launched before may still be reading the last batch from the host.
        self.stream.synchronize()
        self.fit({name: values.shape for name, values in arrays.items()})
        for binding in self.inputs:
            view = binding.view()
            np.copyto(view, arrays[binding.name])
            cuda.memcpy_htod_async(binding.device.address, view, self.stream)

    def execute(self) -> None:
        """Launches the engine on what was fed."""
        with heard() as told:
            if not self.context.execute_async_v3(self.stream.handle):
                raise SetupError(
                    "QK4023",
                    "the GPU failed",
                    cause=told.cause,
                    hints=["nvidia-smi shows whether it is well; a smaller --batch-size takes less memory"],
                )

    def fetch(self) -> Batch:
        """Copies the outputs to the host and waits for them."""
        for binding in self.outputs:
            cuda.memcpy_dtoh_async(binding.view(), binding.device.address, self.stream)
        self.stream.synchronize()
        return {binding.name: binding.view() for binding in self.outputs}

    def fit(self, shapes: Mapping[str, Shape]) -> None:
        """Makes inputs and outputs as large as inputs of `shapes` want them."""
        if shapes == self._shapes:
            return
        # Until all went well, the context has neither the old shapes nor the new ones.
        self._shapes = {}
        for binding in self.inputs:
            binding.shape = shapes[binding.name]
            with heard() as told:
                if not self.context.set_input_shape(binding.name, binding.shape):
                    raise _misfit(binding, binding.shape, told.cause)
        for binding in self.outputs:
            binding.shape = shape_of(self.context.get_tensor_shape(binding.name), binding.name)
            if -1 in binding.shape:
                raise ModelError(
                    "QK3042",
                    f"how large output {binding.name!r} gets depends on the data, not on the inputs' shapes alone",
                    where=binding.name,
                    hints=["cut the model off before the operator that selects, such as NonZero"],
                )
        for binding in (*self.inputs, *self.outputs):
            self.context.set_tensor_address(binding.name, binding.device.fit(binding.size * binding.dtype.itemsize))
        self._shapes = dict(shapes)

    @property
    def usual_shapes(self) -> dict[str, Shape]:
        """Input name → the shape that the engine is fastest at."""
        return {binding.name: binding.profile.usual for binding in self.inputs if binding.profile}

    def information(self) -> str:
        """What TensorRT says of every layer, as JSON, at the usual shapes."""
        with self.gpu.current():
            if self._engine.profiling_verbosity == trt.ProfilingVerbosity.NONE:
                return '{"Layers": []}'
            # Formats, and with them precisions, are told for definite shapes only: in 8.5, for those that were run.
            self.fit(self.usual_shapes)
            for binding in self.inputs:
                cuda.memset_d8_async(binding.device.address, 0, binding.size * binding.dtype.itemsize, self.stream)
            self.execute()
            self.stream.synchronize()
            inspector = self._engine.create_engine_inspector()
            inspector.execution_context = self.context
            text: str = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
            return text

    def renew(self) -> None:
        """Takes an execution context anew: TensorRT takes a profiler off none that has one."""
        with self.gpu.current(), heard() as told:
            self.stream.synchronize()
            # First goes the old one's memory.
            self.context, self._shapes = None, {}
            self.context = _context(self._engine, told)

    def close(self) -> None:
        """Gives the GPU's memory back."""
        with self.gpu.current():
            self.stream.synchronize()
            for binding in (*self.inputs, *self.outputs):
                binding.device.free()
            # In this order, as each uses the next.
            self.context = self._engine = self._runtime = None

    def __enter__(self) -> TensorRtEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        names = [binding.name for binding in self.outputs]
        return f"TensorRtEngine({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"

    def _refuse_misfits(self, batch: Batch) -> None:
        names = {binding.name for binding in self.inputs}
        if names != batch.keys():
            raise DataError(
                "QK2157",
                f"a batch holds {', '.join(sorted(batch)) or 'nothing'}, the engine takes {', '.join(sorted(names))}",
                hints=["name the arrays as the model names its inputs"],
            )
        for binding in self.inputs:
            if binding.profile and not binding.profile.holds(batch[binding.name].shape):
                raise _misfit(binding, batch[binding.name].shape)


def _context(engine: Any, told: Heard) -> Any:
    made = engine.create_execution_context()
    if made is None:
        hints = ["use a smaller --batch-size", "nvidia-smi shows who else uses it"]
        raise OutOfMemoryError("QK4022", "not enough GPU memory", cause=told.cause, hints=hints)
    return made


def _bindings(engine: Any) -> tuple[list[Binding], list[Binding]]:
    inputs, outputs = [], []
    for at in range(engine.num_io_tensors):
        name = engine.get_tensor_name(at)
        dtype = numpy_type(engine.get_tensor_dtype(name), name)
        if engine.get_tensor_location(name) == trt.TensorLocation.HOST:
            raise ModelError(
                "QK3047",
                f"{name!r} holds a shape, not data: TensorRT wants to know it before it runs",
                where=name,
                hints=["export the model with fixed sizes, or with sizes that follow its other inputs"],
            )
        if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
            inputs.append(Binding(name, dtype, _profile(engine, name)))
        else:
            outputs.append(Binding(name, dtype))
    return inputs, outputs


def _profile(engine: Any, name: str) -> Profile:
    shape = shape_of(engine.get_tensor_shape(name), name)
    if -1 not in shape:
        return Profile.fixed(shape)
    smallest, usual, largest = (shape_of(end, name) for end in engine.get_tensor_profile_shape(name, 0))
    return Profile(smallest, usual, largest)


def _misfit(binding: Binding, shape: Shape, cause: str | None = None) -> DataError:
    taken = binding.profile.described() if binding.profile else "another shape"
    return DataError(
        "QK2152",
        f"input {binding.name!r} is {shape_text(shape)}, but the engine is built for {taken}",
        cause=cause,
        hints=[f"--shapes {binding.name}:{shape_text(shape)} builds it for such batches"],
    )
