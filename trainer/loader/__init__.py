"""The loader: opens finished builds and makes batches of them, in an order that can be resumed.

May import: tasks, rows, transforms, schemas.
Nothing of transforms that imports Beam. It knows nothing of models.
"""
