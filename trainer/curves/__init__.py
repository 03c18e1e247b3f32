"""Curves of training runs: what their logs hold, read and drawn; without torch.

May import: schemas.
"""
