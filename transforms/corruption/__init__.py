"""Corruption of examples: which spans are selected, what the model sees there, what is stored.

    units and budgets --select--> spans --rewrite--> ids --targets--> columns

May import: kernels, checks, contract, arrays, schemas.
"""
