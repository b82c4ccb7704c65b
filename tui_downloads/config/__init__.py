"""Settings: one TOML file, environment and flags over it."""
