"""The loader: opens finished builds and makes batches of them, in an order that can be resumed.

Imports: tasks, rows, schemas, transforms without Beam. It knows nothing of models.
"""
