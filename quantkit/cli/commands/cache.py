"""``quantkit cache``: TensorRT's calibration caches, looked at, checked, compared and turned into other forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import Group, Option, a_file
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.settings import COMMAND_LINE, Given
from quantkit.cli.work.cache.options import ConversionOptions
from quantkit.core.errors import UsageError

# Action → the options that mean something to it, besides those that every command has.
_ACTIONS = {
    "inspect": (),
    "lint": ("model", "preprocess"),
    "diff": ("other",),
    "convert": ("other", "model", "to", "trt_version", "trust_cache", "force"),
    "merge": ("other", "output", "force"),
}

_OTHERS = {"diff": "the file to compare with", "convert": "the file to write", "merge": "the cache to merge it with"}


@dataclass(frozen=True, slots=True)
class Cache:
    """Look at TensorRT calibration caches, check, compare and merge them, and turn them into other forms and back.

    FILE and OTHER may each be a cache, ranges (.json), a calibration (.qcal.json) or a Q/DQ model (.onnx), so that
    diff also compares TensorRT's own scales with those of quantkit. Converting a cache to .onnx is the way to TensorRT
    11, which reads no caches; it needs --model, and so does whatever else has to say which model it belongs to. A
    cache without its .json file may be of any model and is used for one only with --trust-cache. Two caches are merged
    if one calibrator takes both and no tensor has two scales.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "inspect net.cache",
        "lint net.cache --model net.onnx --preprocess imagenet",
        "diff net.cache out/entropy.qcal.json",
        "convert net.cache net.int8.onnx --model net.onnx --trust-cache",
        "convert out/entropy.qcal.json net.cache --model net.onnx --trt-version 10.3.0",
        "merge backbone.cache head.cache -o net.cache",
    )

    action: Annotated[
        str | None,
        Option(
            "inspect: show every scale, and where they come from; lint: tell what TensorRT would not, such as tensors "
            "that quietly stay in FP16 or FP32, and end with exit code 3 if there is a problem; diff: compare FILE "
            "with OTHER, tensor by tensor; convert: write FILE in the form of OTHER; merge: write "
            "the scales of both to --output",
            parse=values.one_of(*_ACTIONS),
            metavar="ACTION",
            positional=True,
            required=True,
            typed_only=True,
        ),
    ] = None
    file: Annotated[Path | None, a_file("what is read", "FILE", positional=True, required=True)] = None
    other: Annotated[
        Path | None,
        a_file(
            "diff: what it is compared with; convert: what is written; merge: the other cache", "OTHER", positional=True
        ),
    ] = None
    model: Annotated[Path | None, a_file("lint, convert: the FP32 model that the scales are for", "MODEL")] = None
    preprocess: Annotated[
        str | None,
        Option(
            "lint: what images were prepared with: imagenet, tensorflow, caffe, none, or a TOML file",
            metavar="PRESET|FILE",
            is_path=values.toml_file,
        ),
    ] = None
    output: Annotated[Path | None, a_file("merge: the cache to write", "FILE", short="-o")] = None
    force: Annotated[bool, Option("convert, merge: replace the output where it is there already", kind="switch")] = (
        False
    )
    conversion: Annotated[ConversionOptions, Group("convert")] = field(default_factory=ConversionOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)
    given: Mapping[str, Given] = field(default_factory=dict, repr=False)

    def run(self, _terminal: Terminal) -> Result:
        """Does what ACTION says."""
        self._refuse_misplaced()
        file = cast(Path, self.file)
        if self.action == "convert":
            from quantkit.cli.work.cache import conversion

            return conversion.converted(file, cast(Path, self.other), self.model, self.conversion, force=self.force)
        if self.action == "merge":
            from quantkit.cli.work.cache import merging

            return merging.merged(file, cast(Path, self.other), cast(Path, self.output), force=self.force)
        from quantkit.cli.work.cache import lint, views

        if self.action == "lint":
            return lint.linted(file, self.model, self.preprocess)
        return views.compared(file, self.other) if self.other else views.inspected(file)

    def _refuse_misplaced(self) -> None:
        """Refuses options that would silently do nothing, and a second file that is missing."""
        action = cast(str, self.action)
        for name in sorted(set().union(*_ACTIONS.values()).difference(_ACTIONS[action])):
            given = self.given.get(name)
            if given is not None and given.texts and given.origin == COMMAND_LINE:
                flag = "OTHER" if name == "other" else f"--{name.replace('_', '-')}"
                at_home = ", ".join(verb for verb, names in _ACTIONS.items() if name in names)
                title = f"{flag} says nothing to cache {action}"
                raise UsageError("QK1087", title, hints=[f"leave it out, or: quantkit cache {at_home}"])
        if self.other is None and "other" in _ACTIONS[action]:
            raise UsageError("QK1077", "OTHER is missing", cause=f"OTHER: {_OTHERS[action]}", hints=[_usage(action)])
        if self.output is None and "output" in _ACTIONS[action]:
            raise UsageError("QK1077", "--output is missing", cause="it is the cache to write", hints=[_usage(action)])


def _usage(action: str) -> str:
    return f"usage: quantkit cache {action} FILE OTHER{' -o CACHE' if action == 'merge' else ''}"


plugin: type[Command] = Cache
