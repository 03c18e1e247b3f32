"""Input files to documents, on any file system, and documents to shards.

May import: detect, records, files, text, arrays, schemas.
"""
