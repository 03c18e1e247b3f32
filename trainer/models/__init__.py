"""The models that are trained: found by name, made by their family, and checked against the data.

Imports: tasks, rows, schemas, transforms without Beam. It knows nothing of the loader.
"""
