"""Curves of training runs side by side: what their logs hold, and pages and pictures of it.

May import: report, folder, trainer, transforms, schemas.
Nothing of trainer that imports torch.
"""
