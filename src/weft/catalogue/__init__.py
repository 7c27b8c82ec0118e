"""From any catalogue to a collection: sources, decoding, duplicates, splits."""
