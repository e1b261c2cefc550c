"""How much of a measured latency is the client's own: a load against a server of known truth."""
