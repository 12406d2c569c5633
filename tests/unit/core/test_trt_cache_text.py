"""Whatever stands in the file: a cache, or an error that names line and reason."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.errors import ArtifactError
from quantkit.core.trt_cache import Header, LegacyHeader
from quantkit.core.trt_cache_text import LONGEST_LINE, MOST_BYTES, MOST_FLAWS, parsed, read

FIRST = b"TRT-8503-EntropyCalibration2\n"
ONE = np.float32(1)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_cache_or_refused(content: bytes) -> None:
    with suppress(ArtifactError):
        parsed(content)


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"a: 3f800000", b"\r", b"a:", b": 1", b"a: 0"]))))
def test_arbitrary_lines_are_a_cache_or_refused(lines: list[bytes]) -> None:
    content = FIRST + b"\n".join(lines)
    reading = read(content)
    if reading.flaws:
        with pytest.raises(ArtifactError) as refusal:
            parsed(content)
        assert refusal.value.where == f"cache:{reading.flaws[0].line}"
    else:
        cache = parsed(content)
        assert parsed(cache.to_bytes()) == cache


@dataclass(frozen=True, slots=True)
class Variant:
    """Another way to write the scales a → 1, b:0 → 2⁻¹⁰⁰."""

    name: str
    content: bytes


VARIANTS = [
    Variant("as written", FIRST + b"a: 3f800000\nb:0: 0d800000\n"),
    Variant("short hex", FIRST + b"a: 3f800000\nb:0: d800000\n"),
    Variant("capitals", FIRST + b"a: 3F800000\nb:0: 0D800000\n"),
    Variant("CRLF", FIRST[:-1] + b"\r\na: 3f800000\r\nb:0: 0d800000\r\n"),
    Variant("blank lines behind", FIRST + b"a: 3f800000\nb:0: 0d800000\n\n \r\n\n"),
    Variant("no last newline", FIRST + b"a: 3f800000\nb:0: 0d800000"),
    Variant("no space", FIRST + b"a:3f800000\nb:0:0d800000\n"),
    Variant("more space", FIRST + b"a: \t3f800000 \nb:0:   0d800000\t\n"),
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_what_editors_and_scripts_make_of_a_cache_means_the_same(variant: Variant) -> None:
    # 2⁻¹⁰⁰ is smaller than any scale that a network has, and shows that the zeros in front are restored.
    found = read(variant.content)
    assert found.scales == {"a": ONE}
    assert [(flaw.line, flaw.code) for flaw in found.flaws] == [(3, "QK3264")]
    assert "7.88861e-31" in found.flaws[0].title


@pytest.mark.parametrize(
    ("first", "header"),
    [
        ("TRT-8503-EntropyCalibration2", Header("8503", "EntropyCalibration2")),
        ("TRT-100300-MinMaxCalibration", Header("100300", "MinMaxCalibration")),
        ("TRT-8XXX-EntropyCalibration", Header("8XXX", "EntropyCalibration")),
        ("0 3ff0000000000000 3fefff2e48e8a71e", LegacyHeader(quantile=0.9999, cutoff=1.0)),
        ("0 0 3fe0000000000000", LegacyHeader(quantile=0.5, cutoff=0.0)),
    ],
)
def test_first_lines_of_all_calibrators(first: str, header: Header | LegacyHeader) -> None:
    assert parsed(f"{first}\na: 3f800000\n".encode()).header == header


@dataclass(frozen=True, slots=True)
class Bad:
    """A file that is refused: with which code, in which line, with which words."""

    name: str
    content: bytes
    code: str
    line: int
    says: str


REFUSED = [
    Bad("empty", b"", "QK3262", 1, "the file is empty"),
    Bad("blank", b"\n\n", "QK3262", 1, "the file is empty"),
    Bad("header only", FIRST, "QK3262", 1, "holds no scale"),
    Bad("no header", b"data: 3caa54fc\n", "QK3262", 1, "not a calibration cache: the first line is 'data: 3caa54fc'"),
    Bad("JSON", b'{"schema": 1}', "QK3262", 1, "not a calibration cache"),
    Bad("garbage", bytes(range(256)), "QK3262", 1, "not a calibration cache"),
    Bad("byte order mark", b"\xef\xbb\xbf" + FIRST + b"a: 3f800000\n", "QK3262", 1, "not a calibration cache"),
    Bad("old Mac", FIRST[:-1] + b"\ra: 3f800000\r", "QK3262", 1, "not a calibration cache"),
    Bad("misspelled", b"TRT-8503-EntropyCalibrator2\na: 3f800000\n", "QK3262", 1, "no algorithm 'EntropyCalibrator2'"),
    Bad("version of three", b"TRT-853-EntropyCalibration2\na: 3f800000\n", "QK3262", 1, "not a calibration cache"),
    Bad("legacy beyond 1", b"0 4000000000000000 3fe0000000000000\na: 1\n", "QK3262", 1, "are no shares"),
    Bad("legacy NaN", b"0 7ff8000000000000 3fe0000000000000\na: 1\n", "QK3262", 1, "are no shares"),
    Bad("too large", FIRST + b"\n" * MOST_BYTES + b"a", "QK3262", 1, "bytes are too many"),
    Bad("no colon", FIRST + b"a: 3f800000\nconv\n", "QK3263", 3, "'conv' is not a tensor's name, a colon"),
    Bad("no name", FIRST + b": 3f800000\n", "QK3263", 2, "is not a tensor's name"),
    Bad("no scale", FIRST + b"a: \n", "QK3263", 2, "is not a tensor's name"),
    Bad("not hex", FIRST + b"a: 3g800000\n", "QK3263", 2, "is not a tensor's name"),
    Bad("0x", FIRST + b"a: 0x3f8000\n", "QK3263", 2, "is not a tensor's name"),
    Bad("nine digits", FIRST + b"a: 03f800000\n", "QK3263", 2, "is not a tensor's name"),
    Bad("decimal", FIRST + b"a: 0.0208\n", "QK3263", 2, "is not a tensor's name"),
    Bad("blank between", FIRST + b"a: 3f800000\n\nb: 3f800000\n", "QK3263", 3, "'' is not a tensor's name"),
    Bad("not UTF-8", FIRST + b"caf\xe9: 3f800000\n", "QK3263", 2, r"not text: 'caf\\xe9"),
    Bad("endless line", FIRST + b"x" * (LONGEST_LINE + 1), "QK3263", 2, "bytes are too many"),
    Bad("cut in the scale", FIRST + b"a: 3f800000\nb: 3f80", "QK3263", 3, "the file breaks off in 'b: 3f80'"),
    Bad("cut in the name", FIRST + b"a: 3f800000\nrel", "QK3263", 3, "the file breaks off in 'rel'"),
    Bad("twice", FIRST + b"a: 3f800000\nb: 3f800000\na: 3f800000\n", "QK3265", 4, "has a scale in line 2 already"),
    Bad("negative", FIRST + b"a: bf800000\n", "QK3264", 2, "a scale of -1: a scale is positive"),
    Bad("NaN", FIRST + b"a: 7fc00000\n", "QK3264", 2, "a scale of nan: a scale is finite"),
    Bad("infinity", FIRST + b"a: 7f800000\n", "QK3264", 2, "a scale of inf: a scale is finite"),
    Bad("absurd", FIRST + b"a: 7149f2ca\n", "QK3264", 2, "a scale of 1e"),
]


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.name)
def test_what_tensorrt_never_writes_is_refused_with_its_line(bad: Bad) -> None:
    with pytest.raises(ArtifactError) as refusal:
        parsed(bad.content, "net.cache")
    assert refusal.value.code == bad.code
    assert refusal.value.where == f"net.cache:{bad.line}"
    assert bad.says in refusal.value.title


def test_a_misspelled_algorithm_is_set_right() -> None:
    (flaw,) = read(b"TRT-8503-EntropyCalibrator2\na: 3f800000\n").flaws
    assert flaw.hints[0] == "did you mean 'EntropyCalibration2'?"


def test_bytes_in_the_wrong_order_are_recognized() -> None:
    (flaw,) = read(FIRST + b"data: fc54aa3c\n").flaws
    assert flaw.hints[0] == "read backwards it is 0.0207925: whoever wrote it confused the order of the bytes"
    assert flaw.hints[1] == "without line 2 the tensor is left in FP16 or FP32: sed -i 2d FILE"


def test_everything_that_is_wrong_is_found_and_the_rest_is_read() -> None:
    reading = read(b"nonsense\na: 3f800000\nb: x\nc: bf800000\nd: 40000000\n")
    assert [str(flaw).partition(":")[0] for flaw in reading.flaws] == ["line 1", "line 3", "line 4"]
    assert reading.scales == {"a": ONE, "d": np.float32(2)}
    with pytest.raises(ArtifactError, match="the first line is 'nonsense'") as refusal:
        parsed(b"nonsense\na: 3f800000\nb: x\nc: bf800000\n", "net.cache")
    assert refusal.value.hints[-1] == "2 more: quantkit cache lint net.cache"


def test_a_file_of_nothing_but_errors_ends_soon() -> None:
    assert len(read(FIRST + b"x\n" * 10_000).flaws) == MOST_FLAWS


@pytest.mark.material
@pytest.mark.parametrize("calibrator", ["MinMax", "Entropy", "Entropy2", "Legacy"])
def test_real_caches_come_back_byte_for_byte(material: Path, calibrator: str) -> None:
    name = "IInt8EntropyCalibrator2" if calibrator == "Entropy2" else f"IInt8{calibrator}Calibrator"
    content = (material / "oracle" / f"{name}.cache").read_bytes()
    assert parsed(content).to_bytes() == content
