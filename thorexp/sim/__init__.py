"""A model of vLLM on a board: what its scheduler does, and how long each of its steps takes."""
