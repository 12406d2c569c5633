"""The options that say how data is read, for every command that reads any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from quantkit.cli.options import values
from quantkit.cli.options.fields import Option, a_file

LARGE_BATCH = 32
"""What ``--batch-size auto`` begins with: larger ones make no processor faster."""


@dataclass(frozen=True, slots=True)
class DataOptions:
    """How samples become the model's input, and what is done about bad ones."""

    preprocess: Annotated[
        str | None,
        Option(
            "what is done to images, which need it said: imagenet, tensorflow, caffe, none, or a TOML file; compare "
            "takes it from INT8 models that tell",
            metavar="PRESET|FILE",
            is_path=values.toml_file,
        ),
    ] = None
    layout: Annotated[
        str | None,
        Option(
            "of images: what the model takes, whatever the preprocessing says; of arrays: what they are, so that "
            "channels are moved to where the model has them",
            parse=values.one_of("nchw", "nhwc"),
            metavar="nchw|nhwc",
        ),
    ] = None
    labels: Annotated[
        Path | None,
        a_file("CSV file with columns file and label (default: class folders, where there are any)", "FILE"),
    ] = None
    label_pattern: Annotated[
        str | None,
        Option(
            r"regular expression with a group (?P<label>\d+), searched in each file's name",
            metavar="REGEX",
        ),
    ] = None
    label_offset: Annotated[
        int,
        Option(
            "added to every label; 1 for networks that count a background class first",
            parse=values.at_least(0),
            metavar="N",
        ),
    ] = 0
    batch_size: Annotated[
        int | None,
        Option(
            f"samples in one run of the model; auto: {LARGE_BATCH}, or half of that where memory runs out",
            parse=values.batch_size,
            metavar="N|auto",
        ),
    ] = 4
    on_bad_sample: Annotated[
        str,
        Option(
            "stop at a sample that cannot be read, or skip and count it",
            parse=values.one_of("fail", "skip"),
            metavar="fail|skip",
        ),
    ] = "fail"
    max_bad_samples: Annotated[
        float, Option("share that --on-bad-sample skip may leave out", parse=values.share, metavar="SHARE")
    ] = 0.01
    max_image_pixels: Annotated[
        int, Option("refuse larger images before decoding them", parse=values.at_least(1), metavar="N")
    ] = 50_000_000
    max_array_bytes: Annotated[
        int, Option("refuse larger arrays before unpacking them", parse=values.at_least(1), metavar="N")
    ] = 1 << 30

    @property
    def samples_a_batch(self) -> int:
        """The batch size to begin with."""
        return self.batch_size or LARGE_BATCH

    @property
    def may_halve(self) -> bool:
        """Whether batches may become smaller where memory runs out."""
        return self.batch_size is None


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """Which samples of the data are used."""

    max_samples: Annotated[
        int | None,
        Option(
            "use at most N samples, chosen by --seed (default: all; of sensitivity: 64)",
            parse=values.at_least(1),
            metavar="N",
            presets={"fast": "128"},
            unless=("sample_fraction", "statistics", "synthetic"),
        ),
    ] = None
    sample_fraction: Annotated[
        float | None,
        Option("use this share of the samples, such as 0.1 or 10%, chosen by --seed", values.share, metavar="SHARE"),
    ] = None
    exclude_samples: Annotated[
        tuple[str, ...],
        Option("leave the samples with these names out", kind="many", metavar="GLOB"),
    ] = ()
    seed: Annotated[int, Option("another seed chooses other samples", parse=values.at_least(0), metavar="N")] = 0
