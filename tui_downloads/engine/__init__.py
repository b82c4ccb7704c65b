"""The engine: joins bytes, disk, sources and store behind one promise."""
