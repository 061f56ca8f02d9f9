"""Every claim, one after another, as Markdown: ``python -m benchmarks``."""

from . import (
    attention,
    checkpoints,
    ctc,
    fit_overhead,
    fizzbuzz,
    forward,
    gpt,
    gpt2,
    linear_cross_entropy,
    nanogpt,
    recurrent,
    repeat,
    rules,
    seeds,
    start,
    verify_score,
    xor,
)
from ._measure import header

if __name__ == "__main__":
    header()
    rates = (
        xor,
        fizzbuzz,
        start,
        seeds,
        rules,
        forward,
        attention,
        linear_cross_entropy,
        recurrent,
        ctc,
        gpt,
        gpt2,
        nanogpt,
        repeat,
    )
    for claim in (*rates, fit_overhead, checkpoints, verify_score):
        claim.main()
