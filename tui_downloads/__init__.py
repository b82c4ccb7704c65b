"""A terminal download manager: engine, screen, service and command line."""

__version__ = "0.1.0"
