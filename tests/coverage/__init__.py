"""How often the intervals hold what they say: simulated data sets, judged by the real formulas."""
