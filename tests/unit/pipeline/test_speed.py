"""What is no faster in integers stays in floats, found by building and measuring on a GPU that is not there."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Latency
from quantkit.core.errors import SetupError
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model, from_proto
from quantkit.graph.prepare import prepared
from quantkit.pipeline.engines import Engines
from quantkit.pipeline.speed import ExcludeBy, notes_on_speed
from tests.unit.backends.tensorrt import fakes
from tests.unit.backends.tensorrt.fakes import trt
from tests.unit.backends.tensorrt.inspected import keep_in_floats, take
from tests.unit.backends.tensorrt.small_models import calibrated, network

# Every other node, and everything in FP16, takes 2 ms.
ALL_FAST = {"conv1": 1.0, "conv2": 1.0, "classifier": 1.0}


@pytest.fixture(autouse=True)
def _stand_in() -> Iterator[None]:
    with fakes.quickly_timed():
        yield


@pytest.fixture(scope="module")
def model() -> Model:
    return prepared(from_proto(network()))


@pytest.fixture(scope="module")
def calibration(model: Model) -> Calibration:
    return calibrated(model)


@pytest.fixture
def engines(model: Model) -> Engines:
    return Engines(model, BuildOptions(batch=8))


def builds() -> int:
    return len(trt.built)


def test_profiles_find_what_integers_slow_down(
    engines: Engines, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(monkeypatch, {**ALL_FAST, "conv1": 3.0})
    assert engines.exclusion(calibration, by="profile") == Exclusion(nodes=("conv1",))
    # FP16, INT8 everywhere, INT8 without conv1.
    assert builds() == 3


def test_the_search_says_what_it_tries(model: Model, calibration: Calibration, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    fakes.tell_of_builds()
    take(monkeypatch, {**ALL_FAST, "conv1": 3.0})
    Engines(model, BuildOptions(batch=8), progress=told.append).exclusion(calibration, by="profile")
    assert told == [
        "looking for what is no faster in INT8: building",
        "placement 1 of at most 4: building",
        "placement 1 of at most 4: timing the int8 engine beside the others",
        "placement 2 of at most 4: building",
        "placement 2 of at most 4: timing the int8 engine beside the others",
    ]


def test_a_conversion_counts_for_the_product_that_needs_it(
    engines: Engines, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(monkeypatch, {**ALL_FAST, "conv2": 0.5}, pair=0.7)
    # A pair on its input and a DQ on its weight take 2.1 ms, more than any of them gains but the ReLU before conv2.
    found = engines.exclusion(calibration, by="profile")
    assert set(found.nodes) == {"conv1", "classifier"}


def test_what_is_asked_for_stays_out(
    engines: Engines, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(monkeypatch, {**ALL_FAST, "conv1": 3.0})
    asked = Exclusion(nodes=("conv2",), ops=("Gemm",))
    # Without conv1 nothing would be in integers any more.
    assert engines.exclusion(calibration, asked, by="profile") == asked


def test_the_placement_that_loses_least_is_kept(
    engines: Engines, calibration: Calibration, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    take(monkeypatch, {"conv1": 4.0, "conv2": 3.0, "classifier": 2.5})
    with caplog.at_level(logging.WARNING):
        found = engines.exclusion(calibration, by="profile")
    assert found == Exclusion(nodes=("conv1", "conv2"))
    assert "INT8 is no faster than FP16 on this GPU for this model: 1.03 × the time" in caplog.text


def test_a_placement_that_turns_out_slower_is_not_kept(
    engines: Engines, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(monkeypatch, {"conv1": 1.99, "conv2": 1.0, "classifier": 1.0})
    # Noise makes conv1 look no faster, and without it the engine is slower.
    assert engines.exclusion(calibration, by="profile") == Exclusion()


def test_without_being_told_the_inspector_is_believed_if_the_engine_is_as_fast(
    engines: Engines, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(monkeypatch, ALL_FAST)
    keep_in_floats(monkeypatch, "conv1")
    assert engines.exclusion(calibration) == Exclusion(nodes=("conv1",))
    # FP16, implicit, INT8 without conv1.
    assert builds() == 3


def test_if_it_is_slower_profiles_decide(
    engines: Engines, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(monkeypatch, {"conv1": 9.0, "conv2": 1.0, "classifier": 6.0})
    keep_in_floats(monkeypatch, "conv1")
    assert engines.exclusion(calibration) == Exclusion(nodes=("conv1", "classifier"))


def test_the_inspector_alone_measures_nothing(
    engines: Engines, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(monkeypatch, {"conv1": 9.0, "conv2": 1.0, "classifier": 6.0})
    keep_in_floats(monkeypatch, "conv1")
    assert engines.exclusion(calibration, by="inspector") == Exclusion(nodes=("conv1",))
    assert builds() == 1


def test_nothing_more_than_asked_for_takes_no_build(engines: Engines, calibration: Calibration) -> None:
    asked = Exclusion(ops=("Gemm",))
    assert engines.exclusion(calibration, asked, by="none") == asked
    assert not builds()


@pytest.mark.parametrize("by", ["auto", "profile"])
def test_version_11_goes_by_profiles(
    engines: Engines, calibration: Calibration, monkeypatch: pytest.MonkeyPatch, by: ExcludeBy
) -> None:
    monkeypatch.delattr(trt, "IInt8Calibrator")
    take(monkeypatch, {**ALL_FAST, "conv1": 3.0})
    assert engines.exclusion(calibration, by=by) == Exclusion(nodes=("conv1",))


def test_version_11_has_no_engine_to_inspect(
    engines: Engines, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(trt, "IInt8Calibrator")
    with pytest.raises(SetupError, match="QK4025"):
        engines.exclusion(calibration, by="inspector")


def blocks(*milliseconds: float) -> Latency:
    """A latency of ten blocks."""
    spans = milliseconds * (10 // len(milliseconds))
    return Latency(sum(milliseconds) / len(milliseconds), 9.0, 200, 1, 20, spans, spans)


@pytest.mark.parametrize(
    ("int8", "said"),
    [
        (blocks(1.1), ("INT8 is no faster than FP16 on this GPU for this model: max takes 1.100 ms, FP16 1.000 ms",)),
        (
            blocks(0.9, 1.05),
            (
                "INT8 is not shown to be faster than FP16 on this GPU for this model (0.90 to 1.05 × the time): "
                "max takes 0.975 ms, FP16 1.000 ms",
            ),
        ),
        (blocks(0.9), ()),
        (Latency(0.999, 1.0, 100, 1, 5), ()),
        (
            Latency(1.001, 1.0, 100, 1, 5),
            ("INT8 is no faster than FP16 on this GPU for this model: max takes 1.001 ms, FP16 1.000 ms",),
        ),
    ],
    ids=["slower", "perhaps", "faster", "a little faster, without blocks", "a little slower, without blocks"],
)
def test_a_note_on_speed_says_what_is_shown(int8: Latency, said: tuple[str, ...]) -> None:
    assert notes_on_speed({"FP16": blocks(1.0), "max": int8}) == said
