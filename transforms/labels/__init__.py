"""Labels of single tokens: what is predicted of each besides its id.

May import: windows, contract, tokens, arrays, schemas.
"""
