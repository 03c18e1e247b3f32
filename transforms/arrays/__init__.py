"""Columnar building blocks: ragged arrays, spans, permutations, random generators.

For code that computes on flat NumPy arrays and knows nothing about text or tokenizers.

May import: kernels, schemas.
"""
