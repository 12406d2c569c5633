"""``quantkit cache``, as a person or a script meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import pytest

from quantkit.cli.main import main
from quantkit.core.calibration import Calibration, Provenance
from quantkit.core.json_values import encoded
from quantkit.core.ranges import Range
from quantkit.core.trt_cache import Header, TensorrtCache, ranges_of, stated
from quantkit.core.trt_cache_file import Origin, load, save, sidecar
from quantkit.data.preprocessing import PRESETS
from quantkit.graph.model import load as load_model
from tests.onnx_models import random, saved, written

GRAPH = """g (float[N, 3, 8, 8] data) => (float[N, 2, 4, 4] out) {
    conv = Conv <pads = [1, 1, 1, 1]> (data, w)
    relu = Relu(conv)
    pool = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (relu)
    out = Conv (pool, v) }"""

# ImageNet's mean and standard deviation leave 2.64 as the largest magnitude.
IMAGENET = np.float32(2.64 / 127)
SCALES = {
    "data": IMAGENET,
    "conv": np.float32(0.25),
    "relu": np.float32(0.25),
    "pool": np.float32(0.25),
    "out": np.float32(0.5),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a command line came to."""

    exit_code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document that it is."""
        return json.loads(self.out)


Cache: TypeAlias = Callable[..., Said]


@pytest.fixture
def cache(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """Runs ``quantkit cache`` with these words, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Said:
        exit_code = main(["cache", *words])
        return Said(exit_code, *capsys.readouterr())

    return run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return saved(written(GRAPH, w=random(4, 3, 3, 3), v=random(2, 4, 1, 1)), tmp_path)


def origin(model: Path, rule: str = "entropy", preset: str = "imagenet") -> Origin:
    record = {**PRESETS[preset].record(), "decoding": {"exif": "applied"}}
    return Origin(rule, Provenance(load_model(model).digest, 64, "d" * 64, encoded(record)))


def stored(folder: Path, scales: dict[str, np.float32] | None = None, known: Origin | None = None) -> Path:
    path = folder / "net.cache"
    save(TensorrtCache(Header(), scales or SCALES), path, known)
    return path


def test_inspect_shows_every_scale_and_its_origin(cache: Cache, tmp_path: Path, model: Path) -> None:
    stored(tmp_path, known=origin(model))
    said = cache("inspect", "net.cache")
    assert said.exit_code == 0
    assert "net.cache: TRT-8503-EntropyCalibration2 (entropy), 5 tensors" in said.out
    assert "TensorRT 8.5.3, EntropyCalibration2" in said.out
    assert ["data", "0.0207874", "2.64", "3caa4a57"] in [line.split() for line in said.out.splitlines()]
    document = cache("inspect", "net.cache", "--json").document
    assert document["tensors"]["relu"] == {"scale": 0.25, "amax": 31.75, "hex": "3e800000"}
    assert (document["samples"], document["tensorrt"], document["form"]) == (64, "8.5.3", "cache")


def test_inspect_says_what_is_not_known(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "old.table").write_bytes(b"0 3ff0000000000000 3fefff2e48e8a71e\na\x1b[2J: 3f800000\n")
    said = cache("inspect", "old.table")
    assert "TensorRT's legacy calibrator, quantile 0.9999, regression cutoff 1" in said.out
    assert "not known: there is no old.table.json beside it" in said.out
    assert "\x1b" not in said.out
    assert cache("inspect", "old.table", "--json").document["model"] is None


def test_a_damaged_cache_is_refused_with_its_line(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "net.cache").write_bytes(b"TRT-8503-EntropyCalibration2\na: 3f800000\nb: bf800000\nc: x\n")
    said = cache("inspect", "net.cache")
    assert said.exit_code == 3
    assert "error[QK3264]: tensor 'b': a scale of -1: a scale is positive" in said.err
    assert "--> net.cache:3" in said.err
    assert "1 more: quantkit cache lint net.cache" in said.err


def test_lint_finds_nothing_wrong_with_a_good_cache(cache: Cache, tmp_path: Path, model: Path) -> None:
    stored(tmp_path, known=origin(model))
    said = cache("lint", "net.cache", "--model", str(model), "--preprocess", "imagenet")
    assert (said.exit_code, said.err) == (0, "")
    assert said.out.splitlines()[-1] == "no problems"
    assert "5  tensors of the model with a scale" in said.out


