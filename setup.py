"""Adds the one compiled module; everything else is declared in setup.cfg."""

from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("quantkit/core/native")

setup(
    ext_modules=[
        Extension(
            "quantkit.core._kernels",
            sources=sorted(map(str, NATIVE.glob("*.c"))),
            depends=sorted(map(str, NATIVE.glob("*.h"))),
            # Contracted multiply-adds would make results differ between instruction sets.
            extra_compile_args=["-O3", "-std=c11", "-ffp-contract=off"],
        )
    ]
)
