"""What is remembered: the list, options, files and history in SQLite."""
