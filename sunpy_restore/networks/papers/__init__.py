"""Networks that only a configuration of a paper needs."""
