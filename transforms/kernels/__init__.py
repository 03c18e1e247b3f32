"""Inner loops, compiled to machine code: integers and plain loops, nothing about parts or recipes.

May import: schemas.
"""
