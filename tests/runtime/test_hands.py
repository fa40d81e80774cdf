"""The worker's own thread."""

import threading

import pytest

from services.runtime import hands
from services.runtime.hands import Hands


def test_quick_work_is_waited_for() -> None:
    made = Hands("echo")
    polls: list[int] = []
    assert made.call(threading.get_ident, lambda: polls.append(1)) != threading.get_ident()
    assert polls == []
    made.close()


def test_while_slow_work_goes_on_the_caller_does_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands, "SLOW_S", 0.01)
    made = Hands("echo")
    go, polls = threading.Event(), []

    def meanwhile() -> None:
        polls.append(threading.get_ident())
        if len(polls) == 3:
            go.set()

    assert made.call(lambda: go.wait(10), meanwhile)
    assert len(polls) >= 3
    assert set(polls) == {threading.get_ident()}
    made.close()


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("mine")])
def test_what_work_raises_is_raised(error: Exception) -> None:
    made = Hands("echo")

    def work() -> None:
        raise error

    with pytest.raises(type(error), match=str(error)):
        made.call(work, lambda: None)
    made.close()
