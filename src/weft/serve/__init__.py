"""A service around an index: `weft serve` opens models and galleries, and answers until it is told to stop."""

from weft.serve.run import open_engine, serve

__all__ = ["open_engine", "serve"]
