"""A file to be written is not given the name of another kind of file."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantkit.cli.main import main
from quantkit.cli.options.outputs import named, refuse_other_name
from quantkit.cli.options.values import BadValueError
from quantkit.core.errors import UsageError


@pytest.mark.parametrize("name", ["run.json", "RUN.JSON", "run", "run.out", "run.v2", "a.onnx/run", "/dev/stdout"])
def test_a_name_that_says_this_kind_or_nothing_is_taken(name: str) -> None:
    assert named("JSON", ".json")(name) == Path(name)


@pytest.mark.parametrize("name", ["run.onnx", "run.json.PLAN", "run.npz", "run.png", "run.html", "run.md"])
def test_a_name_that_says_another_kind_is_refused(name: str) -> None:
    with pytest.raises(BadValueError, match=r"is the name of .*, and JSON is written there") as refusal:
        named("JSON", ".json")(name)
    assert refusal.value.remedies == ("a name that ends in .json",)


def test_what_further_options_decide_is_refused_alike() -> None:
    with pytest.raises(UsageError, match=r"OTHER 'net\.onnx' is the name of an ONNX model, and a cache"):
        refuse_other_name("OTHER", Path("net.onnx"), "a cache", ".cache")
    refuse_other_name("OTHER", Path("net.table"), "a cache", ".cache")


SLIPS = [
    ("compare a.onnx b.onnx --data d -o b.onnx", "--output 'b.onnx' is the name of an ONNX model, and JSON is written"),
    ("sensitivity a.onnx --data d --output a.png", "--output 'a.png' is the name of a picture"),
    ("quantize a.onnx --calib c.qcal.json -o a.plan", "--output 'a.plan' is the name of a TensorRT engine"),
    ("build a.onnx -o a.int8.onnx", "--output 'a.int8.onnx' is the name of an ONNX model, and an engine is written"),
    ("merge a.safetensors -o all.json", "--output 'all.json' is the name of a JSON document"),
    ("report run.json --to html -o page.json", "--output 'page.json' is the name of a JSON document, and HTML is"),
    ("report run.json --junit junit.html", "--junit 'junit.html' is the name of a page of HTML, and XML is written"),
    ("check run.json --md summary.json", "--md 'summary.json' is the name of a JSON document"),
    ("cache convert a.cache b.onnx --to cache", "OTHER 'b.onnx' is the name of an ONNX model, and a calibration cache"),
    ("baseline update run.json --reason x --baseline b.npz", "--baseline 'b.npz' is the name of a file of arrays"),
    ("doctor --log-file model.onnx", "--log-file 'model.onnx' is the name of an ONNX model, and a log is written"),
    ("calibrate a.onnx --data d --set log-file=model.onnx", "--log-file 'model.onnx' is the name of an ONNX model"),
]


@pytest.mark.parametrize(("line", "said"), SLIPS, ids=[line.partition(" ")[0] for line, _ in SLIPS])
@pytest.mark.usefixtures("own_folder")
def test_every_command_refuses_such_a_name_before_anything_is_read(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    assert said in capsys.readouterr().err
