"""Compositions of products and nonlinearities whose backward pass is written as a whole."""
