"""What the labels of records can be."""

CLASS, NUMBER = "class", "number"
KINDS = (CLASS, NUMBER)
"""The name of a class; a number."""
