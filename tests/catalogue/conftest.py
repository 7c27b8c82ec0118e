"""What several tests of curation read."""

import pytest
from shop_tables import run, shelf, table


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """One ordinary catalogue of 150 products, curated once; read only."""
    root = tmp_path_factory.mktemp("plain")
    source = table(root / "shop.parquet", shelf(150))
    found, summary = run(root / "curate", source)
    return found, summary, source
