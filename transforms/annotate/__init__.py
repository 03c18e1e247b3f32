"""Annotations: entities and phrases, found by spaCy, jieba or a gazetteer, or read from storage.

For code that finds spans in text, stores them, or projects them onto tokens.

May import: records, files, text, arrays, schemas.
"""
