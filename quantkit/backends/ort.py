"""ONNX Runtime: the engine that needs no GPU."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnxruntime

from quantkit.backends import _cpu
from quantkit.backends._ort_coverage import measured_coverage
from quantkit.backends._ort_session import OrtEngine, load_custom_ops, session
from quantkit.backends._ort_taps import OrtTaps
from quantkit.core.artifact import SerializedModel
from quantkit.core.comparison import Coverage
from quantkit.core.files import digest_of
from quantkit.core.ports import Backend, Observer


@dataclass(frozen=True, slots=True)
class OrtBackend:
    """Builds ONNX Runtime sessions.

    Args:
        threads: threads of one ``run``; ``None`` takes every core this process may use.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``; another device than the one asked for is never used silently.
        custom_ops: libraries of operators that every session loads; they are code.
    """

    threads: int | None = None
    device: str = "cpu"
    custom_ops: tuple[Path, ...] = ()

    def build(self, model: SerializedModel) -> OrtEngine:
        """An engine that computes the model's outputs.

        Raises:
            SetupError: the device is not there.
            ModelError: ONNX Runtime refuses the model.
        """
        return OrtEngine(session(model, self.options(), self.device))

    def observers(self, model: SerializedModel, count: int, *, plain: Collection[str] = ()) -> Sequence[Observer]:
        """`count` observers of a model whose outputs are the tensors to see; one session serves them all.

        Each runs on the thread that calls it. Tensors in `plain` are shown in the model's own layout.
        """
        # Threads work on batches of their own, so each run stays on the thread that asked for it.
        options = replace(self, threads=1).options
        taps = OrtTaps(model, options, device=self.device, plain=frozenset(plain))
        return [taps.observer() for _ in range(count)]

    def coverage(self, model: SerializedModel) -> Coverage:
        """Which nodes ONNX Runtime executes in integers, from the graph that it makes of the model."""
        return measured_coverage(model, self.options())

    def options(self) -> onnxruntime.SessionOptions:
        """Session options that every session of this backend starts from."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads or _cpu.usable_cores()
        options.inter_op_num_threads = 1
        # What it logs as errors it raises as well, and there they get our words.
        options.log_severity_level = 4
        # A pool that goes on spinning after its run would slow whatever runs next: in a comparison, its rival.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        for library in self.custom_ops:
            load_custom_ops(options, library)
        return options

    def environment(self) -> Mapping[str, str]:
        """Version, device, threads and instruction set: what may move a float in its last bit."""
        threads = str(self.threads or _cpu.usable_cores())
        return {
            "onnxruntime": onnxruntime.__version__,
            "device": self.device,
            "threads": threads,
            **{f"custom operators {library.name}": digest_of(library) for library in self.custom_ops},
        } | _cpu.description()


def providers() -> tuple[str, ...]:
    """The execution providers that this build of ONNX Runtime has, best first."""
    return tuple(onnxruntime.get_available_providers())


plugin: type[Backend] = OrtBackend
