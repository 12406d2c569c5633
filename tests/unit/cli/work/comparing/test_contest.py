"""``quantkit compare`` with plans, and a TensorRT that runs anywhere: what is loaded, refused, and made of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import quantkit
from quantkit.backends.tensorrt.plan import sidecar
from quantkit.core import trt_cache_file
from quantkit.core.comparison import DOUBTFUL
from quantkit.core.trt_cache import Header, TensorrtCache
from quantkit.core.trt_cache_file import Origin
from quantkit.pipeline.collecting import Collecting
from tests.command_line import ran
from tests.unit.backends.tensorrt import fakes
from tests.unit.backends.tensorrt.fakes import cuda, trt
from tests.unit.backends.tensorrt.small_models import calibrated, images, network

Command = Callable[..., Any]


@pytest.fixture
def stand_in() -> Iterator[None]:
    with fakes.quickly_timed():
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with net.onnx, its INT8 model, plans of both for up to 8 samples, and 20 samples in val.npz."""
    folder = tmp_path_factory.mktemp("built")
    onnx.save(network(), folder / "net.onnx")
    net = quantkit.load_model(folder / "net.onnx")
    quantkit.quantize(net, calibrated(net), to=folder / "int8.onnx", target="tensorrt")
    np.savez(folder / "val.npz", x=images(20, seed=3))
    with fakes.installed():
        for model, plan in (("net.onnx", "net.plan"), ("int8.onnx", "max.plan")):
            made = ran("build", folder / model, "-o", folder / plan, "--batch-size", "8")
            assert made.exit_code == 0, made.notes
    return folder


@pytest.fixture
def files(built: Path, command: Command) -> Path:
    """The same, in the command's own folder, which may be spoiled."""
    for path in built.iterdir():
        shutil.copy(path, ".")
    return Path()


def compared(command: Command, *words: str | Path) -> Any:
    return command("compare", *words, "--data", "val.npz", "--json")


