"""The table of feature codes: found, changed, refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.basics.errors import SetupFailed
from callcenter.calls.feature_codes import DEFAULTS, Deed, Dialled, FeatureCodes


def test_every_deed_has_its_usual_code() -> None:
    codes = FeatureCodes()
    assert set(DEFAULTS) == set(Deed)
    assert all(codes.find(code) == Dialled(deed) for deed, code in DEFAULTS.items())
    assert codes.find("*413") == Dialled(Deed.PAUSE, "3")
    assert codes.find("*403") is None and codes.find("*41*") is None


@given(st.text("0123456789*#", max_size=9))
def test_nothing_dialled_is_too_strange(dialled: str) -> None:
    found = FeatureCodes().find(dialled)
    assert found is None or dialled == DEFAULTS[found.deed] + found.digit


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"dance": "*99"}, "dance"),
        ({"ready": "40"}, "ready"),
        ({"ready": "*41"}, "both are *41"),
        ({"ready": "*417"}, "*417 is *41 of pause"),
        ({"offline": "*"}, "offline"),
    ],
)
def test_codes_that_can_not_be_are_refused_by_name(changed: dict[str, str], word: str) -> None:
    with pytest.raises(SetupFailed) as refused:
        FeatureCodes(changed)
    assert word in str(refused.value)


def test_another_code_takes_the_place_of_the_usual_one() -> None:
    codes = FeatureCodes({"ready": "#1"})
    assert codes.find("#1") == Dialled(Deed.READY) and codes.find("*40") is None
