"""Every claim, one after another, as Markdown: ``python -m benchmarks``."""

from . import attention, checkpoints, fit_overhead, fizzbuzz, forward, rules, seeds, start, verify_score, xor
from ._measure import header

if __name__ == "__main__":
    header()
    for claim in (xor, fizzbuzz, start, seeds, rules, forward, attention, fit_overhead, checkpoints, verify_score):
        claim.main()
