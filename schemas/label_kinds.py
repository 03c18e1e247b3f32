"""What the labels of records can be."""

CLASS, NUMBER, TAGS, SPAN, CHOICE = KINDS = ("class", "number", "tags", "span", "choice")
"""The name of a class; a number; a class for each word; a part of the second text, or none; one of
several texts."""
