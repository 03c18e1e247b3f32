"""From finished shards to rows with masks, and from rows to the tensors that every batch has.

May import: transforms, schemas.
Nothing of transforms that imports Beam. It knows nothing of tasks, models or the order of rows.
"""
