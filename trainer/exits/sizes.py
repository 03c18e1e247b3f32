"""Sizes of exits, for whoever reads options without torch."""

HEADS = 2
"""Heads of attention of a student."""
