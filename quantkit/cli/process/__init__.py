"""The process around a command: streams, progress, logs, locks, files to write, signals, memory, and how it ends."""
