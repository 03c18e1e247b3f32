"""Corruption that may change the length of a row: noise makes edits, and a decoder writes a target.

May import: kernels, corruption, checks, contract, arrays, schemas.
"""
