"""Which of the files that quantkit writes a JSON file is."""

from __future__ import annotations

from pathlib import Path

from quantkit.backends.tensorrt import plan
from quantkit.core import file_kinds, sensitivity_file
from quantkit.core.calibration import SCHEMA as CALIBRATION
from quantkit.core.errors import ArtifactError
from quantkit.core.files import readable
from quantkit.core.json_values import MALFORMED, decoded
from quantkit.core.run_document import SCHEMA as RUN


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
