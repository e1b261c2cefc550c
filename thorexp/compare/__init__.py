"""Measurements side by side: `python -m thorexp.compare A B …`."""
