"""From the options about data to a source that fits the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from quantkit.cli.inputs.watched import Followed
from quantkit.cli.options.data import DataOptions, SelectionOptions
from quantkit.cli.options.values import Shard
from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import UsageError
from quantkit.core.files import digest_of
from quantkit.core.ports import BatchSource
from quantkit.data.checked import Checked, checked
from quantkit.data.layouts import Relaid
from quantkit.data.listing import listed
from quantkit.data.opening import open_source
from quantkit.data.preprocessing import Preprocessing, from_record, resolved
from quantkit.data.reading import Labelling, Reading
from quantkit.data.selection import Selection
from quantkit.data.synthetic import synthetic
from quantkit.data.wildcards import expanded
from quantkit.graph import provenance
from quantkit.graph.model import Model
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
    source = open_source(
        path,
        preprocessing=preprocessing(options),
        selection=_chosen(selection, shard),
        reading=_reading(options, specs),
    )
    laid_out = _laid_out(source, specs, options)
    # Whether all shards together are enough is known only after they were merged.
    return checked(Followed(laid_out), specs, allow_few=allow_few or shard is not None)


def for_evaluation(
    path: Path,
    specs: Sequence[TensorSpec],
    options: DataOptions,
    selection: SelectionOptions | None = None,
    *,
    recorded: Preprocessing | None = None,
) -> Checked:
    """The chosen samples at `path`, with their labels; how few are enough is for the intervals of figures to say.

    Args:
        path: folder, file or pattern.
        specs: the model's inputs.
        options: how samples are read.
        selection: which of them; all by default.
        recorded: the preprocessing of images where `options` names none.
    """
    source = open_source(
        path,
        preprocessing=preprocessing(options),
        recorded=recorded,
        labelling=Labelling(table=options.labels, pattern=options.label_pattern),
        selection=_chosen(selection or SelectionOptions()),
        reading=_reading(options, specs),
    )
    return checked(Followed(_laid_out(source, specs, options)), specs, allow_few=True)


def _laid_out(source: BatchSource, specs: Sequence[TensorSpec], options: DataOptions) -> BatchSource:
    """Of images the preprocessing says the layout; of arrays nobody does but the user."""
    if options.layout is None or "color" in source.preprocessing:
        return source
    return Relaid(source, tuple(specs), options.layout)


def _chosen(selection: SelectionOptions, shard: Shard | None = None) -> Selection:
    return Selection(
        shard=shard or (1, 1),
        max_samples=selection.max_samples,
        sample_fraction=selection.sample_fraction,
        seed=selection.seed,
        exclude=selection.exclude_samples,
    )


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
        return None
    declared = resolved(options.preprocess)
    return replace(declared, layout=options.layout) if options.layout else declared


def recorded_preprocessing(models: Iterable[Model]) -> Preprocessing | None:
    """What INT8 models say of the images that they were calibrated on, as far as they say the same."""
    said = {text for model in models if (text := provenance.facts(model.proto).get("preprocessing"))}
    if len(said) != 1:
        return None
    try:
        record = json.loads(said.pop())
        if not isinstance(record, dict) or "color" not in record:
            return None
        return from_record({key: value for key, value in record.items() if key != "decoding"})
    except (ValueError, RecursionError, UsageError):
        # A model from elsewhere may say anything.
        return None


def _reading(options: DataOptions, specs: Sequence[TensorSpec]) -> Reading:
    return Reading(
        batch_size=options.samples_a_batch,
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
