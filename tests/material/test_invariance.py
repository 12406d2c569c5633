"""On a real network and real images, how the data is cut changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import quantkit
from quantkit.core.statistics import Statistics
from quantkit.data.preprocessing import PRESETS
from quantkit.data.reading import Reading
from quantkit.data.selection import Selection

pytestmark = pytest.mark.material

RULES = ("max", "entropy", "percentile", "mse")
# The images were cropped when they were stored.
CROPPED = replace(PRESETS["imagenet"], resize_short=None, crop=None)

Collect = Callable[[int, tuple[int, int]], Statistics]


@pytest.fixture(scope="module")
def collect(material: Path) -> Collect:
    model = quantkit.load_model(material / "models" / "imagenet" / "squeezenet1.1_imagenet.onnx")

    def collected(batch: int, shard: tuple[int, int] = (1, 1)) -> Statistics:
        source = quantkit.open_source(
            material / "oracle" / "images",
            preprocessing=CROPPED,
            reading=Reading(batch_size=batch),
            selection=Selection(shard=shard),
        )
        return quantkit.collect(model, source)

    return collected


@pytest.fixture(scope="module")
def whole(collect: Collect) -> Statistics:
    return collect(16, (1, 1))


def thresholds(statistics: Statistics) -> list[str]:
    return [quantkit.calibrate_ranges(statistics, rule).to_json() for rule in RULES]


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_batch_sizes_give_the_same_bytes(batch: int, collect: Collect, whole: Statistics) -> None:
    assert thresholds(collect(batch, (1, 1))) == thresholds(whole)


@pytest.mark.parametrize("shards", range(2, 9))
def test_shards_give_the_same_bytes_in_any_merge_tree(shards: int, collect: Collect, whole: Statistics) -> None:
    parts = [collect(5, (index, shards)) for index in range(1, shards + 1)]
    shuffled = [parts[index] for index in np.random.default_rng(shards).permutation(shards)]
    in_a_row = reduce(Statistics.merge, shuffled)
    assert thresholds(in_a_row) == thresholds(tree(shuffled)) == thresholds(whole)


def tree(parts: list[Statistics]) -> Statistics:
    """Neighbours merged, again and again."""
    while len(parts) > 1:
        pairs = [left.merge(right) for left, right in list(pairwise(parts))[::2]]
        parts = pairs + parts[2 * len(pairs) :]
    return parts[0]
