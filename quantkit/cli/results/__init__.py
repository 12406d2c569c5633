"""What several commands hand back: rows, pages, and the files of a judged run."""
