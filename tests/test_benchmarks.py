"""A benchmark's command line is what its main takes."""

import sys

from benchmarks._measure import run_script


def test_each_parameter_of_a_script_is_an_option(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["script", "--only", "relu", "tanh", "--rounds", "3"])
    assert run_script(lambda only=(), rounds=7, size=2: (only, rounds, size)) == (["relu", "tanh"], 3, 2)
