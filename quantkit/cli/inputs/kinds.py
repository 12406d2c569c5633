"""Whether a file is a JSON document of quantkit, and which."""

from __future__ import annotations

from pathlib import Path

from quantkit.backends.tensorrt import plan
from quantkit.core import file_kinds, sensitivity_file
from quantkit.core.calibration import SCHEMA as CALIBRATION
from quantkit.core.errors import ArtifactError
from quantkit.core.files import readable
from quantkit.core.json_values import MALFORMED, decoded
from quantkit.core.run_document import SCHEMA as RUN


def is_document(path: Path) -> bool:
    """Whether the file at `path` is JSON with a schema of quantkit's, whatever it is called.

    Raises:
        SetupError: no permission to read it.
    """
    if not path.is_file():
        return False
    with readable(path), path.open("rb") as file:
        # A model may be large, and its first bytes say that it is no text.
        head = file.read(file_kinds.HEAD)
        if file_kinds.of_head(head) not in file_kinds.SERVED:
            return False
        content = head + file.read()
    try:
        return str(decoded(content)["schema"]).startswith("quantkit.")
    except MALFORMED:
        return False


def kind_of(path: Path) -> str:
    """The schema that a JSON file names.

    Raises:
        ArtifactError: no JSON, or nothing that quantkit writes.
    """
    with readable(path):
        content = path.read_bytes()
    try:
        schema = decoded(content)["schema"]
    except MALFORMED as reason:
        other = file_kinds.other_than("known", content)
        raise _unknown(path, f"it is {other}" if other else f"{type(reason).__name__}: {reason}") from reason
    if schema not in (CALIBRATION, RUN, sensitivity_file.SCHEMA, plan.SCHEMA):
        raise _unknown(path, f"its schema is {schema!r}: it is {file_kinds.other_than('known', content)}")
    return str(schema)


def _unknown(path: Path, cause: str) -> ArtifactError:
    return ArtifactError(
        "QK3261",
        "neither a calibration nor a run that this version reads",
        where=str(path),
        cause=cause,
        hints=["quantkit reads .onnx, .safetensors, .qcal.json, run.json and sensitivity.json"],
    )
