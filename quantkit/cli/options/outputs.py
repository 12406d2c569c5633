"""Names of files to be written: one that says another kind is a slip, and would mislead whoever finds the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quantkit.cli.options.values import BadValueError, path
from quantkit.core.errors import UsageError

# Endings that say what a file is, whoever reads them; with any other one a name says nothing.
_KINDS = {
    ".cache": "a cache of TensorRT",
    ".csv": "a table",
    **dict.fromkeys((".gz", ".tar", ".tgz", ".xz", ".zip"), "an archive"),
    **dict.fromkeys((".htm", ".html"), "a page of HTML"),
    **dict.fromkeys((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".svg", ".webp"), "a picture"),
    ".json": "a JSON document",
    **dict.fromkeys((".markdown", ".md"), "a text in Markdown"),
    **dict.fromkeys((".npy", ".npz"), "a file of arrays"),
    ".onnx": "an ONNX model",
    ".pdf": "a PDF document",
    **dict.fromkeys((".engine", ".plan", ".trt"), "a TensorRT engine"),
    **dict.fromkeys((".ckpt", ".pkl", ".pt", ".pth"), "a file of PyTorch or of pickles"),
    ".py": "a program",
    ".safetensors": "a file of tensors",
    ".sarif": "a SARIF document",
    ".toml": "a configuration file",
    ".xml": "an XML document",
}


def named(what: str, *ends: str) -> Callable[[str], Path]:
    """A file to be written whose name may say nothing, but nothing else than `what`.

    Args:
        what: is written, such as ``"JSON"``.
        ends: the endings that its name may have, the usual one first.

    >>> named("JSON", ".json")("run.json")
    PosixPath('run.json')
    """

    def parse(text: str) -> Path:
        found = path(text)
        suffix = found.suffix.lower()
        if suffix in _KINDS and suffix not in ends:
            remedies = [f"a name that ends in {ends[0]}"] if ends else []
            raise BadValueError(f"is the name of {_KINDS[suffix]}, and {what} is written there", *remedies)
        return found

    return parse


def refuse_other_name(flag: str, output: Path, what: str, *ends: str) -> None:
    """The same for an output whose kind further options decide.

    Raises:
        UsageError: the name says another kind.
    """
    try:
        named(what, *ends)(str(output))
    except BadValueError as refusal:
        raise UsageError("QK1076", f"{flag} {str(output)!r} {refusal.reason}", hints=refusal.remedies) from None
