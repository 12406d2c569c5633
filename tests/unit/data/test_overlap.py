"""Samples that two sets share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.statistics import SampleId
from quantkit.data.overlap import overlap

ids = st.lists(st.builds(SampleId, st.text(max_size=3), st.sampled_from("abcdef")), max_size=8)


@given(ids, ids)
def test_every_shared_content_of_the_second_set_is_found(first: list[SampleId], second: list[SampleId]) -> None:
    digests = {sample.digest for sample in first}
    assert len(overlap(first, second)) == sum(sample.digest in digests for sample in second)
