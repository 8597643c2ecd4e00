"""Side-by-side measurements. What counts are ratios within one run; machines differ."""
