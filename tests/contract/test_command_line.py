"""The command line as it is documented: a line in, an exit code and two streams out."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

import quantkit
from quantkit import ExitCode
from quantkit.core import plugins
from tests.contract.conftest import ended

COMMANDS = plugins.names("quantkit.cli.commands")

ERROR = {
    "type": "object",
    "required": ["ok", "error"],
    "additionalProperties": False,
    "properties": {
        "ok": {"const": False},
        "error": {
            "type": "object",
            "required": ["code", "title", "where", "cause", "hint", "hints", "docs", "exit_code"],
            "additionalProperties": False,
            "properties": {
                "code": {"pattern": r"^QK\d{4}$"},
                "title": {"type": "string", "minLength": 1},
                "where": {"type": ["string", "null"]},
                "cause": {"type": ["string", "null"]},
                "hint": {"type": "string", "minLength": 1},
                "hints": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "docs": {"pattern": r"^docs/errors\.md#qk\d{4}$"},
                "exit_code": {"enum": [1, 2, 3, 4, 5]},
            },
        },
    },
}

RESULT = {
    "type": "object",
    "required": ["ok", "command"],
    "properties": {"ok": {"const": True}, "command": {"enum": COMMANDS}},
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line, how it ends, and what standard error says about it."""

    line: str
    exit_code: int
    says: str = ""


REFUSED = [
    # Wrong usage.
    Row("", 2, "usage: quantkit COMMAND"),
    Row("calibarte resnet50.onnx", 2, "did you mean 'calibrate'"),
    Row("calibrate resnet50.onnx", 2, "--data is missing"),
    Row("calibrate resnet50.onnx --dat calib/", 2, r"there is no option --dat\nhint:  did you mean '--data'"),
    Row("calibrate resnet50.onnx --data calib/ --trust-pickle", 2, "a pickle is a program, and none is ever loaded"),
    Row("inspect resnet50.onnx --shard 1/2", 2, "no option --shard here\nhint:  quantkit calibrate has it"),
    Row("calibrate resnet50.onnx --data calib/ --preset slow", 2, "there are: fast, balanced, accurate"),
    Row("calibrate resnet50.onnx --data calib/ --device tpu", 2, "is no device"),
    Row("calibrate resnet50.onnx --data calib/ --bins 1000", 2, "256, 512, 1024, 2048, 4096"),
    Row("calibrate resnet50.onnx --data calib/ --set max-samples", 2, "is not KEY=VALUE"),
    Row("calibrate resnet50.onnx --data calib/ --set max-sample=4", 2, "did you mean 'max-samples'"),
    Row("calibrate resnet50.onnx --data calib/ --set seed=1 --seed 2", 2, "--seed is given twice"),
    Row("calibrate resnet50.onnx --data calib/ --per-channel --no-per-channel", 2, "is given twice"),
    Row("calibrate resnet50.onnx --data calib/ --time-limit soon", 2, "write 90s, 10m or 2h"),
    Row("calibrate resnet50.onnx --data calib/ --max-samples 9 --sample-fraction 0.5", 2, "give one of them"),
    Row("calibrate resnet50.onnx --data calib/ --synthetic", 2, "--data and --synthetic are given"),
    Row("calibrate resnet50.onnx --synthetic --exclude-samples x", 2, "--exclude-samples says nothing to --synthetic"),
    Row("calibrate resnet50.onnx --data calib/ --preprocess imagenet -o a.onnx", 2, "a.onnx is the name of a file"),
    Row("calibrate resnet50.onnx --data calib/ --until statistics -o a.qcal.json", 2, "chooses no ranges"),
    Row("calibrate resnet50.onnx --data calib/ --preprocess imagenet --exclude-ops Cnov", 2, "did you mean 'Conv'"),
    Row(
        "calibrate resnet50.onnx --data calib/ --preprocess imagenet --exclude-samples 99.png", 2, "no sample is called"
    ),
    Row("calibrate --resume .quantkit/run-7f3a.jsonl --seed 1", 2, "--resume takes no other options"),
    Row("calibrate resnet50.onnx --data calib/", 2, "--preprocess imagenet"),
    # Input that is refused.
    Row("calibrate absent.onnx --data calib/", 3, "there is no file absent.onnx"),
    Row("calibrate resnet50.onnx --data absent/ --preprocess imagenet", 3, "there is no data at absent"),
    Row("calibrate --resume .quantkit/run-7f3a.jsonl", 3, r"cannot read \.quantkit/run-7f3a\.jsonl"),
    Row("quantize resnet50.onnx --calib val.csv", 3, "not a usable calibration"),
    Row("check absent.json", 3, "absent.json"),
    Row("inspect model.plan", 3, "an engine is a program"),
    # The machine.
    Row("calibrate resnet50.onnx --data calib/ --preprocess imagenet --device cuda:0", 4, "pip install .*cuda"),
    Row(
        "calibrate resnet50.onnx --data calib/ --preprocess imagenet --allow-custom-op-library none.so",
        3,
        r"cannot read none\.so",
    ),
]


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.line or "nothing")
def test_what_is_refused_says_why_and_leaves_nothing_behind(row: Row, workplace: Path) -> None:
    before = sorted(workplace.iterdir())
    result = ended(row.line)
    assert result.exit_code == row.exit_code, result.notes
    assert re.search(row.says, result.notes), result.notes
    assert result.output == ""
    assert sorted(workplace.iterdir()) == before


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("row", [row for row in REFUSED if row.line], ids=lambda row: row.line)
def test_with_json_the_refusal_is_the_one_document_on_standard_output(row: Row) -> None:
    result = ended(f"{row.line} --json")
    jsonschema.validate(result.document, ERROR)
    # --json itself is one option too many for the row that is about company.
    assert result.document["error"]["exit_code"] == result.exit_code == row.exit_code
    assert "error[" not in result.notes