def test_lint_lists_every_line_that_is_wrong(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "net.cache").write_bytes(b"TRT-8503-EntropyCalibration2\na: 3f800000\nb: bf800000\nc: x\n")
    said = cache("lint", "net.cache")
    assert said.exit_code == 3
    assert "problem[QK3264]: line 3: tensor 'b'" in said.out
    assert "problem[QK3263]: line 4: 'c: x'" in said.out
    assert said.out.splitlines()[-1] == "2 problems"
    document = cache("lint", "net.cache", "--json").document
    assert (document["ok"], document["problems"]) == (False, 2)
    assert [finding["line"] for finding in document["findings"][:2]] == [3, 4]


def test_lint_counts_tensors_that_would_quietly_leave_int8(cache: Cache, tmp_path: Path, model: Path) -> None:
    stored(tmp_path, {name: SCALES[name] for name in ("data", "relu")})
    said = cache("lint", "net.cache", "--model", str(model))
    assert said.exit_code == 3
    assert "problem: matrix products leave INT8, since what they read has no scale (1): pool" in said.out
    assert "note: layers may leave INT8, since what they make or read has no scale (1): out" in said.out
    assert "1  without one that TensorRT fuses into their readers" in said.out
    covered = cache("lint", "net.cache", "--model", str(model), "--json").document["coverage"]
    assert (covered["blocking"], covered["fused"], covered["missing"]) == (["pool"], ["conv"], ["pool", "out"])


def test_lint_recognizes_a_cache_of_another_network(cache: Cache, tmp_path: Path, model: Path) -> None:
    names = {"input": IMAGENET, "layer1": np.float32(1), "(Unnamed Layer* 3) [Shuffle]_output": np.float32(2)}
    stored(tmp_path, names)
    said = cache("lint", "net.cache", "--model", str(model))
    assert said.exit_code == 3
    assert "problem: the cache is of another network: names that the model lacks (2): input, layer1" in said.out


def test_lint_mentions_single_strange_names(cache: Cache, tmp_path: Path, model: Path) -> None:
    stored(tmp_path, SCALES | {"old": np.float32(1), "(Unnamed Layer* 3) [Shuffle]_output": np.float32(2)})
    said = cache("lint", "net.cache", "--model", str(model))
    assert said.exit_code == 0
    assert "note: names that the model lacks (1): old\n" in said.out


@pytest.mark.parametrize(
    ("amax", "declared", "says"),
    [
        (255, "imagenet", "input 'data' reaches 255, like pixels left at 0 to 255; images so prepared reach 2.64"),
        (1, "imagenet", "input 'data' reaches 1, like values scaled to 1; images so prepared reach 2.64"),
        (2.64, "none", "input 'data' reaches 2.64, like the preprocessing imagenet; images so prepared reach 255"),
        (7, "imagenet", "problem: input 'data' reaches 7; images so prepared reach 2.64"),
        (2.64 * 127, "imagenet", "127 times too large: the lines seem to hold amax, and not amax / 127"),
    ],
)
def test_lint_compares_the_input_with_the_preprocessing(
    cache: Cache, tmp_path: Path, model: Path, amax: float, declared: str, says: str
) -> None:
    stored(tmp_path, SCALES | {"data": np.float32(amax / 127)})
    for words in ((), ("--model", str(model))):
        said = cache("lint", "net.cache", "--preprocess", declared, *words)
        assert said.exit_code == 3
        assert says in said.out


def test_lint_leaves_it_open_why_an_input_is_narrow(cache: Cache, tmp_path: Path) -> None:
    stored(tmp_path, SCALES | {"data": np.float32(1.2 / 127)})
    said = cache("lint", "net.cache", "--preprocess", "imagenet")
    assert said.exit_code == 0
    assert (
        "note: input 'data' reaches 1.2 and images so prepared 2.64: the rule clips much, or they were others"
        in said.out
    )
    stored(tmp_path, SCALES | {"data": np.float32(2.0 / 127)})
    assert "input" not in cache("lint", "net.cache", "--preprocess", "imagenet").out


@pytest.mark.parametrize(
    ("amax", "says"),
    [(2.64, "reaches 2.64, like the preprocessing imagenet"), (7, "reaches 7\n")],
)
def test_lint_says_what_an_input_looks_like(cache: Cache, tmp_path: Path, amax: float, says: str) -> None:
    stored(tmp_path, SCALES | {"data": np.float32(amax / 127)})
    said = cache("lint", "net.cache")
    assert said.exit_code == 0
    assert says in said.out
    assert "without --model nothing is known about missing tensors" in said.out


