"""Convolutions, pools and resampling, channels last."""
