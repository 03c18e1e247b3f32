"""Where a command runs: Beam's runners, local worker processes, progress.

Imports: transforms, schemas.
"""
