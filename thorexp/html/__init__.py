"""Results as one HTML page that opens from disk: no network, no other file."""
