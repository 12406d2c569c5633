"""Adds the compiled modules; everything else is declared in setup.cfg."""

import sys
from pathlib import Path

from setuptools import Extension, setup

KERNELS = Path("quantkit/core/native")
LAST_WORDS = Path("quantkit/cli/process/native")

extensions = [
    Extension(
        "quantkit.core._kernels",
        sources=sorted(map(str, KERNELS.glob("*.c"))),
        depends=sorted(map(str, KERNELS.glob("*.h"))),
        # Contracted multiply-adds would make results differ between instruction sets.
        extra_compile_args=["-O3", "-std=c11", "-ffp-contract=off"],
    )
]
# Windows tells a process of its crash in another way, and does without.
if sys.platform != "win32":
    sources = sorted(map(str, LAST_WORDS.glob("*.c")))
    extensions.append(Extension("quantkit.cli.process._last_words", sources, extra_compile_args=["-std=gnu11"]))

setup(ext_modules=extensions)
