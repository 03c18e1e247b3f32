"""How windows get a second segment, or another order of their parts.

May import: kernels, windows, checks, contract, tokens, records, text, arrays, schemas.
"""
