"""The running building that several modules use; it takes a while to start."""

from collections.abc import Iterator

import pytest

from demo.stalls import Model
from tests.e2e.shared_house import SharedHouse, office_opens, open_shared


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedHouse]:
    """A KEBA and a go-e, and a manager in the office. Who changes it puts it back as it was."""
    models = [Model.KEBA_P30, Model.GOE_HTTP_V2]
    opened, close = open_shared(tmp_path_factory.mktemp("house"), models, office_opens)
    try:
        yield opened
    finally:
        close()
