"""One file per command; its name is the command's. A new command is a new file and nothing else.

The file holds what the user sees: the help text, the examples, the options. A command whose work needs more than a page
leaves it to a room in `quantkit.cli.work`, and where the work takes all of the options, they stand there: in the
room's ``options.py``.
"""
