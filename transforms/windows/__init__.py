"""From tokens to windows, and from windows to laid-out sequences.

Imports: checks, contract, tokens and what is below them.
"""
