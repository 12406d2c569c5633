"""The command line: it parses, calls and shows; every number comes from the library."""
