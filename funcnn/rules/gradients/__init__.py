"""Rules whose backward pass is deliberately another function's derivative."""
