"""Predictions of fine-tuned models, for records of files and for rows of builds.

May import: exits, metrics, loader, models, rows, tasks, transforms, schemas.
"""
