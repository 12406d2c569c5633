"""Engines: each runtime that can run a model, and what it really does with it."""

import os

# From 1.31 on ONNX Runtime reports its use over the network and leaves an identifier in the home folder, from the
# moment it is imported. quantkit does neither, unless the user has said otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
