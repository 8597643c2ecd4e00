"""In which state an instance is, from what is known of it. Nothing is claimed beyond that."""

from __future__ import annotations

from dubhe_sdk.contract.messages import STATUS_OK
from dubhe_simulator.i18n.core import say
from dubhe_simulator.platform.state.records import Account


def state_of(account: Account, life: str) -> tuple[str, str]:
    """Return the state and the reason for it (empty if there is nothing to explain).

    Args:
        account: the instance.
        life: the platform's present life: an instance of a former one has ended with it.
    """
    said, known = account.said, account.known
    gone = known.owned and (known.gone or known.life != life)
    if said.open_run is None and said.end is not None:
        if said.end == STATUS_OK:
            return "ended", ""
        return "failed", said.end_message
    if gone:
        return _gone(account)
    if account.alive is False:
        return "lost", say("ui_no_heartbeat", detail=account.silence)
    if said.open_run is not None:
        return "running", ""
    if said.ready:
        return "ready", ""
    if not known.owned and account.alive:
        return "ready", ""  # attached: its messages are not known, but it answers
    if not known.owned and known.address is None and said.runs:
        return "ready", ""
    return "starting", ""


def _gone(account: Account) -> tuple[str, str]:
    """Return the state of a process that is gone without a last word."""
    said, known = account.said, account.known
    if known.lost:
        return "lost", known.lost
    if known.exit_status is None:
        return "lost", say("ui_platform_gone")
    if known.stopped and said.open_run is None:
        return "ended", say("ui_stopped")
    if known.exit_status != 0 and not known.stopped:
        return "failed", say("ui_exited", status=known.exit_status)
    if said.open_run is not None:
        return "lost", say("ui_no_end", status=known.exit_status)
    return "ended", ""
