"""Input files to documents, on any file system, and documents to shards.

Imports: detect, records, files, text, arrays, schemas.
"""
