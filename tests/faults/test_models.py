"""Cases 1 to 23 of the fault catalogue: bad, damaged and hostile model files; at random: tests/fuzz/test_models.py."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto

from quantkit.core.calibration import Calibration, Provenance
from quantkit.core.errors import ArtifactError, ExitCode, QuantkitError, SetupError
from quantkit.graph.editing.scopes import made
from quantkit.graph.model import Model, load, refuse_quantized
from quantkit.graph.placement import place
from quantkit.graph.prepare import prepared
from quantkit.graph.qdq import with_qdq
from quantkit.graph.shapes import refuse_free
from quantkit.graph.taps import plan_taps, tapped
from tests.onnx_models import random, results, saved, written

CONV = "g (float[N, 3, 8, 8] x) => (float[?, ?, ?, ?] y) { y = Conv(x, w) }"


def conv() -> ModelProto:
    return written(CONV, w=random(4, 3, 3, 3))


def opened(path: Path, *, upgrade_opset: bool = False) -> Model:
    """The way into quantization: what a caller does with a path."""
    model = load(path)
    refuse_quantized(model)
    ready = prepared(model, upgrade_opset=upgrade_opset)
    refuse_free(ready.inputs)
    return ready


@dataclass(frozen=True)
class Case:
    """A fault: how it gets onto the disk, what the message has to hold, and how the command ends."""

    made: Callable[[Path], Path]
    words: tuple[str, ...]
    code: str
    exit_code: ExitCode = ExitCode.INPUT


def file(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def model(change: Callable[[ModelProto], object], proto: Callable[[], ModelProto] = conv) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        changed = proto()
        change(changed)
        return saved(changed, folder)

    return make


def text(graph: str, opset: int = 13, **weights: object) -> Callable[[Path], Path]:
    return lambda folder: saved(
        written(graph, opset, **{name: np.asarray(value) for name, value in weights.items()}), folder
    )


def outside(location: str = "w.bin", **entries: str) -> Callable[[Path], Path]:
    """A model whose only weight lies in another file; `entries` replace what its entry says."""

    def make(folder: Path) -> Path:
        path = saved(conv(), folder, outside="w.bin")
        proto = onnx.load(path, load_external_data=False)
        (weight,) = proto.graph.initializer
        told = {entry.key: entry.value for entry in weight.external_data} | {"location": location} | entries
        del weight.external_data[:]
        for key, value in told.items():
            weight.external_data.add(key=key, value=value)
        path.write_bytes(proto.SerializeToString())
        return path

    return make


def overlapping(folder: Path) -> Path:
    proto = written(CONV.replace("Conv(x, w)", "Conv(x, w, b)"), w=random(4, 3, 3, 3), b=random(4))
    path = saved(proto, folder, outside="w.bin")
    proto = onnx.load(path, load_external_data=False)
    next(entry for entry in proto.graph.initializer[1].external_data if entry.key == "offset").value = "16"
    path.write_bytes(proto.SerializeToString())
    return path


def then(make: Callable[[Path], Path], act: Callable[[Path], object]) -> Callable[[Path], Path]:
    """Makes the file, then does something to its folder."""

    def both(folder: Path) -> Path:
        path = make(folder)
        act(folder)
        return path

    return both


def replaced_by_link(folder: Path) -> None:
    (folder / "w.bin").rename(folder.parent / "elsewhere.bin")
    (folder / "w.bin").symlink_to(folder.parent / "elsewhere.bin")


def replaced_by_hard_link(folder: Path) -> None:
    (folder / "w.bin").rename(folder.parent / "elsewhere.bin")
    os.link(folder.parent / "elsewhere.bin", folder / "w.bin")


def replaced_by_pipe(folder: Path) -> None:
    (folder / "w.bin").unlink()
    os.mkfifo(folder / "w.bin")


def checkpoint(folder: Path) -> Path:
    """A zip with a pickle in it that would leave a mark if anyone opened it."""

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (folder / "opened",)

    with zipfile.ZipFile(folder / "model.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Trap()))
    return folder / "model.pt"


def nested(levels: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        content = b""
        for _ in range(levels):
            for tag in (b"\x32", b"\x2a", b"\x0a"):  # attribute.g, node.attribute, graph.node
                content = tag + _varint(len(content)) + content
        (folder / "model.onnx").write_bytes(b"\x08\x08\x3a" + _varint(len(content)) + content + b"\x42\x02\x10\x0d")
        return folder / "model.onnx"

    return make


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def with_nan(proto: ModelProto) -> None:
    values = random(4, 3, 3, 3)
    values.flat[:3] = [np.nan, np.inf, np.nan]
    proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(values, "w"))


RELU, ONE = "g (float[N] x) => (float[N] y) {{ y = {}(x) }}", "g (float[1] x) => (float[?, ?, ?] y) {{ {} }}"
HUGE = np.array([40_000, 40_000, 40_000])
QUANTIZED = "g (float[N] x) => (float[N] y) { q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }"

CASES: dict[str, Case] = {
    "1 missing": Case(lambda folder: folder / "model.onnx", ("there is no file", "model.onnx"), "QK3001"),
    "1 directory": Case(lambda folder: folder, ("is a directory",), "QK3002"),
    "2 empty": Case(file("model.onnx", b""), ("model.onnx is an empty file",), "QK3003"),
    "3 LFS pointer": Case(file("m.onnx", b"version https://git-lfs.github.com/spec/v1\n"), ("git lfs pull",), "QK3004"),
    "4 HTML": Case(file("m.onnx", b"<!DOCTYPE html><html>"), ("looks like an HTML page",), "QK3005"),
    "4 JSON": Case(file("m.onnx", b'{"message": "Not Found"}'), ("looks like a JSON document",), "QK3005"),
    "5 truncated": Case(
        file("m.onnx", conv().SerializeToString()[:300]), ("truncated", "300 bytes"), "QK3009"
    ),
    "5 corrupt": Case(file("m.onnx", b"\xff" * 64), ("corrupt", "64 bytes"), "QK3009"),
    "6 checkpoint": Case(checkpoint, ("model.pt is a PyTorch checkpoint", "torch.onnx.export"), "QK3006"),
    "6 pickle": Case(file("weights.pkl", pickle.dumps([1])), ("quantkit never opens one",), "QK3006"),
    "7 plan by suffix": Case(file("model.plan", b"\0" * 64), ("is a TensorRT engine",), "QK3007"),
    "7 plan by content": Case(file("model.onnx", b"ptrt" + b"\0" * 64), ("is a TensorRT engine",), "QK3007"),
    "8 missing external file": Case(
        then(outside(), lambda folder: (folder / "w.bin").unlink()), ("'w.bin' is missing", "'w'"), "QK3103"
    ),
    "9 parent folder": Case(outside("../w.bin"), ("unsafe external data", "'w'", "../w.bin"), "QK3101"),
    "9 absolute": Case(outside("/etc/passwd"), ("unsafe external data", "/etc/passwd"), "QK3101"),
    "9 symbolic link": Case(then(outside(), replaced_by_link), ("unsafe external data", "symbolic link"), "QK3101"),
    "9 hard link": Case(then(outside(), replaced_by_hard_link), ("unsafe external data", "hard link"), "QK3101"),
    "9 pipe": Case(then(outside(), replaced_by_pipe), ("unsafe external data", "pipe"), "QK3101"),
    "9 device": Case(outside("../../../../dev/zero"), ("unsafe external data",), "QK3101"),
    "10 negative offset": Case(outside(offset="-4"), ("its offset is '-4'",), "QK3102"),
    "10 offset of words": Case(outside(offset="many"), ("its offset is 'many'",), "QK3102"),
    "10 beyond the end": Case(outside(offset="400"), ("ends at byte 832", "at 432"), "QK3104"),
    "10 overlapping": Case(
        overlapping, ("overlap in external data 'w.bin'",), "QK3105"
    ),
    "11 dimensions overflow": Case(
        model(lambda proto: proto.graph.initializer[0].dims.extend([2**62, 2**62])), ("tensor 'w'",), "QK3010"
    ),
    "11 bytes missing": Case(
        model(lambda proto: setattr(proto.graph.initializer[0], "raw_data", b"\0" * 8)), ("8 are stored",), "QK3010"
    ),
    "12 beyond the parser": Case(nested(200), ("nested deeper",), "QK3009"),
    "12 beyond 32 levels": Case(nested(33), ("nested deeper than 32 levels",), "QK3011"),
    "13 ConstantOfShape": Case(text(ONE.format("y = ConstantOfShape(s)"), s=HUGE), ("64000000000000",), "QK3015"),
    "13 Expand": Case(text(ONE.format("y = Expand(x, s)"), s=HUGE), ("'y' would have",), "QK3015"),
    "13 Tile": Case(
        text(ONE.format("u = Unsqueeze(x, a) y = Tile(u, s)"), s=HUGE, a=[0, 1]), ("'y' would have",), "QK3015"
    ),
    "13 Resize": Case(
        text(ONE.format("u = Unsqueeze(x, a) y = Resize(u, n, n, s)"), s=HUGE, a=[0, 1], n=np.array([], np.float32)),
        ("'y' would have",),
        "QK3015",
    ),
    "14 custom operator": Case(
        text(RELU.format("com.acme.Foo")), ("com.acme::Foo (1)", "--allow-custom-op-library"), "QK3012"
    ),
    "15 PyOp": Case(text(RELU.format("com.microsoft.PyOp")), ("com.microsoft::PyOp", "no flag allows"), "QK3023"),
    "16 old operator set": Case(text(RELU.format("Relu"), 11), ("operator set 11", "--upgrade-opset"), "QK3020"),
    "17 already quantized": Case(
        text(QUANTIZED, s=np.float32(0.1), z=np.int8(0)), ("already quantized", "--requantize"), "QK3017"
    ),
    "18 NaN weights": Case(model(with_nan), ("weight 'w' holds 2 NaN and 1 infinite values of 108",), "QK3018"),
    "20 float16": Case(
        text("g (float16[N] x) => (float16[N] y) { y = Relu(x) }"), ("tensor 'x' is float16",), "QK3019"
    ),
    "20 float64": Case(text("g (double[N] x) => (double[N] y) { y = Relu(x) }"), ("tensor 'x' is float64",), "QK3019"),
    "21 free dimensions": Case(
        text("g (float[N, 3, H, W] x) => (float[N, 3, H, W] y) { y = Relu(x) }"),
        ("--shapes x:1x3x224x224",),
        "QK1044",
        ExitCode.USAGE,
    ),
    "22 cycle": Case(
        text("g (float[N] x) => (float[N] y) { z = Add(x, y) y = Neg(z) }"), ("(Add) reads", "'y'", "cycle"), "QK3014"
    ),
    "22 unsorted": Case(
        text("g (float[N] x) => (float[N] y) { y = Neg(z) z = Abs(x) }"), ("(Neg) reads tensor 'z'", "order"), "QK3014"
    ),
    "22 missing initializer": Case(text(CONV), ("(Conv) reads tensor 'w'", "neither input nor initializer"), "QK3014"),
    "22 wrong attribute": Case(
        model(lambda proto: proto.graph.node[0].attribute.append(onnx.helper.make_attribute("group", "two"))),
        ("the ONNX checker refuses the model", "Conv"),
        "QK3013",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_bad_model_is_refused_by_name_and_nothing_is_left_behind(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    folder = tmp_path / "model"
    folder.mkdir()
    path = case.made(folder)
    before = sorted(folder.rglob("*"))
    with pytest.raises(QuantkitError) as refusal:
        opened(path)
    assert (refusal.value.code, refusal.value.exit_code) == (case.code, case.exit_code)
    assert all(word in str(refusal.value) for word in case.words), str(refusal.value)
    assert refusal.value.where
    assert refusal.value.hints or refusal.value.cause
    assert sorted(folder.rglob("*")) == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every file")
def test_case_1_a_file_without_permission(tmp_path: Path) -> None:
    path = saved(conv(), tmp_path)
    path.chmod(0)
    with pytest.raises(SetupError, match="no permission to read") as refusal:
        opened(path)
    assert refusal.value.exit_code is ExitCode.ENVIRONMENT


def test_case_8_a_model_over_two_gigabytes(tmp_path: Path) -> None:
    with (tmp_path / "model.onnx").open("wb") as stream:
        stream.truncate(2**31)
    with pytest.raises(QuantkitError, match="one ONNX file holds at most 2147483647"):
        opened(tmp_path / "model.onnx")


HOSTILE = {
    "duplicate": "same",
    "empty": "",
    "very long": "n" * 100_000,
    "script": "</script><script>alert(1)</script>",
    "path": "../../etc/passwd",
    "terminal": "\x1b]0;title\x07\x1b[2J",
    "NUL": "a\0b",
    "right to left": "\u202egpj.exe",
    "lone percent": "%s%n{0}{name}",
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_case_19_hostile_names_work(tmp_path: Path, name: str) -> None:
    proto = written(
        "g (float[N, 4] x) => (float[?, ?] y) { a = MatMul(x, w) b = Relu(a) y = MatMul(b, w) }", w=random(4, 4)
    )
    for node in proto.graph.node:
        node.name = name
    for names in (proto.graph.node[0].output, proto.graph.node[1].input):
        names[0] = name or "product"
    ready = opened(saved(proto, tmp_path))
    assert len({node.name for node in ready.proto.graph.node}) == 3
    feeds = {"x": random(2, 4)}
    plan = plan_taps(ready, made(ready.proto.graph.node))
    taps = tapped(ready, plan.tapped)
    weight = random(4, 4)
    np.testing.assert_allclose(results(taps, feeds)["y"], np.maximum(feeds["x"] @ weight, 0) @ weight, rtol=1e-5)


def test_case_16_an_upgrade_that_was_asked_for(tmp_path: Path) -> None:
    path = text(RELU.format("Relu"), 11)(tmp_path)
    assert max(entry.version for entry in opened(path, upgrade_opset=True).proto.opset_import) == 13


def test_case_23_a_model_that_changed_since_it_was_calibrated(tmp_path: Path) -> None:
    before = opened(saved(conv(), tmp_path))
    calibration = Calibration("max", symmetric=False, tensors={}, provenance=Provenance(before.digest, 0, ""))
    changed = conv()
    changed.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(random(4, 3, 3, 3, seed=1), "w"))
    after = opened(saved(changed, tmp_path))
    with pytest.raises(ArtifactError) as refusal:
        with_qdq(after, place(after, "ort-cpu"), calibration)
    assert before.digest in str(refusal.value)
    assert after.digest in str(refusal.value)
