"""Rules of public packages, checked: ``python -m benchmarks.public_rules``."""
