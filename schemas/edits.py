"""What the codes of edits mean. It is part of the format of shards, and never changes."""

TOKEN, NOTHING, ONE, EACH = 0, 1, 2, 3
"""What stands in place of a span: the token that the recipe names, nothing, one stored id, or a
stored id for each of its tokens."""
MOST_SENTENCES = 256
"""Sentences of a row that a byte can number."""
