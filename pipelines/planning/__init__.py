"""From the options of a command to what it will do, before anything is done.

May import: folder, running, tokenizers, transforms, schemas.
"""
