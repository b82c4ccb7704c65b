"""The HTTP endpoint: native API, aria2 RPC and five foreign dialects."""
