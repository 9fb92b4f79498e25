"""Benchmarks: ``python -m benchmarks.compare`` prints tables, ``asv run`` keeps a history."""
