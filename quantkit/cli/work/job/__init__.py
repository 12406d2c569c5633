"""The whole job of `quantkit calibrate`: its stages, its journal, and what is told in the end."""
