"""How much of a limit on the time is kept for what follows the measuring."""

from __future__ import annotations

import pytest

from quantkit.pipeline.following import MOST_KEPT, Following, Pace

PACE = Pace(read_s=0.01, run_s=0.04)
# Reading, and five models that take half as long as what was measured.
EACH = 0.01 + 5 * 0.02


def following(limit_s: float = 100.0, timing_s: float = 0.0) -> Following:
    return Following(limit_s, 5, making_s=4.0, loading_s=1.0, timing_s=timing_s)


def test_making_loading_and_running_all_networks_is_kept() -> None:
    # The file and the page at the end are a fiftieth.
    assert following().kept_s(64, PACE) == pytest.approx(4.0 + 1.0 + 2.0 + 64 * EACH)


def test_latency_loads_them_again_and_takes_a_little_more_than_it_is_told() -> None:
    assert following(timing_s=10.0).kept_s(64, PACE) - following().kept_s(64, PACE) == pytest.approx(1.0 + 13.0)


def test_slow_networks_take_longer_to_time_than_was_asked_for() -> None:
    slow = Pace(0.0, 0.2)
    assert following(timing_s=1.0).kept_s(0, slow) == pytest.approx(4.0 + 2.0 + 2.0 + 18 * 5 * 0.1)


@pytest.mark.parametrize("samples", [10_000, None])
def test_never_more_than_a_share_is_kept(samples: int | None) -> None:
    assert following().kept_s(samples, PACE) == MOST_KEPT * 100.0


def test_as_many_samples_are_compared_as_there_is_time_for() -> None:
    assert following().samples(3.0 + 20 * EACH + EACH / 2, PACE) == 20


@pytest.mark.parametrize("pace", [PACE, Pace(0.0, 0.0)])
def test_a_few_are_compared_in_any_case(pace: Pace) -> None:
    assert following().samples(-5.0, pace) == 8
