"""Arrays of pixels: filling, sums, correlations and metrics."""