def test_lint_reads_the_sidecar(cache: Cache, tmp_path: Path, model: Path) -> None:
    path = stored(tmp_path, known=origin(model, preset="caffe"))
    said = cache("lint", "net.cache", "--model", str(model), "--preprocess", "imagenet")
    assert "problem: the scales were measured with another preprocessing" in said.out
    (tmp_path / "other").mkdir()
    other = saved(written(GRAPH, w=random(4, 3, 3, 3, seed=1), v=random(2, 4, 1, 1)), tmp_path / "other")
    assert "problem[QK3268]: the calibration cache was made with another model" in (
        cache("lint", "net.cache", "--model", str(other)).out
    )
    path.write_bytes(path.read_bytes().replace(b"3e800000", b"3e900000"))
    assert "problem: where the scales come from is not known: net.cache.json is of a cache" in (
        cache("lint", "net.cache").out
    )
    sidecar(path).write_text("{")
    assert "problem[QK3267]: the file that tells where this calibration cache comes from is damaged" in (
        cache("lint", "net.cache").out
    )


def test_lint_distrusts_scales_that_nobody_measured(cache: Cache, tmp_path: Path) -> None:
    stored(tmp_path, dict.fromkeys(SCALES, np.float32(1)))
    assert "problem: all scales are equal: nothing was measured" in cache("lint", "net.cache").out
    stored(tmp_path, SCALES | {"mask": np.float32(2.0**40)})
    said = cache("lint", "net.cache")
    assert "note: scales a million times larger or smaller than the others (1): mask" in said.out


def test_diff_compares_tensorrts_scales_with_ours(cache: Cache, tmp_path: Path, model: Path) -> None:
    stored(tmp_path)
    ours = SCALES | {"relu": np.float32(0.125), "extra": np.float32(1)}
    del ours["out"]
    stated(ranges_of(ours), "mse", Provenance("m" * 64, 8, "")).save(tmp_path / "mse.qcal.json")
    said = cache("diff", "net.cache", "mse.qcal.json")
    assert said.exit_code == 0
    lines = said.out.splitlines()
    assert lines[1] == "mse.qcal.json: calibration (mse), 5 tensors"
    assert lines[2].startswith("4 tensors in both, 3 equal, 12.50% apart on average, correlation 0.9")
    assert lines[4].split() == ["relu", "31.75", "15.875", "0.5000"]
    assert lines[-2:] == ["only in net.cache: out", "only in mse.qcal.json: extra"]
    document = cache("diff", "net.cache", "mse.qcal.json", "--json").document
    assert document["tensors"][0] == {"tensor": "relu", "before": 31.75, "after": 15.875, "ratio": 0.5}
    assert (document["only_before"], document["only_after"]) == (["out"], ["extra"])


def test_diff_says_when_the_models_differ(cache: Cache, tmp_path: Path, model: Path) -> None:
    stored(tmp_path, known=origin(model))
    stated(ranges_of(SCALES), "mse", Provenance("m" * 64, 8, "")).save(tmp_path / "mse.qcal.json")
    assert "the scales are of different models" in cache("diff", "net.cache", "mse.qcal.json").out
    stated(ranges_of({"z": IMAGENET}), "mse", Provenance("m" * 64, 8, "")).save(tmp_path / "z.qcal.json")
    assert "0 tensors in both, 0 equal\nonly in" in cache("diff", "mse.qcal.json", "z.qcal.json").out


def test_a_cache_goes_round_through_every_form(cache: Cache, tmp_path: Path, model: Path) -> None:
    path = stored(tmp_path, known=origin(model))
    steps = ["net.cache", "r.json", "c.qcal.json", "again.cache"]
    for source, to in pairwise(steps):
        assert cache("convert", source, to).exit_code == 0
    again = load(tmp_path / "again.cache")
    assert dict(again.cache.scales) == SCALES
    assert again.origin_for(origin(model).provenance.model).rule == "entropy"
    assert sorted(again.path.read_bytes().splitlines()) == sorted(path.read_bytes().splitlines())


