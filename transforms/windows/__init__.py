"""From tokens to windows, and from windows to laid-out rows.

Imports: checks, contract, tokens and the rooms below them.
"""
