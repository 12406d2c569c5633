"""How much a metric may lose."""

from __future__ import annotations

import pytest

from quantkit.core.errors import UsageError
from quantkit.core.tolerance import PRESETS, Drop, Tolerance


def test_of_two_tolerances_the_stricter_holds() -> None:
    assert Tolerance(0.9, Drop(1, "pp")).limit(0.8, "share", "top1") == 0.01
    assert Tolerance(0.999, Drop(1, "pp")).limit(0.8, "share", "top1") == pytest.approx(0.0008)


def test_an_error_rate_is_held_to_its_complement() -> None:
    # A word error rate of 8 % is an accuracy of 92 %, of which 99 % have to stay.
    limit = Tolerance(0.99).limit(0.08, "share", "wer", higher_is_better=False)
    assert limit == pytest.approx(0.0092)


def test_what_has_no_upper_end_has_no_ratio() -> None:
    with pytest.raises(UsageError, match="a ratio means nothing for error"):
        Tolerance(0.99).limit(0.5, "", "error", higher_is_better=False)


@pytest.mark.parametrize(("drop", "unit"), [(Drop(1, "pp"), "dB"), (Drop(1, "dB"), "share"), (Drop(1, "dB"), "")])
def test_a_drop_in_another_unit_is_refused(drop: Drop, unit: str) -> None:
    with pytest.raises(UsageError, match="is not understood"):
        drop.within(unit, "metric", 0.5)


@pytest.mark.parametrize(("size", "points"), [(5, 5), (1, 1), (0.5, 50), (0.01, 1)])
def test_a_share_has_no_drop_without_a_unit(size: float, points: float) -> None:
    with pytest.raises(UsageError, match="has no unit") as refusal:
        Drop(size).within("share", "top1", 0.76)
    assert refusal.value.hints[0] == f"top1={points:g}pp for percentage points"


def test_percent_are_of_the_references_value() -> None:
    assert Drop(1, "%").within("share", "top1", 0.76) == pytest.approx(0.0076)
    assert Drop(2, "%").within("dB", "psnr", 30.0) == pytest.approx(0.6)


@pytest.mark.parametrize("drop", [Drop(1, "pp"), Drop(0.5, "dB"), Drop(2, "%"), Drop(0.25)])
def test_what_a_drop_is_written_as_is_read_as_the_same(drop: Drop) -> None:
    assert Drop.parsed(str(drop)) == drop


@pytest.mark.parametrize(("text", "message"), [("pp", "no number"), ("-1pp", "at least 0"), ("inf", "finite")])
def test_what_is_no_drop_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Drop.parsed(text)


def test_presets_are_what_they_are_called() -> None:
    limits = {name: tolerance.limit(0.76, "share", "top1") for name, tolerance in PRESETS.items()}
    assert limits == pytest.approx({"mlperf-99": 0.0076, "mlperf-999": 0.00076, "strict": 0.001})
