"""What a language model adds to a curated catalogue: queries in other words, and grades of pairs."""
