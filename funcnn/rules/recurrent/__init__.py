"""Networks that carry a state along time, back-propagated through it by hand."""
