"""A local page on which people grade a pool's pairs, one key each; blind, resumable, and nothing from outside."""
