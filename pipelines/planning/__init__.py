"""From the options of a command to what it will do, before anything is done.

Imports: folder, running, transforms, schemas.
"""
