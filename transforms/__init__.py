"""From corpus to examples: pure columnar functions, and the thin PTransforms that wire them."""
