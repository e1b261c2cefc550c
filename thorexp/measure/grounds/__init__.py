"""Grounds for not believing a number: each a function from what was found to a reason, absent where there is none."""
