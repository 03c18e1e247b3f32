"""What the parts of a recipe and the checks agree on: protocols, stored rows, oracles.

Imports: annotate, arrays, schemas.
"""
