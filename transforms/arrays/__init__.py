"""Numbers in columns: ragged arrays, spans, random draws, permutations. Knows nothing of language.

Imports: schemas.
"""
