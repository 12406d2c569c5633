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
from quantkit.core.errors import UsageError

FORMS = ("cache", "ranges", "calibration", "onnx")

# Action → the options that mean something to it, besides those that every command has.
_ACTIONS = {
    "inspect": (),
    "lint": ("model", "preprocess"),
    "diff": ("other",),
    "convert": ("other", "model", "to", "trt_version", "trust_cache", "force"),
}


@dataclass(frozen=True, slots=True)
class ConversionOptions:
    """What is written, and on whose word."""

    to: Annotated[
        str | None,
        Option(
            "the form to write, where the name of OTHER does not tell: .cache, .json for ranges, .qcal.json, .onnx",
            parse=values.one_of(*FORMS),
            metavar="|".join(FORMS),
        ),
    ] = None
    trt_version: Annotated[
        str | None,
        Option(
            "the TensorRT that is to read the cache: 8 and 9 read each other's, 10 looks for its own "
            "(default: that of FILE, or 8.5.3)",
            metavar="X.Y.Z",
        ),
    ] = None
    trust_cache: Annotated[
        bool,
        Option("use a cache for --model although nothing shows that it belongs to it", kind="switch", typed_only=True),
    ] = False
    force: Annotated[bool, Option("replace the output", kind="switch")] = False


@dataclass(frozen=True, slots=True)
class Cache:
    """Look at TensorRT calibration caches, check and compare them, and turn them into other forms and back.

    FILE and OTHER may each be a cache, ranges (.json), a calibration (.qcal.json) or a Q/DQ model (.onnx), so that
    diff also compares TensorRT's own scales with those of quantkit. Converting a cache to .onnx is the way to TensorRT
    11, which reads no caches; it needs --model, and so does whatever else has to say which model it belongs to. A
    cache without its .json file may be of any model and is used for one only with --trust-cache.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "inspect net.cache",
        "lint net.cache --model net.onnx --preprocess imagenet",
        "diff net.cache out/entropy.qcal.json",
        "convert net.cache net.int8.onnx --model net.onnx --trust-cache",
        "convert out/entropy.qcal.json net.cache --model net.onnx --trt-version 10.3.0",
    )

    action: Annotated[
        str | None,
        Option(
            "inspect: show every scale, and where they come from; lint: tell what TensorRT would not, such as tensors "
            "that quietly stay in FP16 or FP32, and end with exit code 3 if there is a problem; diff: compare FILE "
            "with OTHER, tensor by tensor; convert: write FILE in the form of OTHER",
            parse=values.one_of(*_ACTIONS),
            metavar="ACTION",
            positional=True,
            required=True,
            typed_only=True,
        ),
    ] = None
    file: Annotated[Path | None, a_file("what is read", "FILE", positional=True, required=True)] = None
    other: Annotated[
        Path | None, a_file("diff: what it is compared with; convert: what is written", "OTHER", positional=True)
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
    conversion: Annotated[ConversionOptions, Group("convert")] = field(default_factory=ConversionOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)
    given: Mapping[str, Given] = field(default_factory=dict, repr=False)

    def run(self, _terminal: Terminal) -> Result:
        """Does what ACTION says."""
        self._refuse_misplaced()
        file = cast(Path, self.file)
        if self.action == "convert":
            from quantkit.cli.cache import conversion

            return conversion.converted(file, cast(Path, self.other), self.model, self.conversion)
        from quantkit.cli.cache import lint, views

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
            purpose = "the file to compare with" if action == "diff" else "the file to write"
            hints = [f"usage: quantkit cache {action} FILE OTHER"]
            raise UsageError("QK1077", "OTHER is missing", cause=f"OTHER: {purpose}", hints=hints)


plugin: type[Command] = Cache