def test_a_header_for_another_tensorrt_keeps_scales_and_origin(cache: Cache, tmp_path: Path, model: Path) -> None:
    path = stored(tmp_path, known=origin(model))
    said = cache("convert", "net.cache", "ten.cache", "--trt-version", "10.3.0")
    assert said.out.splitlines()[-2:] == ["written ten.cache", "written ten.cache.json"]
    assert (tmp_path / "ten.cache").read_bytes() == path.read_bytes().replace(b"TRT-8503", b"TRT-100300")
    assert load(tmp_path / "ten.cache").origin == origin(model)


def test_a_strangers_cache_stays_a_strangers(cache: Cache, tmp_path: Path) -> None:
    stored(tmp_path)
    said = cache("convert", "net.cache", "ten.cache", "--trt-version", "10.3.0")
    assert "no ten.cache.json is written: where the scales come from is not known" in said.out
    assert not (tmp_path / "ten.cache.json").exists()


def test_a_legacy_cache_becomes_one_that_every_calibrator_of_ours_offers(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "old.cache").write_bytes(b"0 3ff0000000000000 3fefff2e48e8a71e\na: 3f800000\n")
    assert cache("convert", "old.cache", "new.cache", "--trt-version", "8.6.1", "-q").out.split() == ["new.cache"]
    assert (tmp_path / "new.cache").read_bytes() == b"TRT-8601-EntropyCalibration2\na: 3f800000\n"
    cache("convert", "old.cache", "same.cache")
    assert (tmp_path / "same.cache").read_bytes() == (tmp_path / "old.cache").read_bytes()


