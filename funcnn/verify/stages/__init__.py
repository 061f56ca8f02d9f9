"""The stages of `check`, a file each, cheap first."""
