"""How a server comes to be, and how it ends."""
