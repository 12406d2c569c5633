"""Images in tar shards, read where they lie; nothing is extracted."""

from __future__ import annotations

import json
import os
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from quantkit.core.errors import DataError
from quantkit.core.files import readable
from quantkit.core.text import printable
from quantkit.data.decoding import SUFFIXES
from quantkit.data.file_part import FilePart, Stamp
from quantkit.data.images import Image, ImageRecords
from quantkit.data.labels import class_number, from_pattern, from_table
from quantkit.data.preprocessing import Preprocessing
from quantkit.data.reading import Labelling, Reading

# A class is a number or a short JSON object; more is not a label.
LARGEST_LABEL_BYTES = 1 << 16

LABEL_KEYS = ("label", "cls")

# What tarfile lets out on damaged or hostile archives: it parses by hand, recurses into extended headers and
# reads as much as they say.
_SLIPS = (tarfile.TarError, ValueError, LookupError, ArithmeticError, EOFError, TypeError, RecursionError, MemoryError)

_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class Member(NamedTuple):
    """A file in a shard and where its bytes are."""

    name: str
    part: FilePart

    @property
    def key(self) -> str:
        """What the files of one sample share: the path up to the file name's first dot."""
        path = PurePosixPath(self.name)
        return str(path.with_name(path.name.partition(".")[0] or path.name))

    @property
    def suffix(self) -> str:
        """The rest of the name, in lower case."""
        return "." + PurePosixPath(self.name).name.partition(".")[2].lower()


def from_shards(
    shards: Sequence[Path], recipe: Preprocessing, *, labelling: Labelling, reading: Reading
) -> ImageRecords:
    """The images in `shards`, in sorted order of the shards and in the order of each archive.

    ``0001.jpg`` belongs to the label in ``0001.cls``, a class number, or in ``0001.json``, under ``"label"``,
    ``"cls"`` or the member that `labelling` names. A sample is called ``shard/member``.

    Raises:
        DataError: not a plain tar archive, or a damaged one; a member that lies outside of it, is no file, or is
            there twice; a label that is no class number, or missing where other samples have one.
    """
    ordered = sorted(shards)
    counts = Counter(shard.name for shard in ordered)
    images: list[Image] = []
    for shard in ordered:
        images += _images(shard, shard.name if counts[shard.name] == 1 else shard.as_posix(), labelling)
    images = _relabelled(images, labelling)
    unlabelled = [image.name for image in images if image.label is None]
    if 0 < len(unlabelled) < len(images):
        raise _bad_label(unlabelled[0], "it has no label, other samples have one")
    origin = str(ordered[0]) if len(ordered) == 1 else f"{ordered[0]} … {ordered[-1]}" if ordered else "no shard"
    return ImageRecords(printable(origin), tuple(images), recipe, reading)


def _relabelled(images: list[Image], labelling: Labelling) -> list[Image]:
    names = [image.name for image in images]
    if labelling.table is not None:
        chosen = from_table(labelling.table, names)
    elif labelling.pattern is not None:
        chosen = from_pattern(labelling.pattern, names)
    else:
        return images
    return [replace(image, label=chosen[image.name]) for image in images]


def _images(shard: Path, title: str, labelling: Labelling) -> list[Image]:
    members = _members(shard)
    labels: dict[str, int] = {}
    for member in members:
        if member.suffix in (".cls", ".json"):
            label = _label(member, (labelling.member,) if labelling.member else LABEL_KEYS)
            if label is not None:
                labels[member.key] = label
    pictures = [member for member in members if member.suffix in SUFFIXES]
    return [Image(f"{title}/{member.name}", member.part, labels.get(member.key)) for member in pictures]


def _members(shard: Path) -> list[Member]:
    """Every file in the archive, in its order."""
    with readable(shard), shard.open("rb") as stream:
        stamp = Stamp.of(os.fstat(stream.fileno()))
        _refuse_compressed(shard, stream.peek(6))
        try:
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                found = archive.getmembers()
                end = archive.offset
        except _SLIPS as slip:
            raise _damaged(shard, f"{type(slip).__name__}: {slip}") from slip
        stream.seek(end)
        rest = stream.read(tarfile.BLOCKSIZE)
    # tarfile takes a damaged header for the end of the archive; the end itself is a block of zeros, or nothing.
    if rest and (any(rest) or len(rest) < tarfile.BLOCKSIZE):
        raise _damaged(shard, f"no valid header at byte {end}")
    _refuse_twice(shard, found)
    return [_member(shard, stamp, info) for info in found if not info.isdir()]


def _refuse_compressed(shard: Path, start: bytes) -> None:
    packing = next((name for magic, name in _COMPRESSED.items() if start.startswith(magic)), None)
    if packing:
        raise _damaged(
            shard, f"it is compressed with {packing}", "unpack it to a plain .tar; its images are compressed"
        )


def _refuse_twice(shard: Path, found: Sequence[tarfile.TarInfo]) -> None:
    twice = [name for name, count in Counter(info.name for info in found).items() if count > 1]
    if twice:
        raise _unsafe(shard, twice[0], "it is there more than once")


def _member(shard: Path, stamp: Stamp, info: tarfile.TarInfo) -> Member:
    path = PurePosixPath(info.name)
    if path.is_absolute() or ".." in path.parts or "\0" in info.name:
        raise _unsafe(shard, info.name, "its path leads out of the archive")
    if not info.isreg() or info.issparse():
        raise _unsafe(shard, info.name, "it is a link, a device or a sparse file")
    if info.size < 0 or info.offset_data + info.size > stamp.size:
        raise _damaged(shard, f"{printable(info.name)} ends beyond the archive")
    name = info.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return Member(name.removeprefix("./"), FilePart(shard, stamp, info.offset_data, info.size))


def _label(member: Member, keys: Sequence[str]) -> int | None:
    """The class in a .cls or .json member; none in a JSON object that holds other things."""
    if member.part.length > LARGEST_LABEL_BYTES:
        raise _bad_label(member.name, f"{member.part.length} bytes are no label")
    content = member.part.read()
    try:
        text = content.decode()
        if member.suffix == ".json":
            document = json.loads(text)
            values = [document[key] for key in keys if key in document] if isinstance(document, Mapping) else []
            if not values:
                return None
            text = str(values[0])
    except (ValueError, RecursionError) as reason:
        raise _bad_label(member.name, str(reason)) from reason
    label = class_number(text.strip())
    if label is None:
        raise _bad_label(member.name, f"{printable(text[:60])!r} is not a class number")
    return label


def _damaged(shard: Path, cause: str, *hints: str) -> DataError:
    name = printable(str(shard))
    return DataError("QK2221", f"{name} is not a readable tar archive", where=name, cause=cause, hints=hints)


def _unsafe(shard: Path, member: str, cause: str) -> DataError:
    return DataError(
        "QK2222",
        f"the member {printable(member)!r:.200} is refused",
        where=printable(str(shard)),
        cause=cause,
        hints=["pack the shard again, with plain files only"],
    )


def _bad_label(name: str, cause: str) -> DataError:
    return DataError(
        "QK2223",
        f"no usable label for {printable(name)}",
        cause=cause,
        hints=["a label is a class number in key.cls, or in key.json under label or cls"],
    )
