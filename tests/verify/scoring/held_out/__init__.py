"""The cases whose authors had not seen the checker, and which it was not mended for."""
