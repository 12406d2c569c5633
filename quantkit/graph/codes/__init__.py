"""Constants and parameters in integer codes."""
