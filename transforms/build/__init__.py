"""One shard from its text to its file: made, corrupted, examined, written; and read again.

Imports: every other room of transforms, and Beam.
"""
