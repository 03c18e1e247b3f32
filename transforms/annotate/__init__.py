"""Entities and phrases of a text: found by spaCy, jieba or a list, or read from storage.

Imports: read, files, text, arrays, schemas.
"""
