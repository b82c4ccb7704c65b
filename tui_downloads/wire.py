"""Core values to and from this project's own JSON; used by the native API, the remote engine and `--json`."""
