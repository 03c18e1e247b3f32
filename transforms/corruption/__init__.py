"""Corruption of examples: which spans (select), what the model sees there (rewrite)."""
