"""Paths and files on any file system: which there are, and how they get their names.

Imports: schemas; Beam's file systems when a path has a scheme.
"""
