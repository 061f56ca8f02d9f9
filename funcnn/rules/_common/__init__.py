"""What every room may use: checks, precision, the end of a backward pass, Euclidean lengths."""
