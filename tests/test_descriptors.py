import resource

import pytest

from hel import descriptors
from tests.doubles import HeardLog

INFINITY = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "sources", "raised", "warns"),
    [
        (1024, 4096, 400, None, False),
        (1024, 4096, 1000, 2128, False),
        (1024, INFINITY, 10_000, 20_128, False),
        (INFINITY, INFINITY, 10_000, None, False),
        (1024, 2127, 1000, 2127, True),
        (256, 256, 100, 256, True),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_the_sources_need_and_what_lacks_is_said_with_its_fix(
    soft: int, hard: int, sources: int, raised: int | None, warns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, log = list[tuple[int, int]](), HeardLog()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    descriptors.suffice(sources, log)
    assert asked == ([] if raised is None else [(raised, hard)])
    assert log.names == (["files.few"] if warns else [])
    if warns:
        (_, _, fields) = log.heard[0]
        assert f"and {hard:,} are allowed" in fields["because"]
        assert f"`ulimit -n {2 * sources + 128}`" in fields["fix"]


def test_a_system_that_forbids_what_its_limits_allow_is_told_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    log = HeardLog()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, INFINITY))
    monkeypatch.setattr(resource, "setrlimit", forbid)
    descriptors.suffice(1000, log)
    assert "256 are allowed" in log.heard[0][2]["because"]
