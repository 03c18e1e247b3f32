"""The output folder: who owns it, who writes to it, and how a finished build is opened.

May import: transforms, schemas.
"""
