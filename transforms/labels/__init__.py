"""Labels of single tokens.

Imports: windows, checks, contract and what is below them.
"""