def test_a_cache_becomes_a_model_for_tensorrt_11_and_back(cache: Cache, tmp_path: Path, model: Path) -> None:
    stored(tmp_path)
    said = cache("convert", "net.cache", "net.int8.onnx", "--model", str(model))
    assert said.exit_code == 3
    assert "error[QK3267]: nothing tells which model and data this calibration cache belongs to" in said.err
    said = cache("convert", "net.cache", "net.int8.onnx", "--model", str(model), "--trust-cache")
    assert (said.exit_code, said.err) == (0, "")
    operators = {node.op_type for node in onnx.load(tmp_path / "net.int8.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators
    assert "with --model, tensors whose scales follow from these get them too" in (
        cache("convert", "net.int8.onnx", "few.cache").out
    )
    few = load(tmp_path / "few.cache")
    assert dict(few.cache.scales) == {name: SCALES[name] for name in ("data", "pool")}
    assert few.origin_for(load_model(model).digest).rule == "tensorrt cache: EntropyCalibration2"
    assert "2 more tensors have a scale that follows" in (
        cache("convert", "net.int8.onnx", "more.cache", "--model", str(model)).out
    )
    expected = {name: scale for name, scale in SCALES.items() if name != "out"}
    assert dict(load(tmp_path / "more.cache").cache.scales) == expected


def test_a_cache_of_another_model_is_refused_unless_trusted(cache: Cache, tmp_path: Path, model: Path) -> None:
    known = origin(model)
    stored(tmp_path, known=Origin(known.rule, Provenance("other", 64, "")))
    words = ("convert", "net.cache", "c.qcal.json", "--model", str(model))
    assert "error[QK3268]: the calibration cache was made with another model" in cache(*words).err
    assert cache(*words, "--trust-cache").exit_code == 0
    calibration = Calibration.load(tmp_path / "c.qcal.json")
    assert calibration.provenance == Provenance(known.provenance.model, 0, "")
    assert calibration.rule == "tensorrt cache: EntropyCalibration2"


def test_trust_keeps_an_origin_that_fits(cache: Cache, tmp_path: Path, model: Path) -> None:
    stored(tmp_path, known=origin(model))
    cache("convert", "net.cache", "c.qcal.json", "--model", str(model), "--trust-cache")
    assert Calibration.load(tmp_path / "c.qcal.json").provenance == origin(model).provenance


def test_a_calibration_of_another_model_is_refused(cache: Cache, tmp_path: Path, model: Path) -> None:
    stated(ranges_of(SCALES), "mse", Provenance("m" * 64, 8, "")).save(tmp_path / "mse.qcal.json")
    said = cache("convert", "mse.qcal.json", "net.cache", "--model", str(model))
    assert "error[QK3222]: the calibration belongs to another model" in said.err
    assert not (tmp_path / "net.cache").exists()


def test_always_zero_tensors_are_named(cache: Cache, tmp_path: Path, model: Path) -> None:
    ranges = (
        '{"schema": "quantkit.ranges/1", "tensors": {"data": {"low": -1, "high": 1}, "out": {"low": 0, "high": 0}}}'
    )
    (tmp_path / "r.json").write_text(ranges)
    said = cache("convert", "r.json", "net.cache", "--model", str(model), "--trt-version", "8.6.1")
    assert said.err == "warning: always 0, and so with scale 1 (1): out\n"
    assert (tmp_path / "net.cache").read_bytes().startswith(b"TRT-8601-")


def two(folder: Path, first: Origin | None, second: Origin | None, header: Header | None = None) -> None:
    """Caches of two parts of one network, with a tensor in both."""
    parts = [{name: SCALES[name] for name in names} for names in (("data", "conv", "relu"), ("relu", "pool", "out"))]
    save(TensorrtCache(Header(), parts[0]), folder / "a.cache", first)
    save(TensorrtCache(header or Header(), parts[1]), folder / "b.cache", second)


def test_merge_makes_one_cache_of_two(cache: Cache, tmp_path: Path, model: Path) -> None:
    here = origin(model)
    elsewhere = replace(here, provenance=replace(here.provenance, environment={"threads": "4"}))
    two(tmp_path, here, elsewhere, Header("8601"))
    said = cache("merge", "a.cache", "b.cache", "-o", "net.cache")
    assert (said.exit_code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "a.cache: TRT-8503-EntropyCalibration2, 3 tensors",
        "b.cache: TRT-8601-EntropyCalibration2, 3 tensors",
        "5 tensors, 1 of them in both with the same scale",
        "written net.cache",
        "written net.cache.json",
    ]
    merged = load(tmp_path / "net.cache")
    assert merged.cache.to_bytes() == TensorrtCache(Header(), SCALES).to_bytes()
    assert merged.origin == here
    document = cache("merge", "a.cache", "b.cache", "-o", "net.cache", "--force", "--json").document
    assert (document["action"], document["tensors"], document["shared"]) == ("merge", 5, 1)
    assert document["sha256"] == merged.digest


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rule": "max"}, "the caches differ in their rule"),
        ({"tensorrt": "8.5.3"}, "the caches differ in their TensorRT"),
        ({"model": "e" * 64, "samples": 65}, "the caches differ in their model, samples"),
        (None, "of b.cache it is not known: there is no b.cache.json beside it"),
    ],
)
def test_merged_scales_of_several_origins_have_none(
    cache: Cache, tmp_path: Path, model: Path, change: dict[str, Any] | None, says: str
) -> None:
    here = origin(model)
    known = {name: value for name, value in (change or {}).items() if name in ("model", "samples")}
    own = {name: value for name, value in (change or {}).items() if name not in known}
    two(tmp_path, here, replace(here, provenance=replace(here.provenance, **known), **own) if change else None)
    said = cache("merge", "a.cache", "b.cache", "-o", "net.cache")
    assert (said.exit_code, said.err) == (0, "")
    assert f"where the scales come from is not written down: {says}" in said.out
    assert load(tmp_path / "net.cache").origin is None
    assert not sidecar(tmp_path / "net.cache").exists()


def test_scales_that_contradict_each_other_are_not_merged(cache: Cache, tmp_path: Path) -> None:
    two(tmp_path, None, None)
    save(TensorrtCache(Header(), {"relu": np.float32(0.5), "out": np.float32(0.5)}), tmp_path / "b.cache", None)
    said = cache("merge", "a.cache", "b.cache", "-o", "net.cache")
    assert said.exit_code == 3
    assert "error[QK3277]: 1 tensor has another scale in each cache, such as 'relu'" in said.err
    assert "cause: 0.25 in the one, 0.5 in the other" in said.err
    assert not (tmp_path / "net.cache").exists()


def test_a_calibration_for_other_codes_is_told_where_it_becomes_scales(
    cache: Cache, tmp_path: Path, model: Path
) -> None:
    affine = stated({"data": Range(-1.0, 3.0), "relu": Range(0.0, 2.0)}, "entropy", origin(model).provenance)
    affine.save(tmp_path / "affine.qcal.json")
    said = cache("convert", "affine.qcal.json", "net.cache")
    assert "the ranges by entropy were chosen for codes with a zero point, and these codes have none" in said.out
    assert "zero point" not in cache("convert", "affine.qcal.json", "ranges.json").out


@dataclass(frozen=True, slots=True)
class Wrong:
    """Words that are refused, with which exit code and message."""

    words: str
    says: str
    exit_code: int = 2


