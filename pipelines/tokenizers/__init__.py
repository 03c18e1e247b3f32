"""Tokenizers of other formats, converted to the JSON that builds store, and checked.

May import: transforms, schemas.
"""
