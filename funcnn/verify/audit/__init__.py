"""Every rule that a whole program calls, judged where it stands."""