WRONG = [
    Wrong("", "ACTION and FILE are missing"),
    Wrong("inspct net.cache", "ACTION 'inspct' is not known\nhint:  did you mean 'inspect'?"),
    Wrong("inspect", "FILE is missing"),
    Wrong("inspect a.cache b.cache", "OTHER says nothing to cache inspect"),
    Wrong("inspect a.cache --model m.onnx", "--model says nothing to cache inspect"),
    Wrong(
        "lint a.cache --force",
        "--force says nothing to cache lint\nhint:  leave it out, or: quantkit cache convert, merge",
    ),
    Wrong("diff a.cache", "OTHER is missing\ncause: OTHER: the file to compare with"),
    Wrong("convert a.cache", "OTHER is missing\ncause: OTHER: the file to write"),
    Wrong("merge a.cache -o c.cache", "OTHER is missing\ncause: OTHER: the cache to merge it with"),
    Wrong("merge net.cache net.cache", "--output is missing\ncause: it is the cache to write"),
    Wrong("merge net.cache r.json -o c.cache", "error[QK3262]", 3),
    Wrong("merge net.cache net.cache -o net.cache", "net.cache is also an input"),
    Wrong("diff net.cache net.cache -o c.cache", "--output says nothing to cache diff"),
    Wrong("convert a.cache b.dat", "the name 'b.dat' does not tell which form to write"),
    Wrong("convert net.cache b.cache --to table", "--to 'table' is not known"),
    Wrong("convert r.json s.json", "r.json is in that form already: ranges"),
    Wrong("convert net.cache r2.json --trt-version 8.6.1", "--trt-version says nothing to the form ranges"),
    Wrong("convert net.cache b.cache --trt-version 11.4", "'11.4' is no version of TensorRT that reads"),
    Wrong("convert net.cache b.cache --trust-cache", "--trust-cache says nothing without --model"),
    Wrong("convert r.json b.cache --trust-cache --model model.onnx", "--trust-cache says nothing to r.json"),
    Wrong("convert net.cache b.qcal.json", "--model is missing\ncause: net.cache does not say which model"),
    Wrong("convert net.cache b.onnx", "--model is missing\ncause: it is what the scales are put into"),
    Wrong("convert r.json net.cache", "net.cache is there already"),
    Wrong("convert net.cache net.cache", "net.cache is also an input"),
    Wrong("inspect nowhere.cache", "cannot read nowhere.cache", 3),
    Wrong("inspect nowhere.json", "cannot read nowhere.json", 3),
    Wrong("inspect model.onnx", "no activation of the model is quantized", 3),
    Wrong("lint net.cache --preprocess imgnet", "there is no preprocessing called 'imgnet'"),
]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.words or "nothing")
def test_what_cannot_be_done_is_said(cache: Cache, tmp_path: Path, wrong: Wrong) -> None:
    path = stored(tmp_path)
    before = path.read_bytes()
    (tmp_path / "r.json").write_text('{"schema": "quantkit.ranges/1", "tensors": {"data": {"low": -1, "high": 1}}}')
    said = cache(*wrong.words.split())
    assert (said.exit_code, said.out) == (wrong.exit_code, "")
    assert wrong.says in said.err
    assert path.read_bytes() == before


@pytest.mark.material
def test_the_bridge_to_tensorrt_11_from_a_real_cache(cache: Cache, material: Path, tmp_path: Path) -> None:
    model = str(material / "models" / "imagenet" / "squeezenet1.1_imagenet.onnx")
    source = str(material / "oracle" / "IInt8EntropyCalibrator2.cache")
    assert cache("lint", source, "--model", model, "--preprocess", "imagenet").exit_code == 0
    assert cache("lint", source, "--model", model, "--preprocess", "caffe").exit_code == 3
    assert cache("convert", source, "s.int8.onnx", "--model", model, "--trust-cache").exit_code == 0
    assert cache("convert", "s.int8.onnx", "s.cache", "--model", model).exit_code == 0
    ours, theirs = load(tmp_path / "s.cache").cache.scales, load(Path(source)).cache.scales
    pairs = [name for name in ours if name.startswith(("data", "pool", "concat"))]
    assert len(pairs) > 10
    assert all(ours[name] == theirs[name] for name in pairs if name != "concat7")
    assert cache("lint", "s.cache", "--model", model).exit_code == 0
