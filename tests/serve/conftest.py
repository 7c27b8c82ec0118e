"""One shop, two models, opened once for the tests that only ask."""

import pytest
from service import HOSTILE, indexes, service

from galleries import shop


@pytest.fixture(scope="session")
def shop_indexes(tmp_path_factory):
    return indexes(tmp_path_factory.mktemp("served"), shop(30), {"p7": HOSTILE})


@pytest.fixture(scope="session")
def served(shop_indexes):
    with service(shop_indexes) as one:
        yield one
