"""The work of `quantkit compare`: who takes part, and what came of it."""
