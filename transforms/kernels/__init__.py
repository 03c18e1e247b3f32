"""Inner loops, compiled to machine code: integers and plain loops, nothing about parts or recipes.

Whoever imports a module of this room imports Numba, which takes half a second; so it is imported
inside the functions that call it.

May import: schemas.
"""
