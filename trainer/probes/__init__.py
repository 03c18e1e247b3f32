"""Probes: what a linear model learns of a task from the hidden states of a model in training.

The model is not changed, and nothing of its training is.

May import: models, loader, tasks, rows, transforms, schemas.
Nothing of transforms that imports Beam.
"""
