"""Declarative experiments for LLM serving: what a board can carry."""
