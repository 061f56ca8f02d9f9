"""Every claim, one after another, as Markdown: ``python -m benchmarks``."""

from . import (
    attention,
    checkpoints,
    ctc,
    fit_overhead,
    fizzbuzz,
    forward,
    gpt,
    linear_cross_entropy,
    rules,
    seeds,
    start,
    verify_score,
    xor,
)
from ._measure import header

if __name__ == "__main__":
    header()
    rates = xor, fizzbuzz, start, seeds, rules, forward, attention, linear_cross_entropy, ctc, gpt
    for claim in (*rates, fit_overhead, checkpoints, verify_score):
        claim.main()
