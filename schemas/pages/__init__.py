"""What HTML pages have in common: their style, and the templates of charts.

May import: schemas.
"""
