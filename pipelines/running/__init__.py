"""Where a command runs: on this machine, by spill files and workers, or on Beam; progress.

May import: transforms, schemas.
"""