SHOWN = [
    Row("--help", 0),
    Row("--version", 0),
    Row("doctor", 0),
    Row("inspect resnet50.onnx", 0),
    Row("inspect resnet50.onnx -v", 0),
    Row("inspect resnet50.qcal.json", 0),
    Row("inspect run.json", 0),
    Row("diff resnet50.qcal.json resnet50.qcal.json", 0),
    Row("diff run.json run.json", 0),
    Row("report run.json", 0),
    Row("quantize resnet50.onnx --calib resnet50.qcal.json -o other.onnx --dry-run", 0),
    Row("compare resnet50.onnx resnet50.int8.onnx --data val/ -o other.json --dry-run", 0),
    Row("calibrate resnet50.onnx --data calib/ --preprocess imagenet --dry-run", 0),
    Row("calibrate resnet50.onnx --synthetic --dry-run", 0),
    Row("calibrate resnet50.onnx --synthetic 16 --dry-run", 0),
]


@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row.line)
def test_what_only_looks_changes_nothing(row: Row, judged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(judged)
    before = sorted(judged.iterdir())
    result = ended(row.line)
    assert (result.exit_code, result.output != "") == (row.exit_code, True), result.notes
    if not row.line.startswith("--"):
        jsonschema.validate(ended(f"{row.line} --json").document, RESULT)
    assert sorted(judged.iterdir()) == before


@pytest.mark.usefixtures("workplace")
def test_the_documented_session_goes_through() -> None:
    """The examples as they are printed, one after the other."""
    session = [
        Row("calibrate resnet50.onnx --data calib/ --preprocess imagenet -o resnet50.qcal.json", 0),
        Row("quantize resnet50.onnx --calib resnet50.qcal.json -o resnet50.int8.onnx", 0),
        Row(
            "compare resnet50.onnx resnet50.int8.onnx --data val/ --labels val.csv --metric top1 -o run.json",
            0,
            "images are prepared as they were for the calibration",
        ),
    ]
    for row in session:
        result = ended(row.line)
        assert result.exit_code == row.exit_code, result.notes
        assert re.search(row.says, result.notes), result.notes
    assert Path("samples.jsonl").is_file()
    # A regression may or may not be shown on a dozen samples; what is sure is that a verdict comes of it.
    verdict = ended("check run.json --min-ratio top1=0.99")
    assert verdict.exit_code in (ExitCode.OK, ExitCode.GATE_FAILED), verdict.notes


@pytest.mark.usefixtures("workplace")
def test_a_calibration_may_be_a_file_and_everything_else_is_beside_it() -> None:
    result = ended("calibrate resnet50.onnx --data calib/ --preprocess imagenet --json -o out/resnet50.qcal.json")
    assert result.exit_code == 0, result.notes
    beside = Path("out/resnet50-int8")
    assert Path("out/resnet50.qcal.json").read_bytes() == (beside / "entropy.qcal.json").read_bytes()
    assert {path.name for path in beside.iterdir()} >= {"statistics.safetensors", "run.json", "report.md"}
    assert (result.document["chosen_rule"], result.document["files"][0]) == ("entropy", "out/resnet50.qcal.json")
    again = ended("calibrate resnet50.onnx --data calib/ --preprocess imagenet -o out/resnet50.qcal.json")
    assert again.exit_code == 2
    assert "resnet50.qcal.json is there already" in again.notes


@pytest.mark.usefixtures("workplace")
def test_statistics_may_be_a_file_too() -> None:
    line = "calibrate resnet50.onnx --data calib/ --preprocess imagenet --until statistics -o all.safetensors"
    assert ended(line).exit_code == 0
    assert Path("all.safetensors").read_bytes() == Path("all-int8/statistics.safetensors").read_bytes()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_its_options_and_its_configuration(command: str) -> None:
    page = ended(f"{command} --help").output
    shared = "--config --set --show-config --format --json -q -v --log-file --progress --color --time-limit --debug"
    for flag in shared.split():
        assert re.search(rf"(^|[ ,]){flag}\b", page, re.MULTILINE), flag
    assert "examples:" in page
    shown = ended(f"{command} --show-config")
    assert (shown.exit_code, shown.output.splitlines()[0].startswith("#")) == (0, True)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--seed 7", "--threads 1", "--device cpu", "--force"])
def test_an_option_of_other_commands_is_taken_and_its_idleness_told(command: str, option: str) -> None:
    flag, _, _ = option.partition(" ")
    result = ended(f"{command} --show-config {option}")
    assert result.exit_code == 0, result.notes
    has_it = bool(re.search(rf"^  {flag}\b", ended(f"{command} --help").output, re.MULTILINE))
    assert (f"{flag} says nothing to quantkit {command}" in result.notes) is not has_it


def settings(line: str) -> dict[str, dict[str, object]]:
    """Option → value and origin, as --show-config tells them."""
    found: dict[str, dict[str, object]] = ended(f"{line} --show-config --json").document["options"]
    return found


@pytest.mark.usefixtures("workplace")
def test_command_line_goes_before_variable_file_preset_and_default(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("job.toml").write_text('method = "mse"\nbatch-size = 2\nmax_samples = 5\npreset = "fast"\n')
    monkeypatch.setenv("QUANTKIT_BATCH_SIZE", "3")
    found = settings("calibrate --config job.toml")
    assert found["method"] == {"value": ["mse"], "origin": "job.toml"}
    assert found["batch-size"] == {"value": ["3"], "origin": "QUANTKIT_BATCH_SIZE"}
    found = settings("calibrate --config job.toml --batch-size 4 --set max_samples=6")
    assert found["batch-size"] == {"value": ["4"], "origin": "command line"}
    assert found["max-samples"] == {"value": ["6"], "origin": "command line"}
    assert found["seed"] == {"value": ["0"], "origin": "default"}
    Path("job.toml").write_text('preset = "fast"\n')
    assert settings("calibrate --config job.toml")["method"] == {"value": ["max"], "origin": "preset fast"}
    assert settings("calibrate")["method"] == {"value": ["max,entropy"], "origin": "default"}


@pytest.mark.usefixtures("workplace")
def test_one_file_may_configure_several_commands() -> None:
    Path("job.toml").write_text('seed = 1\npreprocess = "imagenet"\nuntil = "model"\n[compare]\nseed = 2\n')
    assert settings("calibrate --config job.toml")["seed"]["value"] == ["1"]
    assert settings("compare --config job.toml")["seed"]["value"] == ["2"]
    assert ended("quantize --config job.toml --show-config").exit_code == 0
    Path("job.toml").write_text("[compare]\nuntil = 1\n")
    assert "compare has no option 'until'" in ended("compare --config job.toml --show-config").notes


PRESETS = {
    "fast": ("max", "128"),
    "balanced": ("max,entropy", None),
    "accurate": ("max,entropy,percentile,mse", None),
}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_several_options_at_once(preset: str) -> None:
    found = settings(f"calibrate --preset {preset}")
    method, samples = PRESETS[preset]
    assert found["method"]["value"] == [method]
    assert found["max-samples"]["value"] == ([samples] if samples else [])


def test_a_rival_voids_a_preset() -> None:
    assert settings("calibrate --preset fast --sample-fraction 10%")["max-samples"]["value"] == []


@pytest.mark.parametrize(
    "line", ["calibrate --max_samples 9", "calibrate --max-samples=9", "calibrate --max_samples=9"]
)
def test_underscores_are_dashes(line: str) -> None:
    assert settings(line)["max-samples"]["value"] == ["9"]


@pytest.mark.usefixtures("workplace")
def test_a_time_limit_ends_a_run_as_a_signal_does(monkeypatch: pytest.MonkeyPatch) -> None:
    from quantkit.stats.collector import Collector

    collected = Collector.collect

    def slowly(self: Collector, source: object, **options: object) -> object:
        import time

        time.sleep(5)
        return collected(self, source, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Collector, "collect", slowly)
    result = ended("calibrate resnet50.onnx --data calib/ --preprocess imagenet --time-limit 0.5 -o out")
    assert result.exit_code == ExitCode.TERMINATED
    assert "terminated: the time limit of 0.5 s is over; go on from the last checkpoint with:" in result.notes
    command = re.search(r"hint:  quantkit (calibrate --resume \S+)", result.notes)
    assert command
    monkeypatch.undo()


@pytest.mark.usefixtures("workplace")
def test_made_up_data_is_stamped_and_no_gate_takes_it() -> None:
    assert ended("calibrate resnet50.onnx --synthetic --until thresholds -o noise.qcal.json").exit_code == 0
    assert json.loads(Path("noise.qcal.json").read_text())["provenance"]["synthetic"] is True
    ended("quantize resnet50.onnx --calib noise.qcal.json -o noise.onnx")
    ended("compare resnet50.onnx noise.onnx --data val/ --preprocess imagenet --no-latency -o noise.json")
    assert ended("check noise.json").exit_code == ExitCode.TOO_LITTLE


@pytest.mark.usefixtures("workplace")
def test_one_scale_for_a_whole_weight_where_that_is_asked_for(judged: Path) -> None:
    import onnx

    line = f"quantize resnet50.onnx --calib {judged}/resnet50.qcal.json"
    assert ended(f"{line} --no-per-channel -o whole.onnx").exit_code == 0
    assert ended(f"{line} --per-channel -o each.onnx").exit_code == 0

    def weight_scales(path: str) -> set[int]:
        graph = onnx.load(path).graph
        sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        codes = {name for name, size in sizes.items() if len(size) == 4}
        return {len(sizes[node.input[1]]) for node in graph.node if node.input[0] in codes}

    assert weight_scales("whole.onnx") == {0}
    assert weight_scales("each.onnx") == {1}


@pytest.mark.usefixtures("workplace")
def test_bins_reach_the_entropy_rule_and_idle_rule_options_are_told() -> None:
    line = "calibrate resnet50.onnx --data calib/ --preprocess imagenet --until thresholds"
    assert ended(f"{line} --bins 512 --percentile 99.9 -o a.qcal.json").exit_code == 0
    assert json.loads(Path("a.qcal.json").read_text())["rule"] == "entropy(bins=512)"
    told = ended(f"{line} --method max --bins 512 --percentile 99.9 -o b.qcal.json")
    assert told.exit_code == 0
    assert "--bins says nothing: no rule is entropy" in told.notes
    assert "--percentile says nothing: no rule is percentile" in told.notes


@pytest.mark.usefixtures("workplace")
def test_samples_can_be_left_out_and_counted_down() -> None:
    line = "calibrate resnet50.onnx --data calib/ --preprocess imagenet --until statistics --json"
    assert ended(f"{line} --exclude-samples 00.png 1*.png -o a").document["samples"] == 9
    assert ended(f"{line} --max-samples 8 -o b").document["samples"] == 8


@pytest.mark.usefixtures("workplace")
def test_a_part_of_the_shards_is_told_as_such() -> None:
    line = "calibrate resnet50.onnx --data calib/ --preprocess imagenet --until statistics"
    for part in (1, 3):
        assert ended(f"{line} --shard {part}/3 -o part{part}").exit_code == 0
    merged = ended("merge part1/statistics.safetensors part3/statistics.safetensors -o some.safetensors --json")
    assert merged.document["missing_parts"] == ["2/3"]
    used = ended("calibrate resnet50.onnx --statistics some.safetensors --until thresholds -o ranges")
    assert "shard 2/3 is missing" in used.notes
    ended(f"{line} --shard 2/3 -o part2")
    whole = ended("merge some.safetensors part2/statistics.safetensors -o whole.safetensors --json")
    assert (whole.document["missing_parts"], whole.notes) == ([], "")


@pytest.mark.usefixtures("workplace")
def test_a_refused_run_leaves_no_journal_in_the_way() -> None:
    line = "calibrate resnet50.onnx --data calib/ --eval val/ --preprocess imagenet -o out"
    refused = ended(f"{line} --metric top1")
    assert refused.exit_code == 2, refused.notes
    assert not Path(".quantkit").exists()
    kept = re.search(r"what was collected is kept: (--statistics \S+ --force)", refused.notes)
    assert kept, refused.notes
    corrected = f"calibrate resnet50.onnx {kept[1]} --eval val/ --labels val.csv --preprocess imagenet -o out"
    assert ended(f"{corrected} --metric top1").exit_code == 0


@pytest.mark.usefixtures("workplace")
def test_where_nothing_is_quantized_it_is_said_first_and_no_gate_passes_it(judged: Path) -> None:
    line = f"quantize resnet50.onnx --calib {judged}/resnet50.qcal.json --exclude-ops Conv Gemm -o same.onnx"
    result = ended(line)
    assert result.exit_code == 0
    assert result.output.startswith("NOTHING IS QUANTIZED")
    assert "warning: nothing to quantize for ort-cpu" in result.notes
    assert ended("compare resnet50.onnx same.onnx --data val/ --no-latency").exit_code == 0
    assert ended("check run.json").exit_code == ExitCode.TOO_LITTLE


def test_every_error_has_a_remedy() -> None:
    """A code, a title, and what to do next: looked up in the sources, as most errors are hard to come by."""
    lacking = []
    for path in sorted(Path(quantkit.__file__).parent.rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            first = call.args[0] if call.args else None
            is_error = isinstance(call.func, ast.Name) and call.func.id.endswith("Error")
            if is_error and isinstance(first, ast.Constant) and str(first.value).startswith("QK"):
                lacking += [] if "hints" in {word.arg for word in call.keywords} else [f"{path}:{call.lineno}"]
    assert lacking == []


def test_color_is_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in ended("doctor --color always").output
    assert "\x1b[" not in ended("doctor --color never").output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in ended("doctor").output


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("variables", [{}, {"CI": "true"}], ids=["no terminal", "CI"])
def test_without_a_terminal_there_is_no_bar(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    line = "calibrate resnet50.onnx --data calib/ --preprocess imagenet --until statistics"
    notes = ended(f"{line} -o a").notes
    assert "\r" not in notes
    assert "calibrating: 12 samples in" in notes
    assert "calibrating" not in ended(f"{line} -o b --progress none").notes
