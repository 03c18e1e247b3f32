"""What a finished shard must hold: invariants of every row, and statistics over all rows."""
