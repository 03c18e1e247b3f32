"""One shard from its text to its file: built, corrupted, examined, written, and read again.

Pure functions; the PTransforms that call them (`build_shards`, `annotate_shards`) are thin.

May import: objectives, labels, pairs, windows, contract, tokens, annotate, read, records, files,
text, arrays, schemas.
A few modules import Beam.
"""
