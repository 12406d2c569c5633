from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quantkit.core.errors import ArtifactError
from quantkit.core.statistics import ChannelExtrema, Fingerprint, SampleId, Statistics, incomplete, merged
from tests.histograms import counted, drawn

ORIGIN = Fingerprint(model="a" * 64)


def shard(*numbers: int) -> Statistics:
    """What was counted of the samples with these numbers."""
    values = {number: drawn("gaussian", n=100, seed=number) * np.float32(number) for number in numbers}
    finite = np.concatenate(list(values.values()))
    return Statistics(
        fingerprint=ORIGIN,
        histograms={"second": counted(finite), "first": counted(*values.values())},
        samples=tuple(SampleId(f"{number}.jpg", f"{number:064x}") for number in numbers),
        channels={"first": ChannelExtrema(1, finite[:3].min(keepdims=True), finite[:3].max(keepdims=True))},
        environment={"threads": str(len(numbers))},
        first_nonfinite={"first": f"{numbers[0]}.jpg"},
    )


def test_shards_merge_alike_in_any_order_and_grouping() -> None:
    a, b, c = shard(1, 2), shard(3), shard(9, 4)
    assert merged([a, b, c]) == merged([c, a, b]) == a.merge(b.merge(c))


def test_merged_histograms_are_those_of_all_samples() -> None:
    assert shard(1, 2).merge(shard(3)).histograms == shard(1, 2, 3).histograms


def test_tensors_and_samples_are_kept_in_order() -> None:
    whole = shard(9, 4).merge(shard(1))
    assert list(whole.histograms) == ["first", "second"]
    assert [sample.name for sample in whole.samples] == ["1.jpg", "4.jpg", "9.jpg"]


def test_merging_keeps_both_environments_and_the_first_sample_that_went_wrong() -> None:
    whole = shard(3).merge(shard(1, 2)).merge(shard(8))
    assert whole.environment == {"threads": "1 | 2"}
    assert whole.first_nonfinite == {"first": "1.jpg"}


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"model": "b" * 64}, f"model: {'a' * 64} against {'b' * 64}"),
        ({"preprocessing": '{"scale": 255}'}, "preprocessing: "),
        ({"dtype": "float16"}, "dtype: float32 against float16"),
    ],
    ids=["model", "preprocessing", "dtype"],
)
def test_statistics_of_another_origin_are_refused(change: dict[str, str], difference: str) -> None:
    other = replace(shard(2), fingerprint=replace(ORIGIN, **change))  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match=r"QK3211.*different origin") as refusal:
        shard(1).merge(other)
    assert difference in str(refusal.value)


def test_statistics_of_other_tensors_are_refused() -> None:
    other = replace(shard(2), histograms={"first": counted(np.ones(1, np.float32))})
    with pytest.raises(ArtifactError, match=r"QK3211") as refusal:
        shard(1).merge(other)
    assert "1 are in one only, such as ['second']" in str(refusal.value)


def test_a_sample_is_never_counted_twice() -> None:
    with pytest.raises(ArtifactError, match=r"QK3212.*1 samples are in both") as refusal:
        shard(1, 2).merge(shard(2, 3))
    assert refusal.value.where == "2.jpg"


def test_channel_extrema_merge_elementwise() -> None:
    one = ChannelExtrema(1, np.array([-1, 0], np.float32), np.array([1, 5], np.float32))
    two = ChannelExtrema(1, np.array([-3, 1], np.float32), np.array([0, 9], np.float32))
    assert one.merge(two) == ChannelExtrema(1, np.array([-3, 0], np.float32), np.array([1, 9], np.float32))
    assert one != two


def test_statistics_say_how_much_they_hold() -> None:
    assert repr(shard(1, 2)) == "Statistics(2 tensors from 2 samples)"


def test_shards_know_which_of_them_are_missing() -> None:
    first, second, third = (shard(number).as_part(number, 3) for number in (1, 2, 3))
    some = third.merge(first)
    assert (some.parts, some.absent) == (("1/3", "3/3"), ("2/3",))
    assert some.merge(second).parts == ()
    assert merged([second, third, first]) == merged([shard(1), shard(2), shard(3)])
    assert shard(1).as_part(1, 1).parts == ()


def test_a_long_list_of_missing_shards_is_cut() -> None:
    assert "shard 2/9, 3/9, 4/9, 5/9, 6/9 and 3 more are missing" in incomplete(shard(1).as_part(1, 9).absent)
