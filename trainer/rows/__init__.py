"""From finished shards to rows with masks, and from rows to the tensors that every batch has.

Imports: schemas, transforms without Beam. It knows nothing of tasks, models or the order of rows.
"""
