"""What a run says of itself: its report page, the cards of its models, predictions of some rows.

May import: curves, loader, tasks, rows, transforms, schemas.
jinja2 is imported in functions alone.
"""
