"""``python -m quantkit``: every command."""

import sys

from quantkit.cli.main import main

sys.exit(main(prog="python -m quantkit"))
