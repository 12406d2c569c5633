"""Made-up samples."""

from __future__ import annotations

import numpy as np
import pytest

from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import UsageError
from quantkit.data.checked import checked
from quantkit.data.synthetic import synthetic

MIXED = [TensorSpec("x", "float32", ("N", 3)), TensorSpec("ids", "int64", ("N", 2))]


def test_noise_fits_the_model_and_depends_on_the_seed_alone() -> None:
    def drawn(seed: int) -> list[float]:
        return [
            float(value)
            for samples in checked(synthetic(MIXED, 20, seed), MIXED)
            for value in samples.inputs["x"].ravel()
        ]

    assert drawn(0) == drawn(0) != drawn(1)


def test_whole_numbers_are_0_or_1() -> None:
    values = np.concatenate([samples.inputs["ids"] for samples in synthetic(MIXED, 20)])
    assert set(np.unique(values)) == {0, 1}


def test_the_record_says_that_it_is_made_up() -> None:
    source = synthetic(MIXED, 3)
    assert source.preprocessing == {"synthetic": True}
    assert "3 samples of noise, seed 0" in repr(source)


def test_a_model_without_a_batch_axis_gets_whole_inputs() -> None:
    streaming = [TensorSpec("mix", "float32", (1, 5)), TensorSpec("cache", "float32", (2, 1))]
    assert [samples.inputs["mix"].shape for samples in checked(synthetic(streaming, 9), streaming)] == [(1, 5)] * 9


def test_free_dimensions_need_a_size() -> None:
    with pytest.raises(UsageError, match=r"input x:Nx3x\?xW has dimensions without a size") as refusal:
        synthetic([TensorSpec("x", "float32", ("N", 3, None, "W"))], 4)
    assert refusal.value.code == "QK1037"


def test_no_sample_is_refused() -> None:
    with pytest.raises(UsageError, match="0 synthetic samples"):
        synthetic(MIXED, 0)
