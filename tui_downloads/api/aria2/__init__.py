"""aria2's JSON-RPC over the engine, for programs that were written for aria2."""
