"""Strings and bytes: normalised text, sentences, Chinese words, capitals, openings of sentences.

Imports: arrays, schemas.
"""
