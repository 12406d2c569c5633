"""One file per command; its name is the command's. A new command is a new file and nothing else."""
