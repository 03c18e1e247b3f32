"""Predictions of fine-tuned models, for records of files and for rows of builds.

May import: exits, loader, models, rows, tasks, transforms, schemas.
"""
