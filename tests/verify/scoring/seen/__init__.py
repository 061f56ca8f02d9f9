"""The cases that the checker was built and mended with."""
