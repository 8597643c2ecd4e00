from __future__ import annotations

import signal

import pytest

from dubhe_sdk.process.inherited import not_ignored, unblock


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


def test_what_the_caller_has_blocked_comes() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGUSR2])
    try:
        unblock([signal.SIGUSR1, signal.SIGTERM])
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        assert signal.SIGUSR1 not in blocked
        assert signal.SIGUSR2 in blocked
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
