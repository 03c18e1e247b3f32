"""Speed and memory, measured beside a floor and beside what people use today, in one run."""
