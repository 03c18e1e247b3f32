"""Bits and numbers that the loops over sentences and the tables of their rules share.

Importing this does not import Numba.
"""

# One bit per property; a character may have several.
UPPER, LOWER, DIGIT, CASELESS, CJK, OPENER, CLOSER, STOP, JOINER, LINE_END, NUMERAL = (
    1 << bit for bit in range(11)
)
OPENS_SENTENCE = UPPER | DIGIT | CASELESS | CJK
IN_WORD = UPPER | LOWER | DIGIT | CASELESS

# Kinds of stops, by the condition under which they end a sentence.
PERIOD, EXCLAMATION, ELLIPSIS, FULL_STOP, SEMICOLON, WIDE_PERIOD = range(1, 7)

# A sentence begins after at most this many closing marks, and is judged by the character after at
# most this many opening ones.
MAX_CLOSERS, MAX_OPENERS = 4, 3
# A full-width dot after so many numerals that begin a line numbers a section.
MAX_NUMERALS = 4
# The longest abbreviation.
KEY_BYTES = 8

# Code points after this one are neither letters of a cased script nor ideographs of the tables.
LAST_POINT = 0x2FFFF
