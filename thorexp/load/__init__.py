"""Plays a load plan against an HTTP server."""
