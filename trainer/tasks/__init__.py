"""Tasks: for each, what it adds to a batch, the head that learns it, and its loss.

A new objective is a file here and a line in `trainer.tasks.of_recipes`.

May import: metrics, rows, transforms, schemas.
Nothing of transforms that imports Beam. Heads are given a model and its `Architecture`; nothing
here knows which models there are.
"""
