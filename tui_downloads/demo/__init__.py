"""A practice server with honest and faulty paths."""
