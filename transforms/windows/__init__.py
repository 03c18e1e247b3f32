"""From tokens to windows, and from windows to laid-out rows.

May import: kernels, checks, contract, tokens, arrays, schemas.
"""
