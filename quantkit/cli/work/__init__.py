"""What the commands do, where that is more than a page."""