def facts(result: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The run, and its candidates by name."""
    assert result.exit_code == 0, result.notes
    run = result.document["run"]
    return run, {entry["subject"]["name"]: entry for entry in run["candidates"]}


def flags() -> list[set[str]]:
    return [{flag.name for flag in build["config"].flags} for build in trt.built]


@pytest.mark.usefixtures("stand_in")
def test_a_plan_is_held_to_the_model_that_it_came_from(command: Command, files: Path) -> None:
    run, candidates = facts(compared(command, "net.onnx", "max.plan"))
    subject = candidates["max"]["subject"]
    assert run["samples"]["count"] == 20
    assert run["environment"]["tensorrt"] == trt.__version__
    assert (subject["path"], run["reference"]["path"]) == ("max.plan", "net.onnx")
    # The plan's own batch, with the GPU's own time, and the nodes of the model.
    assert subject["latency"]["batch"] == run["reference"]["latency"]["batch"] == 8
    assert {node["node"]: node["precision"] for node in subject["coverage"]["nodes"]} == dict.fromkeys(
        ("conv1", "conv2", "classifier"), "int8"
    )
    assert run["reference"].get("coverage") is None
    assert subject["digest"] == json.loads(Path("max.plan.json").read_text())["model"]
    # Only the reference was built, in FP32 without TF32, and nothing of it is left.
    assert flags() == [set()]
    assert sorted(Path().glob("*.plan")) == [Path("max.plan"), Path("net.plan")]
    assert json.loads(Path("run.json").read_text())["candidates"] == run["candidates"]


@pytest.mark.usefixtures("stand_in")
def test_models_beside_a_plan_become_engines_of_the_same_sizes(command: Command, files: Path) -> None:
    _, candidates = facts(compared(command, "net.onnx", "int8.onnx", "max.plan", "--metric", "sqnr"))
    assert list(candidates) == ["int8", "max"]
    mine, theirs = (candidates[name]["metrics"][0]["candidate"] for name in ("int8", "max"))
    assert mine == pytest.approx(theirs)
    assert {flag for build in flags() for flag in build} == {"INT8", "FP16", "TF32"}
    shapes = [build["config"].profiles[0].shapes["x"] for build in trt.built]
    assert {tuple(map(tuple, shape)) for shape in shapes} == {((1, 3, 16, 16), (8, 3, 16, 16), (8, 3, 16, 16))}
    assert candidates["int8"]["subject"]["path"] == "int8.onnx"


@pytest.mark.usefixtures("stand_in")
def test_a_plan_may_be_the_reference_too(command: Command, files: Path) -> None:
    run, candidates = facts(compared(command, "net.plan", "max.plan"))
    assert not trt.built
    assert run["reference"]["path"] == "net.plan"
    # No model tells which nodes there were; the engine's own layers do.
    nodes = candidates["max"]["subject"]["coverage"]["nodes"]
    assert {node["precision"] for node in nodes} == {"int8"}
    assert {"conv1", "conv2", "classifier"} <= {node["node"] for node in nodes}
    assert not any("swapped" in note for note in run["notes"])
    run, _ = facts(compared(command, "max.plan", "net.plan", "--force"))
    assert any("the reference itself computes in integers" in note for note in run["notes"])
    assert run["reference"]["coverage"] is not None


@pytest.mark.usefixtures("stand_in")
def test_a_quantized_model_as_the_reference_is_built_as_what_it_is_and_told(command: Command, files: Path) -> None:
    result = compared(command, "int8.onnx", "net.plan")
    run, _ = facts(result)
    assert [note for note in run["notes"] if "swapped" in note] == [
        "the reference is itself quantized: were the models swapped?"
    ]
    assert "were the models swapped?" in result.notes
    assert run["reference"]["coverage"] is not None


@pytest.mark.usefixtures("stand_in")
def test_models_alone_run_in_tensorrt_when_asked_to(command: Command, files: Path) -> None:
    words = ("net.onnx", "int8.onnx", "--backend", "tensorrt", "--batch-size", "5", "--timing-cache", "times")
    _, candidates = facts(compared(command, *words))
    assert candidates["int8"]["subject"]["latency"]["batch"] == 5
    assert {node["precision"] for node in candidates["int8"]["subject"]["coverage"]["nodes"]} == {"int8"}
    assert Path("times").exists()


@pytest.mark.usefixtures("stand_in")
def test_what_a_model_leaves_open_besides_its_batch_follows_the_plan_or_the_data(command: Command, files: Path) -> None:
    for name in ("net.onnx", "int8.onnx"):
        proto = onnx.load(name)
        for axis in (2, 3):
            proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"side{axis}"
        del proto.graph.value_info[:]
        onnx.save(proto, f"open.{name}")
    _, candidates = facts(compared(command, "open.net.onnx", "max.plan", "open.int8.onnx", "-o", "a.json"))
    assert candidates["max"]["subject"]["latency"]["batch"] == 8
    _, candidates = facts(compared(command, "open.net.onnx", "open.int8.onnx", "--backend", "tensorrt", "-o", "b.json"))
    assert trt.built[-1]["config"].profiles[0].shapes["x"] == ((1, 3, 16, 16), (4, 3, 16, 16), (4, 3, 16, 16))


@pytest.mark.usefixtures("stand_in")
def test_a_batch_may_be_smaller_than_the_plans_largest_but_not_larger(command: Command, files: Path) -> None:
    _, candidates = facts(compared(command, "net.onnx", "max.plan", "--batch-size", "4"))
    assert candidates["max"]["subject"]["latency"]["batch"] == 4
    refusal = command("compare", "net.onnx", "max.plan", "--data", "val.npz", "--batch-size", "9", "--force")
    assert refusal.exit_code == 2
    assert "QK1095" in refusal.notes
    assert "--batch-size 9, and the plans take 1 to 8 samples at a time" in refusal.notes


@pytest.mark.usefixtures("stand_in")
def test_latency_is_left_out_and_engines_are_held_to_themselves_on_demand(command: Command, files: Path) -> None:
    run, candidates = facts(compared(command, "net.onnx", "max.plan", "--no-latency", "--self-check"))
    assert candidates["max"]["subject"].get("latency") is None
    assert set(run["noise"]) == {"FP32", "max"}


@pytest.mark.usefixtures("stand_in")
def test_every_sample_counts_with_a_plan_of_one_size(command: Command, files: Path) -> None:
    onnx.save(network(16), "sixteen.onnx")
    assert command("build", "sixteen.onnx").exit_code == 0
    run, candidates = facts(compared(command, "net.onnx", "sixteen.plan"))
    assert run["samples"]["count"] == 20
    assert candidates["sixteen"]["subject"]["latency"]["batch"] == 16
    run, candidates = facts(compared(command, "net.onnx", "sixteen.plan", "--max-samples", "5", "--force"))
    assert run["samples"]["count"] == 5
    assert candidates["sixteen"]["subject"]["latency"]["batch"] == 16


@pytest.mark.usefixtures("stand_in")
def test_plans_without_a_common_batch_are_named_with_theirs(command: Command, files: Path) -> None:
    onnx.save(network(16), "sixteen.onnx")
    assert command("build", "sixteen.onnx").exit_code == 0
    refusal = command("compare", "net.onnx", "max.plan", "sixteen.plan", "--data", "val.npz")
    assert refusal.exit_code == 3
    assert "QK3083" in refusal.notes
    assert "max takes 1x3x16x16 … 8x3x16x16; sixteen takes 16x3x16x16" in refusal.notes


@pytest.mark.usefixtures("stand_in")
def test_a_dry_run_looks_at_the_plans_and_builds_nothing(command: Command, files: Path) -> None:
    document = compared(command, "net.onnx", "max.plan", "--dry-run").document
    assert (document["candidates"], document["samples"]) == (["max"], 20)
    assert not trt.built


def on_evaluated(count: int) -> quantkit.Calibration:
    """Ranges for net.onnx from the first samples of val.npz, and from others."""
    data = [images(20, seed=3)[:count], images(20 - count, seed=4)]
    statistics = quantkit.collect("net.onnx", data, how=Collecting(everything=True))
    return quantkit.calibrate_ranges(statistics, "max", symmetric=True)


@pytest.mark.usefixtures("stand_in")
def test_samples_that_calibrated_a_plan_are_known_again_from_its_record(command: Command, files: Path) -> None:
    calibration = on_evaluated(5)
    calibration.save("net.qcal.json")
    quantkit.quantize(quantkit.load_model("net.onnx"), calibration, to="shared.onnx", target="tensorrt")
    cache = TensorrtCache.of(calibration, Header.of("8.5.3.1"))
    trt_cache_file.save(cache, Path("net.cache"), Origin("max", calibration.provenance))
    for model, plan, *scales in (
        ("shared.onnx", "explicit.plan"),
        ("net.onnx", "ranges.plan", "--calib", "net.qcal.json"),
        ("net.onnx", "cached.plan", "--calib", "net.cache"),
    ):
        built = command("build", model, *scales, "-o", plan, "--batch-size", "8")
        assert built.exit_code == 0, built.notes
    plans = ("net.plan", "max.plan", "explicit.plan", "ranges.plan", "cached.plan")
    result = compared(command, "net.onnx", *plans, "shared.onnx")
    run, candidates = facts(result)
    said = "5 of 20 evaluation samples were also calibrated on, such as 0: accuracy on them is too good"
    assert [note for note in run["notes"] if note.startswith(DOUBTFUL)] == [
        f"{DOUBTFUL}explicit, ranges, cached, shared: {said}"
    ]
    assert f"warning: explicit, ranges, cached, shared: {said}" in result.notes
    counted = {name: entry["subject"]["provenance"].get("calibrated_on") for name, entry in candidates.items()}
    assert counted == {"net": None, "max": None} | dict.fromkeys(("explicit", "ranges", "cached", "shared"), "5")
    shown = command("inspect", "explicit.plan")
    assert "20 contents that differ; all would be known again in a comparison" in shown.output
    assert "hashes" not in shown.output + str(command("inspect", "explicit.plan", "--json").document)


@pytest.mark.usefixtures("stand_in")
def test_a_model_whose_record_of_samples_is_damaged_is_refused_before_anything_is_built(
    command: Command, files: Path
) -> None:
    proto = onnx.load("int8.onnx")
    next(entry for entry in proto.metadata_props if entry.key == "quantkit.sample_hashes").value = "{}"
    onnx.save(proto, "int8.onnx")
    for words in (("compare", "max.plan", "int8.onnx", "--data", "val.npz"), ("build", "int8.onnx")):
        refusal = command(*words)
        assert refusal.exit_code == 3
        assert "error[QK3224]" in refusal.notes
        assert "--> int8.onnx" in refusal.notes
    assert not trt.built


def no_record(plan: Path) -> None:
    sidecar(plan).unlink()


def flipped(plan: Path) -> None:
    content = bytearray(plan.read_bytes())
    content[len(content) // 2] ^= 1
    plan.write_bytes(content)


def anothers(plan: Path) -> None:
    shutil.copy(sidecar(plan.with_name("net.plan")), sidecar(plan))


def no_plan(plan: Path) -> None:
    plan.unlink()


def broken_record(plan: Path) -> None:
    sidecar(plan).write_text("{")


REFUSED = [
    (no_record, "QK3271", "max.plan has no record max.plan.json beside it"),
    (flipped, "QK3272", "max.plan is not the plan that its record describes"),
    (anothers, "QK3272", "max.plan is not the plan that its record describes"),
    (broken_record, "QK3273", "max.plan.json is not the record of a plan"),
    (no_plan, "QK3202", "cannot read max.plan"),
]


@pytest.mark.parametrize("installed", [True, False], ids=["with TensorRT", "without TensorRT"])
@pytest.mark.parametrize(("damage", "code", "said"), REFUSED, ids=[case[0].__name__ for case in REFUSED])
def test_a_plan_that_is_not_the_recorded_one_is_refused_before_anything_else(
    command: Command,
    files: Path,
    request: pytest.FixtureRequest,
    *,
    damage: Callable[[Path], None],
    code: str,
    said: str,
    installed: bool,
) -> None:
    request.getfixturevalue("stand_in" if installed else "without_tensorrt")
    damage(Path("max.plan"))
    loaded: list[bytes] = []
    if installed:
        request.getfixturevalue("monkeypatch").setattr(
            trt.Runtime, "deserialize_cuda_engine", lambda _, plan: loaded.append(plan)
        )
    for words in (("net.onnx", "max.plan"), ("net.plan", "max.plan"), ("max.plan", "net.onnx")):
        refusal = command("compare", *words, "--data", "val.npz")
        assert refusal.exit_code == 3
        assert code in refusal.notes
        assert said in refusal.notes
    assert not loaded
    assert not Path("run.json").exists()


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("damage", [no_record, anothers, broken_record], ids=lambda damage: damage.__name__)
def test_somebodys_word_does_instead_of_a_record_and_is_told(
    command: Command, files: Path, damage: Callable[[Path], None]
) -> None:
    damage(Path("max.plan"))
    run, candidates = facts(compared(command, "net.onnx", "max.plan", "--trust-engine"))
    assert "max: loaded without its record, on the word of --trust-engine" in run["notes"]
    assert candidates["max"]["subject"]["digest"] == candidates["max"]["subject"]["provenance"]["plan.sha256"]


@pytest.mark.usefixtures("stand_in")
def test_what_is_no_plan_is_not_taken_on_any_word(command: Command, files: Path) -> None:
    Path("max.plan").write_bytes(b"nonsense")
    refusal = command("compare", "net.onnx", "max.plan", "--data", "val.npz", "--trust-engine")
    assert refusal.exit_code == 3
    assert "QK3274" in refusal.notes


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("entry", "value", "said"),
    [
        ("tensorrt", "10.3.0.26", "TensorRT 10.3.0.26 there, 8.5.3.1 here"),
        ("compute_capability", "8.6", "8.6 there, 9.0"),
    ],
)
def test_a_plan_of_another_machine_is_refused_with_both(
    command: Command, files: Path, entry: str, value: str, said: str
) -> None:
    place = sidecar(Path("max.plan"))
    record = json.loads(place.read_text())
    record["machine"][entry] = value
    place.write_text(json.dumps(record))
    refusal = command("compare", "net.onnx", "max.plan", "--data", "val.npz")
    assert refusal.exit_code == 4
    assert "QK4027" in refusal.notes
    assert said in refusal.notes
    assert not trt.built


@pytest.mark.usefixtures("without_tensorrt")
@pytest.mark.parametrize(
    "words", [("net.onnx", "max.plan"), ("net.onnx", "int8.onnx", "--backend", "tensorrt")], ids=["plan", "models"]
)
def test_without_the_package_the_command_that_installs_it_is_told(
    command: Command, files: Path, words: tuple[str, ...]
) -> None:
    refusal = command("compare", *words, "--data", "val.npz")
    assert refusal.exit_code == 4
    assert "QK4001" in refusal.notes
    assert 'pip install "quantkit-ptq[tensorrt]"' in refusal.notes


@pytest.mark.usefixtures("stand_in")
def test_without_a_gpu_it_is_told(command: Command, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "PRESENT", False)
    refusal = command("compare", "net.onnx", "max.plan", "--data", "val.npz")
    assert refusal.exit_code == 4
    assert "QK4020" in refusal.notes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("net.onnx", "max.plan", "--backend", "ort"), "--backend ort runs no plans"),
        (("net.onnx", "int8.onnx", "--trust-engine"), "--trust-engine says nothing without a plan among the models"),
        (("net.onnx", "int8.onnx", "--timing-cache", "t"), "--timing-cache says nothing without --backend tensorrt"),
        (("net.onnx", "int8.onnx", "--workspace", "64"), "--workspace says nothing without --backend tensorrt"),
        (("net.plan", "max.plan", "--timing-cache", "t"), "--timing-cache says nothing where every model is a plan"),
        (("net.onnx", "max.plan", "--device", "cpu"), "runs on the first GPU, not on cpu"),
        (
            ("net.onnx", "max.plan", "--allow-custom-op-library", "ops.so"),
            "--allow-custom-op-library says nothing to TensorRT",
        ),
    ],
)
def test_options_without_effect_are_refused(command: Command, files: Path, words: tuple[str, ...], said: str) -> None:
    result = command("compare", *words, "--data", "val.npz")
    assert result.exit_code == 2
    assert "QK1087" in result.notes
    assert said in result.notes


@pytest.mark.parametrize("subcommand", ["calibrate", "quantize"])
def test_a_plan_is_no_model_to_quantize(command: Command, files: Path, subcommand: str) -> None:
    more = ["--data", "val.npz"] if subcommand == "calibrate" else ["--calib", "none.qcal.json"]
    refusal = command(subcommand, "max.plan", *more)
    assert refusal.exit_code == 3
    assert "QK3007" in refusal.notes
    shutil.copy("max.plan", "plan.onnx")
    content = Path("plan.onnx").read_bytes()
    Path("plan.onnx").write_bytes(b"ftrt" + content)
    assert "QK3007" in command(subcommand, "plan.onnx", *more).notes


@pytest.mark.usefixtures("stand_in")
def test_a_plan_for_other_inputs_is_refused(command: Command, files: Path) -> None:
    renamed = network()
    for node in renamed.graph.node:
        node.input[:] = ["image" if name == "x" else name for name in node.input]
    renamed.graph.input[0].name = "image"
    onnx.save(renamed, "other.onnx")
    assert command("build", "other.onnx").exit_code == 0
    refusal = command("compare", "net.onnx", "other.plan", "--data", "val.npz")
    assert refusal.exit_code == 3
    assert "QK3082" in refusal.notes
