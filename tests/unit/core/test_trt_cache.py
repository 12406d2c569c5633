"""A calibration cache as a record: whatever it holds comes back from its bytes, bit for bit."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quantkit.core.calibration import Calibration, Provenance, TensorCalibration
from quantkit.core.errors import ArtifactError, UsageError
from quantkit.core.ranges import Range
from quantkit.core.trt_cache import (
    ALGORITHMS,
    LARGEST_SCALE,
    Header,
    LegacyHeader,
    TensorrtCache,
    constants,
    ranges_of,
    scales_of,
    stated,
)
from quantkit.core.trt_cache_text import parsed

PROVENANCE = Provenance(model="a" * 64, samples=3, samples_digest="b" * 64)

# All that a line can hold: no newline ends a name, and half a surrogate pair has no encoding.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1, max_size=20)
SCALES = st.floats(2.0**-63, 2.0**63, width=32).map(np.float32)
HEADERS = st.one_of(
    st.builds(Header, st.sampled_from(["8503", "8XXX", "7000", "100300"]), st.sampled_from(ALGORITHMS)),
    st.builds(LegacyHeader, st.floats(0, 1), st.floats(0, 1)),
)
CACHES = st.builds(TensorrtCache, HEADERS, st.dictionaries(NAMES, SCALES, min_size=1, max_size=8))


@given(CACHES)
@example(TensorrtCache(Header(), {"a: b:": np.float32(1), " ": np.float32(2), "\r\x85\u2028": np.float32(3)}))
def test_every_cache_comes_back_from_its_bytes(cache: TensorrtCache) -> None:
    again = parsed(cache.to_bytes())
    assert again == cache
    assert list(again.scales) == list(cache.scales)
    assert again.to_bytes() == cache.to_bytes()


@given(CACHES, CACHES)
def test_two_caches_are_merged_if_one_calibrator_takes_both(first: TensorrtCache, second: TensorrtCache) -> None:
    other = TensorrtCache(first.header, {**second.scales, **first.scales})
    both = first.merged(other)
    assert both.header == first.header
    assert both.scales == {**second.scales, **first.scales} == other.merged(first).scales
    assert list(both.scales)[: len(first.scales)] == list(first.scales)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Header(), Header(algorithm="MinMaxCalibration")),
        (Header(), Header.of("10.3")),
        (Header.of("10.3"), Header.of("10.9")),
        (Header(), LegacyHeader(0.99, 0.5)),
        (LegacyHeader(0.99, 0.5), LegacyHeader(0.98, 0.5)),
    ],
)
def test_caches_that_no_calibrator_takes_both_are_not_merged(
    one: Header | LegacyHeader, other: Header | LegacyHeader
) -> None:
    scales = {"a": np.float32(1)}
    with pytest.raises(ArtifactError, match=r"QK3276.*are not merged"):
        TensorrtCache(one, scales).merged(TensorrtCache(other, scales))


def test_a_tensor_with_two_scales_is_not_merged() -> None:
    one = TensorrtCache(Header(), {"a": np.float32(1), "b": np.float32(1), "c": np.float32(1)})
    other = TensorrtCache(Header("9200"), {"a": np.float32(1), "c": np.float32(2), "b": np.float32(3)})
    with pytest.raises(ArtifactError, match=r"QK3277\]: 2 tensors have .* 'b'\n.*\n.*1 in the one, 3 in the other"):
        one.merged(other)


@given(CACHES)
def test_ranges_and_back_are_the_same_scales_to_the_last_bit(cache: TensorrtCache) -> None:
    assert scales_of(ranges_of(cache.scales)) == cache.scales
    calibration = cache.calibration(PROVENANCE)
    assert TensorrtCache.of(Calibration.from_json(calibration.to_json()), Header()).scales == cache.scales


@given(st.floats(2.0**-50, 2.0**60, width=32))
def test_a_scale_is_what_tensorrts_own_float32_division_gives(limit: float) -> None:
    assert scales_of({"t": Range.symmetric(limit)})["t"] == np.float32(limit) / np.float32(127)


def test_a_cache_gives_symmetric_ranges_under_the_rule_of_its_header() -> None:
    calibration = TensorrtCache(Header(), {"data": np.float32(0.5)}).calibration(PROVENANCE)
    assert calibration.ranges == {"data": Range(-63.5, 63.5)}
    assert (calibration.rule, calibration.symmetric) == ("tensorrt cache: EntropyCalibration2", True)
    assert calibration.provenance == PROVENANCE


def test_a_rule_that_is_known_better_stays() -> None:
    cache = TensorrtCache(Header(), {"data": np.float32(0.5)})
    assert cache.calibration(PROVENANCE, "mse").tensors["data"].rule == "mse"


def test_scales_cover_what_was_observed_and_kept_and_no_more() -> None:
    relu = TensorCalibration(Range(-9.0, 9.0), observed=Range(0.0, 6.35), rule="max")
    calibration = Calibration("max", symmetric=True, tensors={"relu": relu}, provenance=PROVENANCE)
    assert TensorrtCache.of(calibration, Header()).scales["relu"] == np.float32(0.05)


def test_a_tensor_that_was_always_zero_gets_scale_one_and_is_known() -> None:
    nothing = TensorCalibration(Range(0.0, 0.0), observed=Range(0.0, 0.0), rule="max")
    calibration = Calibration("max", symmetric=True, tensors={"dead": nothing}, provenance=PROVENANCE)
    assert TensorrtCache.of(calibration, Header()).scales == {"dead": np.float32(1)}
    assert constants(calibration) == ["dead"]


def test_stated_ranges_are_symmetric_only_if_all_of_them_are() -> None:
    assert stated({"a": Range(-1.0, 1.0)}, "mine", PROVENANCE).symmetric
    assert not stated({"a": Range(-1.0, 1.0), "b": Range(0.5, 1.0)}, "mine", PROVENANCE).symmetric
    assert stated({"b": Range(0.5, 1.0)}, "mine", PROVENANCE).ranges["b"] == Range(0.0, 1.0)


@pytest.mark.parametrize(
    ("tensorrt", "first"),
    [
        ("8.5.3", "TRT-8503-EntropyCalibration2"),
        ("8.5.3.1", "TRT-8503-EntropyCalibration2"),
        ("7.2.2", "TRT-7202-EntropyCalibration2"),
        ("9.3", "TRT-9300-EntropyCalibration2"),
        ("10.3.0", "TRT-100300-EntropyCalibration2"),
        ("10.16.1.11", "TRT-101601-EntropyCalibration2"),
    ],
)
def test_a_version_is_spelled_as_its_tensorrt_does(tensorrt: str, first: str) -> None:
    header = Header.of(tensorrt)
    assert str(header) == first
    assert header.tensorrt == ".".join([*tensorrt.split("."), "0"][:3])


@pytest.mark.parametrize("word", ["11.4.0", "8.50.3", "8503", "8.5.x", "", "4.0.0", "8.5.3\n", "٨.5.3"])
def test_a_version_without_calibration_caches_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="is no version of TensorRT that reads calibration caches") as refusal:
        Header.of(word)
    assert "TensorRT 11 takes scales from the model alone" in refusal.value.hints[1]


def test_headers_say_what_they_mean() -> None:
    assert Header("8XXX", "MinMaxCalibration").meaning == "TensorRT 8XXX, MinMaxCalibration"
    assert Header("8XXX").tensorrt is None
    assert LegacyHeader(0.9999, 1.0).meaning == "TensorRT's legacy calibrator, quantile 0.9999, regression cutoff 1"
    assert LegacyHeader(0.9999, 1.0).tensorrt is None


@pytest.mark.parametrize(
    ("name", "cause"),
    [("", "it is empty"), ("a\nb", "a newline in it ends the line"), ("\ud800", "surrogates not allowed")],
    ids=["empty", "newline", "surrogate"],
)
def test_a_name_that_no_line_holds_is_refused(name: str, cause: str) -> None:
    with pytest.raises(ArtifactError, match="no calibration cache can hold a tensor called") as refusal:
        TensorrtCache(Header(), {name: np.float32(1)})
    assert cause in str(refusal.value.cause)


@pytest.mark.parametrize(
    ("bits", "cause"),
    [
        ("7fc00000", "a scale is finite"),
        ("7f800000", "a scale is finite"),
        ("bf800000", "a scale is positive"),
        ("00000001", "no normal float32"),
        ("7149f2ca", "no normal float32"),  # 1e30
    ],
)
def test_a_scale_that_quantizes_nothing_is_refused(bits: str, cause: str) -> None:
    (scale,) = struct.unpack(">f", bytes.fromhex(bits))
    with pytest.raises(ArtifactError, match=r"tensor 'conv1': .* is no scale to quantize with") as refusal:
        TensorrtCache(Header(), {"conv1": np.float32(scale)})
    assert cause in str(refusal.value.cause)
    assert refusal.value.code == "QK3264"


def test_a_range_too_wide_for_any_scale_is_refused_with_its_tensor() -> None:
    wide = TensorCalibration(Range.symmetric(1e30), observed=Range.symmetric(1e30), rule="max")
    calibration = Calibration("max", symmetric=True, tensors={"conv1": wide}, provenance=PROVENANCE)
    with pytest.raises(ArtifactError, match=r"tensor 'conv1': 7\.87402e\+27 is no scale") as refusal:
        TensorrtCache.of(calibration, Header())
    assert "one huge value" in refusal.value.hints[0]
    assert float(LARGEST_SCALE) ** 2 < float(np.finfo(np.float32).max)


def test_a_cache_without_tensors_is_refused() -> None:
    with pytest.raises(ArtifactError, match="without a single scale"):
        TensorrtCache(Header(), {})


def test_its_repr_says_what_it_is() -> None:
    assert (
        repr(TensorrtCache(Header(), {"a": np.float32(1)})) == "TensorrtCache(TRT-8503-EntropyCalibration2: 1 tensors)"
    )


def test_the_scale_of_a_tensor_that_was_always_0_is_taken_as_tensorrt_writes_it() -> None:
    cache = TensorrtCache(Header(), {"conv1": np.float32(1), "(Unnamed Layer* 8) [Constant]_output": np.float32(0)})
    assert parsed(cache.to_bytes()) == cache
    assert ranges_of(cache.scales)["(Unnamed Layer* 8) [Constant]_output"].limit == 0
