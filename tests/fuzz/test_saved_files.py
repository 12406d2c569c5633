"""Files that quantkit itself wrote, and that somebody else had his hands on."""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from onnx import ModelProto

from quantkit.backends.tensorrt import plan
from quantkit.cli.work.job import journal
from quantkit.core import layer_errors, plugins, run, sensitivity_file, statistics_file, trt_cache_file, trt_cache_text
from quantkit.core.calibration import Calibration, Provenance
from quantkit.core.comparison import Comparison
from quantkit.core.json_values import encoded
from quantkit.core.layer_errors import LayerError, LayerErrors
from quantkit.core.qparams import QParams
from quantkit.core.sample_hashes import MOST, SampleHashes
from quantkit.core.scheme import INT8, UINT8
from quantkit.core.sensitivity import Effect, Effects, Layer, Measure, Sensitivity
from quantkit.core.statistics import ChannelExtrema, Fingerprint, SampleId, Statistics
from quantkit.core.trt_cache import Header, TensorrtCache
from quantkit.core.trt_cache_file import Origin
from quantkit.data.overlap import recognized
from quantkit.export import _stored_ranges
from quantkit.export.ranges_json import RangesJsonExporter
from quantkit.gate import baseline_file
from quantkit.gate.baseline import Baseline
from quantkit.gate.judging import judge
from quantkit.gate.rules import Rules
from quantkit.gate.updating import Change, updated
from quantkit.graph import provenance
from quantkit.pipeline.ranges import calibrate_ranges
from tests.fuzz.damage import damaged
from tests.fuzz.feeding import survives
from tests.gate_runs import run as comparison_of
from tests.histograms import counted, drawn

