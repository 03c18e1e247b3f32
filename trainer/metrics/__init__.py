"""Figures of predictions on a whole split, by which fine-tuned models are compared.

May import: schemas.
It knows nothing of models, and of no process but its own: what it is given is of all of them.
"""
