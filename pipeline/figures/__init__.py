"""Figures of a run: how difficult its prompts were, as tables and as pictures."""
