"""What a file is, by its first bytes: its encoding, a table, JSON, something binary.

Imports: records, files, text, schemas.
"""
