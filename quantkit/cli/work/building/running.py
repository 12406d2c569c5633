"""From a model, and scales where it has none of its own, to a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from quantkit.backends.tensorrt.options import BuildOptions, Precision, Profile, Rest, Verbosity
from quantkit.backends.tensorrt.plan import sidecar
from quantkit.cli.command import Result
from quantkit.cli.options.engine import workspace_bytes
from quantkit.cli.process.outputs import file_for_writing, size_text
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.work.building.options import Build, ShapeOptions
from quantkit.core import trt_cache_file
from quantkit.core.artifact import TensorSpec
from quantkit.core.calibration import Calibration
from quantkit.core.errors import UsageError
from quantkit.core.files import digest_of
from quantkit.core.plugins import did_you_mean
from quantkit.core.text import printable
from quantkit.core.trt_cache_file import StoredCache
from quantkit.graph.model import Model, load
from quantkit.pipeline.engine_comparison import EngineFile
from quantkit.pipeline.engines import Engines
from quantkit.pipeline.injection import Injection
from quantkit.pipeline.models import load_model


def built(asked: Build, terminal: Terminal) -> Result:
    """Builds what is asked for.

    Raises:
        UsageError: options of which one would silently do nothing, or shapes that do not fit the model.
        SetupError: TensorRT or a GPU is missing.
        ModelError: TensorRT does not take the model, or it has no scales for int8.
    """
    _refuse_contradictions(asked)
    path = cast(Path, asked.model)  # an option that is required was seen to before
    model = load_model(path) if asked.calib else load(path)
    options = _options(asked, model)
    engines = Engines(model, options, threads=asked.threads, progress=terminal.telling)
    output = asked.output or Path(f"{path.stem}.plan")
    inputs = [path, *([asked.calib] if asked.calib else [])]
    needed, record = model.size_bytes, sidecar(output)
    with file_for_writing(output, inputs=inputs, force=asked.force, needed_bytes=needed, beside=record):
        made = _made(asked, engines, output)
    return _told(asked, made)


def _refuse_contradictions(asked: Build) -> None:
    if asked.calib and asked.precision not in ("auto", "int8"):
        title = f"--calib says nothing to an engine in {asked.precision}"
        raise UsageError("QK1087", title, hints=["--precision int8", "or leave --calib out"])
    if "rest" in asked.given and asked.given["rest"].is_asked and asked.precision in ("fp32", "fp16"):
        title = f"--rest says nothing to an engine in {asked.precision}"
        raise UsageError("QK1087", title, hints=["--precision int8", "or leave --rest out"])
    if "inject" in asked.given and asked.given["inject"].is_asked and not asked.calib:
        raise UsageError("QK1087", "--inject says nothing without --calib", hints=["leave it out"])
    if asked.trust_cache and not (asked.calib and not _is_calibration(asked.calib)):
        raise UsageError("QK1087", "--trust-cache says nothing without a cache as --calib", hints=["leave it out"])


def _is_calibration(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _options(asked: Build, model: Model) -> BuildOptions:
    return BuildOptions(
        precision=cast(Precision, asked.precision),
        rest=cast(Rest, asked.rest),
        profiles=_sizes(asked, model.inputs),
        batch=asked.sizes.batch_size,
        workspace_bytes=workspace_bytes(asked.building.workspace),
        timing_cache=asked.building.timing_cache,
        timing_runs=asked.building.timing_runs,
        strongly_typed=asked.strongly_typed,
        dla_core=asked.dla_core,
        profiling_verbosity=cast(Verbosity, asked.profiling_verbosity),
    )


def _sizes(asked: Build, inputs: Sequence[TensorSpec]) -> dict[str, Profile]:
    found = _profiles(asked.sizes, [spec.name for spec in inputs])
    says_batch = "batch_size" in asked.given and asked.given["batch_size"].is_asked
    return found if says_batch else {**found, **_following(found, inputs)}


def _following(found: Mapping[str, Profile], inputs: Sequence[TensorSpec]) -> dict[str, Profile]:
    """The sizes of inputs that nothing is said of: the batches of the others, where those agree."""
    batched = [spec for spec in inputs if spec.shape and not isinstance(spec.shape[0], int)]
    given = [found[spec.name] for spec in batched if spec.name in found]
    batches = {(sizes.smallest[:1], sizes.usual[:1], sizes.largest[:1]) for sizes in given}
    if len(batches) != 1:
        return {}
    low, usual, high = batches.pop()
    rests = {spec.name: tuple(size for size in spec.shape[1:] if isinstance(size, int)) for spec in batched}
    # Where more than the batch is free, the builder asks for sizes.
    following = [
        spec.name for spec in batched if spec.name not in found and len(rests[spec.name]) + 1 == len(spec.shape)
    ]
    return {name: Profile(low + rests[name], usual + rests[name], high + rests[name]) for name in following}


def _profiles(sizes: ShapeOptions, inputs: list[str]) -> dict[str, Profile]:
    """Input → the sizes it takes; what is not said is as in trtexec."""
    one, low, usual, high = (
        given or {} for given in (sizes.shapes, sizes.min_shapes, sizes.opt_shapes, sizes.max_shapes)
    )
    if one and (low or usual or high):
        hints = ["leave --shapes out, or the others"]
        raise UsageError("QK1087", "--shapes is one size, and a range of sizes is given too", hints=hints)
    found = {name: Profile.fixed(shape) for name, shape in one.items()}
    for name in dict.fromkeys((*low, *usual, *high)):
        middle = usual.get(name) or high.get(name) or low[name]
        found[name] = Profile(low.get(name, middle), middle, high.get(name, middle))
    for name in found:
        if name not in inputs:
            hints = [*did_you_mean(name, inputs), f"there are: {', '.join(inputs)}"]
            raise UsageError("QK1042", f"--shapes: the model has no input {name!r}", where=name, hints=hints)
    return found


def _made(asked: Build, engines: Engines, output: Path) -> EngineFile:
    if asked.calib is None:
        return engines.built(output, engines.model, precision=engines.options.precision)
    engines.require_calibrators()
    facts, way = {"from": str(asked.calib), "sha256": digest_of(asked.calib)}, cast(Injection, asked.inject)
    if _is_calibration(asked.calib):
        calibration = Calibration.load(asked.calib)
        calibration.refuse_other_model(engines.model.digest)
        return engines.injected(calibration, output, {**facts, "rule": calibration.rule}, way=way)
    stored = _stored(asked.calib, engines.model, trust=asked.trust_cache)
    hashes = stored.origin.provenance.sample_hashes if stored.origin else None
    return engines.injected(stored.cache, output, {**facts, "rule": stored.cache.rule}, hashes, way)


def _stored(path: Path, model: Model, *, trust: bool) -> StoredCache:
    stored = trt_cache_file.load(path)
    if not trust:
        stored.origin_for(model.digest)
    return stored


def _told(asked: Build, made: EngineFile) -> Result:
    plan = made.plan
    size = plan.path.stat().st_size
    files = (plan.path, sidecar(plan.path))
    document: dict[str, Any] = {
        "command": "build",
        "output": str(plan.path),
        "record": str(files[1]),
        "sha256": plan.digest,
        "kind": plan.kind,
        "precision": asked.precision,
        "bytes": size,
    }
    lines = [f"an engine of {size_text(size)}", *(f"written {printable(str(path))}" for path in files)]
    return Result("\n".join(lines), document, files)
