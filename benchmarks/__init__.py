"""Speed and memory, compared with lower bounds and common alternatives in the same run."""
