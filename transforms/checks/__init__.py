"""What a finished shard must hold: invariants of every row, and statistics over all rows.

Checks are given stored rows, values and protocols; they know neither recipes nor parts.

May import: kernels, contract, tokens, arrays, schemas.
"""
