"""One claim a script, with funcnn and its peers in turn in the same run: ``python -m benchmarks`` prints every table."""
