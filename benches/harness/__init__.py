"""What scripts/bench is made of: the rows, running them, and telling what came of it."""
