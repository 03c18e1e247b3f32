"""How windows get a second segment, or another order of their parts.

Imports: windows, checks, contract and the rooms below them.
"""
