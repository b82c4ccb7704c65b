"""Five published download APIs, each its own application."""
