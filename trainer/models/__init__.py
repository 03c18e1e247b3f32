"""The models that are trained: found by name, made, and held to the data.

Imports: loader, tasks, transforms without Beam, schemas.
"""
