"""Curves of training runs side by side, and pages of whatever there is: builds, streams and runs.

May import: report, folder, stream, trainer, transforms, schemas.
Nothing of trainer that imports torch.
"""
