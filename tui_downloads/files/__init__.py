"""How bytes stay: part files, journals, publishing, hashing and free space."""
