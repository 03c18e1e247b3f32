"""One shard from its text to its file: built, corrupted, examined, written, and read again.

Pure functions; the PTransforms that call them (`build_shards`, `annotate_shards`) are thin.

Imports: every other room of transforms; Beam in a few modules.
"""
