"""Paths and files on any file system: which there are, and how they get their names.

May import: schemas.
Beam's file systems are imported when a path has the scheme of a store, fsspec when it is on the
web.
"""
