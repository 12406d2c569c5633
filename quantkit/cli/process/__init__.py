"""The process around a command: streams, progress, logs, locks, signals, memory."""
