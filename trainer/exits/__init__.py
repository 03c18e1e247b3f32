"""Exits in a fine-tuned encoder: a classifier on each layer, and rows that leave where it is sure.

May import: rows, tasks, models, transforms, schemas.
"""
