"""Programs: build, recipes, vocab, verify, inspect and export."""
