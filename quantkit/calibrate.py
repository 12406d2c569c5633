"""``python -m quantkit.calibrate``: the whole job in one command, the same as ``quantkit calibrate``."""

from __future__ import annotations

import sys

from quantkit.cli.main import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m quantkit.calibrate", command="calibrate"))
