"""The command line: one command, one file, imported when called."""
