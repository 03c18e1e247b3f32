"""From finished shards to batches.

Imports: transforms without Beam, schemas.
"""
