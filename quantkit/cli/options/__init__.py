"""Options of the commands: how one is declared, the groups that commands share, and their values."""
