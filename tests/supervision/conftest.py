"""Before each call the house is empty, and after it too."""

from tests.calls.conftest import empty_house

__all__ = ["empty_house"]
