"""The README's examples run as they stand."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(?P<language>python|bash)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = [match["code"] for match in BLOCK.finditer(README) if match["language"] == "python"]
SHELL = [match["code"] for match in BLOCK.finditer(README) if match["language"] == "bash"]

# What a reader has and the project has not: a network of their own, in the terms that the examples use.
TORCH_SETTING = """
import numpy, torch
network = torch.nn.Sequential(
    torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
    torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 4),
)
images, labels = torch.rand(64, 3, 32, 32), torch.randint(4, (64,))
example_images = images[:2]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size=8)
import quantkit
"""


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder from which the paths in the README lead somewhere, and where nothing is kept."""
    (tmp_path / "calib_data").symlink_to(ROOT / "calib_data")
    return tmp_path


def commands(block: str) -> list[str]:
    """A block's commands, without comments, continued lines joined."""
    return [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip() and line[0] != "#"]


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("code", PYTHON, ids=[f"python block {number}" for number in range(len(PYTHON))])
def test_python_examples_run(code: str, workplace: Path) -> None:
    if "# needs: tensorrt" in code:
        compile(code, "README.md", "exec")
        pytest.skip("this example needs a GPU, and an engine built on it")
    if "# needs: torch" in code:
        if importlib.util.find_spec("torch") is None:
            pytest.skip("this example needs PyTorch, which is not installed")
        code = TORCH_SETTING + code
    done = run(
        [sys.executable, "-c", code] if "torch" not in code else [sys.executable, "-W", "ignore", "-c", code], workplace
    )
    assert done.returncode == 0, done.stderr


def test_the_library_example_takes_ten_lines_at_most() -> None:
    lines = [line for line in PYTHON[0].splitlines() if line.strip()]
    assert len(lines) <= 10


def runnable() -> list[str]:
    """The commands of quantkit that name only files which come with the project or which an earlier one wrote."""
    found = [command for block in SHELL for command in commands(block)]
    return [command for command in found if command.startswith(("python -m quantkit", "quantkit "))]


def test_shell_examples_run_in_order(workplace: Path) -> None:
    ran = 0
    for command in runnable():
        words = shlex.split(command, comments=True)
        if any(word.startswith("tensorrt") for word in words):
            continue
        module = words[2:] if words[0] == "python" else ["quantkit", *words[1:]]
        done = run([sys.executable, "-m", *module], workplace)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        ran += 1
    assert ran
