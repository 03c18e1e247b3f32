"""One shard from its text to its file: built, corrupted, examined, written, and read again.

Pure functions; the PTransform that calls them (`beam_build`) is thin.

May import: kernels, objectives, denoise, labels, pairs, windows, checks, contract, tokens,
annotate, read, records, files, text, arrays, schemas.
It alone imports Beam.
"""
