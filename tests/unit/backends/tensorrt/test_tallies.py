"""The GPU's counting gives the state of the processor's own; here its source runs on a processor, thread by thread."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from quantkit.backends.tensorrt._tallies import (
    CHUNK,
    NATIVE,
    TALLY,
    chunk_table,
    empty_tallies,
    histogram_of,
    ptx,
)
from quantkit.core.arrays import Floats
from quantkit.core.histogram import Histogram
from tests.unit.backends.tensorrt.fakes import kernels
from tests.unit.backends.tensorrt.tally_cases import CASES, normal, on_the_processor

Fold = Callable[[Sequence[Sequence[Floats]]], tuple[list[Histogram], list[list[int]]]]


@pytest.fixture(scope="module")
def folded() -> Fold:
    """Counts batches of tensors with the kernels; returns histograms, and the alarms of each batch."""
    fold = kernels.fold()

    def run(batches: Sequence[Sequence[Floats]]) -> tuple[list[Histogram], list[list[int]]]:
        tallies, alarms = empty_tallies(len(batches[0])), []
        for tensors in batches:
            kept = [aligned(tensor) for tensor in tensors]
            chunks = chunk_table([(tensor.ctypes.data, tensor.size) for tensor in kept])
            alarm = np.zeros(len(kept), np.uint32)
            pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (chunks, tallies, alarm)]
            fold(pointers[0], len(chunks), pointers[1], len(kept), pointers[2])
            alarms.append([int(number) for number in alarm])
        return [histogram_of(tally) for tally in tallies], alarms

    return run


def aligned(values: Floats) -> Floats:
    """A copy at an address that whole loads may be made from, as the GPU's memory has it."""
    space = np.empty(values.nbytes + 16, np.uint8)
    start = -space.ctypes.data % 16
    copy = space[start : start + values.nbytes].view(np.float32)
    copy[:] = values.reshape(-1)
    return copy


@pytest.mark.parametrize("case", CASES)
def test_the_kernels_count_as_the_processor_does(case: str, folded: Fold) -> None:
    (counted,), alarms = folded([[batch] for batch in CASES[case]])
    assert counted == on_the_processor(CASES[case])
    assert [numbers[0] for numbers in alarms] == [int((~np.isfinite(batch)).sum()) for batch in CASES[case]]


def test_tensors_of_one_launch_do_not_mix(folded: Fold) -> None:
    batches = [[normal(65_537), normal(11, 40.0), np.zeros(5, np.float32)] for _ in range(2)]
    counted, _ = folded(batches)
    assert counted == [on_the_processor([batch[at] for batch in batches]) for at in range(3)]


def test_the_structures_have_the_sizes_that_the_source_gives_them() -> None:
    assert (CHUNK.itemsize, TALLY.itemsize) == (16, 8 * (2 * 4096 + 4) + 24)


def test_the_committed_assembly_was_made_of_the_committed_source() -> None:
    digest = hashlib.sha256((NATIVE / "counting.cu").read_bytes()).hexdigest()
    first_line = ptx().splitlines()[0].decode()
    assert first_line.endswith(digest), "run quantkit/backends/tensorrt/native/compile.sh"


def test_old_drivers_and_gpus_take_the_assembly() -> None:
    assert b".version 5.0" in ptx()
    assert b".target sm_60" in ptx()
    assert ptx().endswith(b"\0")
