"""The models that are trained: found by name, made by their family, and checked against the data.

May import: tasks, rows, transforms, schemas.
Nothing of transforms that imports Beam. It knows nothing of the loader.
"""
