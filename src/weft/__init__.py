"""Weft specialises a vision-language encoder for one catalogue and keeps what the base model knew."""

__version__ = "0.1.0"
