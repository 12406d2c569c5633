"""Rebuild the stored images from scikit-learn, and check every stored file against its digest.

python calib_data/make.py             rebuild the images (needs scikit-learn), then check
python calib_data/make.py --check     check; standard library only
python calib_data/make.py --record    accept the files as they are: write SHA256SUMS
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SETS = ("digits",)
SUMS = ROOT / "SHA256SUMS"  # `sha256sum --check SHA256SUMS` reads it too


def main() -> int:
    """Do what the command line asks; 0 when every file is as recorded, else 1."""
    arguments = parsed_arguments()
    if arguments.record:
        SUMS.write_text(sums_text(digests()), encoding="utf-8")
    elif not arguments.check:
        build_digits()
    problems = list(differences(recorded(), digests()))
    for problem in problems:
        print(problem)
    print(f"{SUMS.name}: {len(recorded())} files recorded, {len(problems)} problems")
    return 1 if problems else 0


def parsed_arguments() -> argparse.Namespace:
    """The command line's choice: rebuild (the default), check or record."""
    parser = argparse.ArgumentParser(description="Rebuild or check the stored calibration data.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="compare every stored file with SHA256SUMS")
    choice.add_argument("--record", action="store_true", help="write SHA256SUMS from the files as they are")
    return parser.parse_args()


def build_digits() -> None:
    """Write the calibration and evaluation images of the digits anew."""
    from digits.scans import split, write_folder

    parts = split()
    for name, scans in (("calib", parts.calib), ("eval", parts.eval)):
        shutil.rmtree(ROOT / "digits" / name, ignore_errors=True)
        write_folder(scans, ROOT / "digits" / name)


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    """One line for each file that differs from its record, is missing, or has none."""
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            yield f"missing: {name}"
        elif name not in expected:
            yield f"unexpected: {name}"
        elif expected[name] != found[name]:
            yield f"differs: {name}"


def digests() -> dict[str, str]:
    """SHA-256 of each data file, by its path from here; version control guards the scripts."""
    files = [path for name in SETS for path in (ROOT / name).rglob("*") if is_data(path)]
    return {path.relative_to(ROOT).as_posix(): sha256(path) for path in files}


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 digest of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_data(path: Path) -> bool:
    """Whether a path inside a set is a data file and not a script, its compiled form, or a folder."""
    return path.is_file() and path.suffix not in {".py", ".pyc"}


def recorded() -> dict[str, str]:
    """SHA256SUMS as a mapping from path to digest; without it, every file is unexpected."""
    lines = SUMS.read_text(encoding="utf-8").splitlines() if SUMS.exists() else []
    return {name: digest for digest, name in (line.split("  ", maxsplit=1) for line in lines)}


def sums_text(found: Mapping[str, str]) -> str:
    """Digests in the format of the sha256sum command."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(found.items()))


if __name__ == "__main__":
    raise SystemExit(main())
