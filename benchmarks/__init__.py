"""Side-by-side measurements: ``python -m benchmarks``. What counts are ratios within one run."""
