"""Labels of single tokens: what is predicted of each besides its id.

Imports: windows, checks, contract and the rooms below them.
"""
