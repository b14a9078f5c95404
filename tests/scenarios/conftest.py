"""The scenarios can be played in several processes at once: they mostly wait for answers that do not come."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", default="1/1", help="which part of the scenarios to play: 2/3 is the second of three")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    number, _, count = config.getoption("--part").partition("/")
    items[:] = items[int(number) - 1 :: int(count)]
