"""The engine promise kept over the native API of another process."""