HISTOGRAMS = {"conv": counted(drawn("shifted")), "relu": counted(drawn("relu")), "zero": counted(np.zeros(5, "f4"))}
STATISTICS = Statistics(
    Fingerprint("a" * 64, '{"scale":255}'),
    HISTOGRAMS,
    (SampleId("1.png", "0" * 64), SampleId("2.png", "1" * 64)),
    {"conv": ChannelExtrema(1, -np.ones(3, np.float32), np.ones(3, np.float32))},
    {"threads": "2"},
)
CALIBRATION = calibrate_ranges(STATISTICS, "max")
HASHES = SampleHashes.of(["11", "22"])
PROVENANCE = Provenance("a" * 64, 2, "b" * 64, sample_hashes=HASHES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def written(folder: Path, write: Callable[[Path], object], name: str = "seed") -> bytes:
    write(folder / name)
    return (folder / name).read_bytes()


def reading(path: Path, load: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Feeds what reads files."""

    def feed(content: bytes) -> object:
        path.write_bytes(content)
        return load(path)

    return feed


def test_calibrations(path: Path) -> None:
    def used(path: Path) -> None:
        found = Calibration.load(path)
        for tensor in found.tensors.values():
            for scheme in (INT8, UINT8):
                parameters = QParams.of(tensor.range, scheme)
                assert np.all(np.isfinite(parameters.scale) & (parameters.scale > 0))
        assert Calibration.from_json(found.to_json()) == found

    survives(".qcal.json", damaged([CALIBRATION.to_json().encode()]), reading(path, used))


def test_hashes_of_samples_in_models() -> None:
    evaluated = [SampleId("1.png", "11"), SampleId("2.png", "33")]

    def used(content: bytes) -> None:
        proto = ModelProto()
        proto.metadata_props.add(key="quantkit.sample_hashes", value=content.decode("utf-8", "replace"))
        hashes = provenance.sample_hashes(proto)
        assert hashes is not None
        recognized(hashes, evaluated)

    large = SampleHashes.of(map(str, range(MOST + 1)))
    survives("sample hashes", damaged([encoded(asdict(hashes)).encode() for hashes in (HASHES, large)]), used)


def test_runs(tmp_path: Path) -> None:
    run.save(comparison_of(40, regressed=2, fixed=1), tmp_path / "run.json")
    survives("run.json", damaged([(tmp_path / "run.json").read_bytes()]), reading(tmp_path / "run.json", judged))


def test_rows_of_runs(tmp_path: Path) -> None:
    """Rows whose digest the run was made to name, so that reading begins."""
    run.save(comparison_of(40, regressed=2, fixed=1), tmp_path / "run.json")
    rows = tmp_path / "samples.jsonl"
    document, original = json.loads((tmp_path / "run.json").read_text()), rows.read_bytes()

    def feed(content: bytes) -> None:
        rows.write_bytes(content)
        document["rows"]["sha256"] = hashlib.sha256(content).hexdigest()
        (tmp_path / "run.json").write_text(json.dumps(document))
        judged(tmp_path / "run.json")

    survives("samples.jsonl", damaged([original]), feed)


def judged(path: Path) -> None:
    """What a run is for: a verdict and a table."""
    found = run.load(path)
    plugins.load("quantkit.report", "table")().render(found)
    judge(found)


def first_baseline(compared: Comparison) -> Baseline:
    return updated(judge(compared), Rules(), None, Change("first", "2026-11-21", force=True))


@pytest.mark.parametrize("beside", [False, True], ids=["within", "in a file beside"])
def test_baselines(tmp_path: Path, beside: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if beside:
        monkeypatch.setattr(baseline_file, "LARGEST", 0)
    compared = comparison_of(40, regressed=2, fixed=1)
    path = tmp_path / "quantkit.baseline.json"
    baseline_file.save(first_baseline(compared), path)

    def used(path: Path) -> None:
        judge(compared, baseline=baseline_file.load(path))

    name = "baseline JSON, outcomes beside" if beside else "baseline JSON"
    survives(name, damaged([path.read_bytes()]), reading(path, used))


def test_outcomes_beside_a_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline_file, "LARGEST", 0)
    path = tmp_path / "quantkit.baseline.json"
    compared = comparison_of(40, regressed=2, fixed=1)
    baseline_file.save(first_baseline(compared), path)
    sidecar = baseline_file.beside(path)
    document, archive = json.loads(path.read_text()), sidecar.read_bytes()
    with zipfile.ZipFile(sidecar) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}

    def feed(content: bytes) -> None:
        sidecar.write_bytes(content)
        document["outcomes"]["sha256"] = hashlib.sha256(content).hexdigest()
        path.write_text(json.dumps(document))
        judge(compared, baseline=baseline_file.load(path))

    def repacked(content: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as packed:
            for name in members:
                packed.writestr(name, content)
        return stream.getvalue()

    survives("baseline .npz", damaged([archive]) | damaged(list(members.values())).map(repacked), feed)


def test_statistics(path: Path) -> None:
    whole = written(path.parent, lambda place: statistics_file.save(STATISTICS, place))

    def used(path: Path) -> None:
        found = statistics_file.load(path)
        assert statistics_file.load(path) == found
        for rule in ("max", "entropy", "percentile", "mse"):
            calibrate_ranges(found, rule)

    survives("statistics.safetensors", damaged([whole]) | headers(whole), reading(path, used))


def headers(whole: bytes) -> st.SearchStrategy[bytes]:
    """The file with a damaged header of quantkit's inside a header of safetensors' that is whole."""
    (length,) = struct.unpack("<Q", whole[:8])
    outer, values = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    inner = outer["__metadata__"]["quantkit.statistics"].encode()

    def packed(text: bytes) -> bytes:
        outer["__metadata__"]["quantkit.statistics"] = text.decode("utf-8", "replace")
        header = json.dumps(outer).encode()
        return struct.pack("<Q", len(header)) + header + values

    return damaged([re.sub(b"([,{])", rb"\1\n", inner)]).map(packed)


def test_calibration_caches() -> None:
    seeds = [
        TensorrtCache(Header(), {"data": np.float32(0.02), "café:0": np.float32(1.5)}).to_bytes(),
        b"TRT-100300-MinMaxCalibration\r\nx: 3c010a14\r\ny: 0\r\n",
        b"0 3ff0000000000000 3fefff2e48e8a71e\nx: 3c010a14\n",
    ]
    survives("TensorRT cache", damaged(seeds), trt_cache_text.parsed)
    survives("TensorRT cache, lint", damaged(seeds), trt_cache_text.read)


def test_sidecars_of_caches(tmp_path: Path) -> None:
    path = tmp_path / "net.cache"
    trt_cache_file.save(TensorrtCache(Header(), {"data": np.float32(0.02)}), path, Origin("max", PROVENANCE, "8.5.3"))
    sidecar = trt_cache_file.sidecar(path)
    survives("cache sidecar", damaged([sidecar.read_bytes()]), reading(sidecar, lambda _: trt_cache_file.load(path)))


def test_sidecars_of_plans(tmp_path: Path) -> None:
    path, here = tmp_path / "net.plan", plan.Machine("8.5.3.1", "9.0", "H200")
    record = plan.PlanRecord(hashlib.sha256(b"ptrt").hexdigest(), here, "a" * 64, {"precision": "int8"})
    record = replace(record, sample_hashes=HASHES)
    plan.save(b"ptrt", path, record)
    sidecar = plan.sidecar(path)

    def load(_: Path) -> None:
        # Whatever the record says, nothing but the plan that was written may be let through.
        assert plan.load(path, here) == b"ptrt"

    survives("plan sidecar", damaged([sidecar.read_bytes()]), reading(sidecar, load))


def test_ranges(path: Path) -> None:
    whole = written(path.parent, lambda place: RangesJsonExporter().write(None, CALIBRATION, place))
    survives("ranges JSON", damaged([whole]), reading(path, _stored_ranges.load))


def test_layer_errors(path: Path) -> None:
    found = LayerErrors("aa", "bb", 8, 4, (LayerError("x", "Conv", 31.25, 20.0, 40.5),))
    whole = written(path.parent, lambda place: layer_errors.save({"max": found}, place))
    survives("layers.json", damaged([whole]), reading(path, layer_errors.load))


def test_sensitivities(path: Path) -> None:
    layer = Layer("conv", "Conv", {"sqnr": Effects(Effect(50.0, 1.0, 45.0), Effect(35.5, None, 36.0), 35.0)}, 64)
    measure = Measure("sqnr", "SQNR", "dB", higher_is_better=True, reference=None, everything=35.0)
    found = Sensitivity("0" * 64, "m.onnx", "ort-cpu", "mse", "1" * 64, 64, (measure,), (layer,))
    whole = written(path.parent, lambda place: sensitivity_file.save(found, place))
    survives("sensitivity.json", damaged([whole]), reading(path, sensitivity_file.load))


@pytest.fixture
def begun(tmp_path: Path) -> journal.Journal:
    record = journal.Journal(
        tmp_path / ".quantkit" / "run-0.jsonl", {"model": ("m.onnx",), "method": ("max",)}, {"model": "a" * 64}
    )
    record.begin()
    record.record("statistics", {"sha256": "b" * 64})
    return record


def test_journals(begun: journal.Journal) -> None:
    def used(path: Path) -> None:
        journal.read(path).require({"model": "a" * 64})

    survives("journal", damaged([begun.path.read_bytes()]), reading(begun.path, used))
