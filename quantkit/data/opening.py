"""The source that a path stands for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from quantkit.core import arguments
from quantkit.core.errors import DataError, UsageError
from quantkit.core.files import neighbours, readable
from quantkit.core.plugins import did_you_mean
from quantkit.core.text import printable
from quantkit.data import array_files, decoding, images, npz, tar
from quantkit.data.batches import Batches
from quantkit.data.file_part import Stamp
from quantkit.data.fitting import fitted
from quantkit.data.listing import Found, listed, no_samples, suffixes_text
from quantkit.data.preprocessing import PRESETS, Preprocessing, resolved
from quantkit.data.reading import Labelling, Reading
from quantkit.data.records import Records
from quantkit.data.selection import Selection
from quantkit.data.wildcards import expanded

KINDS: Mapping[str, tuple[str, ...]] = {
    "images": decoding.SUFFIXES,
    "arrays": npz.SUFFIXES,
    "tar shards": (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"),
}
"""What data can be, and by which ends of names it is known; packed archives are known so as to be refused by name."""

ACCEPTED = (*decoding.SUFFIXES, *npz.SUFFIXES, ".tar")


@arguments.checked
def open_source(
    path: str | os.PathLike[str],
    *,
    preprocessing: Preprocessing | str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
    labelling: Labelling | None = None,
    selection: Selection | None = None,
    reading: Reading | None = None,
    recorded: Preprocessing | None = None,
) -> Batches:
    """The samples at `path`, in sorted order of their names.

    Args:
        path: a folder of images (class folders or flat), of .npy and .npz files or of tar shards; one such file; or
            a pattern for several, such as ``shards-{000..063}.tar`` or ``part?/*.npz``.
        preprocessing: what makes an image the model's input: a record, a preset's name (``"imagenet"``,
            ``"tensorflow"``, ``"caffe"``, ``"none"``) or a TOML file. Images need one, arrays are taken as they are.
        labels: a CSV file with the columns file and label, where labels come neither from class folders nor from the
            arrays' own member.
        labelling: other places of labels; `labels` is short for ``Labelling(table=labels)``.
        selection: which samples.
        reading: batch size, threads, limits, and what is known of the model's inputs.
        recorded: for images that no `preprocessing` is declared for: what an earlier run did to its images.

    Raises:
        DataError: nothing is there, nothing is accepted or chosen, several kinds are mixed, or a file is refused.
        UsageError: options that contradict each other or the data.
    """
    labelled_by, chosen_by, how = _labelling(labels, labelling), selection or Selection(), reading or Reading()
    files = _found(os.fspath(path))
    kind = _kind(files, os.fspath(path), chosen_by)
    data = _Data(os.fspath(path), [found for found in files if _is(kind, found)], labelled_by, how)
    declared = preprocessing if isinstance(preprocessing, Preprocessing | None) else resolved(Path(preprocessing))
    records = data.arrays(declared) if kind == "arrays" else data.images(declared or recorded, files, kind)
    source = Batches(records, chosen_by, how)
    if not source.size:
        raise no_samples(os.fspath(path), ACCEPTED, suffixes_text(files), str(chosen_by))
    return source


def _labelling(labels: str | os.PathLike[str] | None, labelling: Labelling | None) -> Labelling:
    if labels is None:
        return labelling or Labelling()
    if labelling is None:
        return Labelling(table=labels)
    raise UsageError(
        "QK1036",
        "labels are to come from two places, labels and labelling",
        hints=["give one of them: labels for a CSV file, labelling for the others"],
    )


@dataclass(frozen=True, slots=True)
class _Data:
    """Files of one kind, and how to read them."""

    where: str
    files: Sequence[Found]
    labelling: Labelling
    reading: Reading

    def arrays(self, preprocessing: Preprocessing | None) -> Records:
        if preprocessing not in (None, Preprocessing()):
            raise UsageError(
                "QK1034",
                f"a preprocessing is declared, and {printable(self.where)} holds arrays, which are taken as they are",
                hints=["leave --preprocess out, and save the arrays as the model takes them"],
            )
        return array_files.from_files(printable(self.where), self.files, labelling=self.labelling, reading=self.reading)

    def images(self, preprocessing: Preprocessing | None, beside: Sequence[Found], kind: str) -> Records:
        if preprocessing is None:
            raise UsageError(
                "QK1034",
                f"{printable(self.where)} holds {kind}, and how images become the model's input is not declared",
                hints=[f"--preprocess {'|'.join(PRESETS)} or a TOML file; as in training"],
            )
        if len(self.reading.inputs) == 1:
            fitted(preprocessing, self.reading.inputs[0])
        if kind == "images":
            folder = Path(self.where) if Path(self.where).is_dir() else None
            images.warn_of_refused(beside)
            return images.from_files(folder, self.files, preprocessing, labelling=self.labelling, reading=self.reading)
        shards = [found.path for found in self.files]
        return tar.from_shards(shards, preprocessing, labelling=self.labelling, reading=self.reading)


def _found(path: str) -> list[Found]:
    """The files that `path` stands for, by name."""
    paths = expanded(path)
    if len(paths) == 1 and paths[0].is_dir():
        return listed(paths[0])
    return [found for place in paths for found in _at(place)]


def _at(place: Path) -> list[Found]:
    if place.is_dir():
        inside = listed(place)
        return [Found(found.path, f"{place.as_posix()}/{found.name}", found.stamp) for found in inside]
    if not place.exists():
        raise DataError(
            "QK2231",
            f"there is no data at {printable(str(place))}",
            where=printable(str(place)),
            hints=[*did_you_mean(place.name, neighbours(place)), "check the path"],
        )
    with readable(place):
        return [Found(place, place.as_posix(), Stamp.of(place.stat()))]


def _kind(files: Sequence[Found], where: str, selection: Selection) -> str:
    """The one kind of data among `files`."""
    kinds = [kind for kind in KINDS if any(_is(kind, found) for found in files)]
    if not kinds:
        raise no_samples(where, ACCEPTED, suffixes_text(files), str(selection))
    if len(kinds) > 1:
        raise DataError(
            "QK2232",
            f"{printable(where)} holds {' and '.join(kinds)}",
            where=printable(where),
            cause=suffixes_text(files),
            hints=["give a folder of one kind, or a pattern such as folder/*.npz"],
        )
    return kinds[0]


def _is(kind: str, found: Found) -> bool:
    return found.path.name.lower().endswith(KINDS[kind])
