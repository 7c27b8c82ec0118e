"""Galleries embedded into a folder that is searched exactly in process, or kept in a vector database as well."""

from weft.index.export import export
from weft.index.facets import Facets, Filters
from weft.index.folder import Index, open_index
from weft.index.store import Local, Store, hybrid
from weft.index.update import Built, build

__all__ = [
    "Built",
    "Facets",
    "Filters",
    "Index",
    "Local",
    "Store",
    "build",
    "export",
    "hybrid",
    "open_index",
]
