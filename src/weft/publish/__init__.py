"""Publication: a finished run becomes a model folder with its card, evidence, exports and checksums."""
