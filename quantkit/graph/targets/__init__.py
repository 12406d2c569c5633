"""What each runtime wants: one module for each target."""
