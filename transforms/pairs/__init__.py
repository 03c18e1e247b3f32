"""How windows get their second segment, or another order of their parts.

Imports: windows, checks, contract and what is below them.
"""
