from __future__ import annotations

import signal

import pytest

from dubhe_sdk.process.inherited import not_ignored


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_what_is_ignored_is_left_out_but_for_sigterm(signum: signal.Signals) -> None:
    stops = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    before = {one: signal.signal(one, signal.SIG_DFL) for one in stops}
    try:
        assert not_ignored(stops) == stops
        signal.signal(signum, signal.SIG_IGN)
        ignored = set() if signum == signal.SIGTERM else {signum}
        assert not_ignored(stops) == [one for one in stops if one not in ignored]
    finally:
        for one, action in before.items():
            signal.signal(one, action)
