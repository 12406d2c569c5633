"""What a calibrator answers TensorRT: batches in the GPU's memory, and afterwards the truth about how they ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pycuda.driver as cuda

from quantkit.backends.tensorrt._batches import Regrouped
from quantkit.backends.tensorrt._cuda import DeviceMemory, called_back
from quantkit.backends.tensorrt._dtypes import as_fed
from quantkit.backends.tensorrt._log import Kept
from quantkit.backends.tensorrt._progress import BuildProgress
from quantkit.core.arrays import Batch
from quantkit.core.errors import DataError
from quantkit.core.statistics import SampleId, samples_digest

logger = logging.getLogger(__name__)


class Feed:
    """What a calibrator's methods do, apart from the classes that TensorRT wants them to be in."""

    def __init__(
        self, batches: Regrouped, dtypes: Mapping[str, np.dtype[Any]], progress: BuildProgress | None = None
    ) -> None:
        self.failure = Kept()
        self.cache: bytes | None = None
        self.written = b""
        self.gpu = ""
        self._batches, self._dtypes, self._progress = batches, dtypes, progress
        self._waiting: Iterator[Batch] = iter(batches)
        self._memory = {name: DeviceMemory() for name in dtypes}
        self._fed, self._ended = 0, False

    @property
    def samples(self) -> Sequence[SampleId]:
        """Who was fed so far, in order."""
        return self._batches.samples

    def next_batch(self, names: list[str]) -> list[int] | None:
        """Device addresses of the next batch's inputs in the order of `names`; ``None`` at the end, or on failure."""
        with self.failure:
            batch = None if self.failure.error else next(self._waiting, None)
            if batch is None:
                self._ended = True
                return None
            addresses = self._uploaded(names, batch)
            self._fed += 1
            if self._progress:
                self._progress(f"calibrating: {len(self.samples)} samples")
            return addresses
        return None

    def _uploaded(self, names: list[str], batch: Batch) -> list[int]:
        values = {name: np.ascontiguousarray(as_fed(batch[name], self._dtypes[name], name)) for name in names}
        with called_back() as self.gpu:
            addresses = [self._memory[name].fit(values[name].nbytes) for name in names]
            for name, address in zip(names, addresses, strict=True):
                cuda.memcpy_htod(address, values[name])
            # A copy from memory that is not pinned may end after the call does, and TensorRT reads on its own stream.
            cuda.Context.synchronize()
        return addresses

    def write(self, cache: Any) -> None:
        """Keeps what TensorRT calls the calibration cache; a file is written by those who know that all went well."""
        with self.failure:
            self.written = bytes(cache)

    def refuse_too_few(self, promised: int | None) -> None:
        """Raises DataError where the source ended early, which TensorRT takes for a complete pass.

        Where TensorRT did not ask until the end, it has its own reasons, and the source is not to blame.
        """
        if not self._ended:
            return
        samples = len(self.samples)
        if not samples:
            raise DataError("QK2101", "0 calibration samples", hints=["look at what was given as data"])
        if promised is not None and samples < promised:
            raise DataError(
                "QK2154",
                f"{samples} calibration samples came of {promised} that were promised",
                cause="the source ended early; nothing was written",
                hints=["give a source that yields as many samples as it says"],
            )
        if self._batches.repeated:
            logger.info("%d samples were repeated to fill the last batch", self._batches.repeated)

    def facts(self) -> dict[str, Any]:
        """What the scales were made of, as JSON values."""
        return {
            "samples": len(self.samples),
            "samples_digest": samples_digest(self.samples),
            "batches": self._fed,
            "repeated": self._batches.repeated,
        }

    def free(self) -> None:
        """Gives the device memory back; not before the build is over. Nothing is fed any more."""
        self._waiting = iter(())
        for memory in self._memory.values():
            memory.free()
