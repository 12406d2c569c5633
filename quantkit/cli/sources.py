"""From the options about data to a source that fits the model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from quantkit.cli.options.data import DataOptions, SelectionOptions
from quantkit.cli.options.values import Shard
from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import UsageError
from quantkit.core.files import digest_of
from quantkit.data.checked import Checked, checked
from quantkit.data.listing import listed
from quantkit.data.opening import open_source
from quantkit.data.preprocessing import Preprocessing, resolved
from quantkit.data.reading import Labelling, Reading
from quantkit.data.selection import Selection
from quantkit.data.synthetic import synthetic
from quantkit.data.wildcards import expanded
from quantkit.graph.shapes import refuse_free


def for_calibration(
    path: Path,
    specs: Sequence[TensorSpec],
    options: DataOptions,
    selection: SelectionOptions,
    *,
    shard: Shard | None,
    allow_few: bool,
) -> Checked:
    """The chosen samples at `path`; labels, if there are any, are of no use here."""
    chosen = Selection(
        shard=shard or (1, 1),
        max_samples=selection.max_samples,
        sample_fraction=selection.sample_fraction,
        seed=selection.seed,
    )
    source = open_source(
        path,
        preprocessing=preprocessing(options),
        selection=chosen,
        reading=_reading(options, specs),
    )
    # Whether all shards together are enough is known only after they were merged.
    return checked(source, specs, allow_few=allow_few or shard is not None)


def for_evaluation(path: Path, specs: Sequence[TensorSpec], options: DataOptions) -> Checked:
    """All samples at `path`, with their labels; how few are enough is for the intervals of the figures to say."""
    source = open_source(
        path,
        preprocessing=preprocessing(options),
        labelling=Labelling(table=options.labels, pattern=options.label_pattern),
        reading=_reading(options, specs),
    )
    return checked(source, specs, allow_few=True)


def made_up(count: int, specs: Sequence[TensorSpec], options: DataOptions, *, seed: int) -> Checked:
    """`count` samples of noise.

    Raises:
        UsageError: sizes are open; the message holds the --shapes that fix them.
    """
    refuse_free(specs)
    return checked(synthetic(specs, count, seed, reading=_reading(options, specs)), specs, allow_few=True)


def preprocessing(options: DataOptions) -> Preprocessing | None:
    """The declared preprocessing, with the layout that was asked for."""
    if options.preprocess is None:
        if options.layout is not None:
            raise UsageError("QK1087", "--layout says nothing without --preprocess", hints=["--preprocess none"])
        return None
    declared = resolved(options.preprocess)
    return replace(declared, layout=options.layout) if options.layout else declared


def _reading(options: DataOptions, specs: Sequence[TensorSpec]) -> Reading:
    return Reading(
        batch_size=options.batch_size,
        label_offset=options.label_offset,
        on_bad_sample=options.on_bad_sample,
        max_bad_share=options.max_bad_samples,
        max_image_pixels=options.max_image_pixels,
        max_array_bytes=options.max_array_bytes,
        input_name=specs[0].name if len(specs) == 1 else "",
        inputs=tuple(specs),
    )


def content_digest(path: Path) -> str:
    """SHA-256 over the names and contents of all files that `path` stands for."""
    seen = hashlib.sha256()
    for place in expanded(str(path)):
        files = [(found.name, found.path) for found in listed(place)] if place.is_dir() else [(place.name, place)]
        for name, file in files:
            seen.update(f"{name}\0{digest_of(file)}\n".encode("utf-8", "backslashreplace"))
    return seen.hexdigest()
