"""Where a command runs: Beam's runners, local worker processes, progress.

May import: transforms, schemas.
"""
