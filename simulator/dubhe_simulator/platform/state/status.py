"""In which state an instance is, from what is known of it. Nothing is claimed beyond that."""

from __future__ import annotations

import signal

from dubhe_sdk.contract.messages import STATUS_OK
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Condition
from dubhe_simulator.platform.state.records import InstanceRecord

SIGNAL_BASE = 128


def state_of(record: InstanceRecord, session_id: str) -> tuple[str, str]:
    """Return the state and the reason for it (empty if there is nothing to explain).

    Args:
        record: the instance.
        session_id: the platform's present session: an instance of a former one has ended with it.
    """
    reported, managed = record.reported, record.managed
    gone = managed.owned and (managed.gone or managed.session_id != session_id)
    if managed.owned and managed.stopped and not gone:
        return "stopping", _condition(record)  # whatever it says: its container lives
    if reported.open_run is None and reported.end is not None:
        if reported.end == STATUS_OK:
            return "ended", ""
        # Its own last word, and what its engine knows beside: who has ended it.
        engine = _condition(record) if gone else ""
        reason = f"{reported.end_message} ({engine})" if engine else reported.end_message
        return "stopped" if reported.end_stopped else "failed", reason
    if gone:
        return _gone(record)
    if managed.stopped and not managed.owned and reported.open_run is not None:
        return "stopped", translate("ui_stopped_no_end")  # imported
    if managed.paused:
        return "paused", _condition(record)
    if record.alive is False:
        silence = translate("ui_no_heartbeat", detail=record.heartbeat_error)
        return "lost", _condition(record) or silence
    if reported.open_run is not None:
        return "running", _condition(record)
    if not managed.owned and managed.address is None and (reported.ready or reported.runs):
        # One that dies reports nothing, and without an address nobody can ask it.
        return "unknown", translate("ui_unknown")
    if reported.ready:
        return "ready", _condition(record)
    if not managed.owned and record.alive:
        return "ready", ""  # attached: its messages are not known, but it answers
    return "starting", _condition(record)


def _gone(record: InstanceRecord) -> tuple[str, str]:
    """Return the state of a process that is gone without a last word."""
    reported, managed = record.reported, record.managed
    if managed.exit_status is None:
        return "lost", translate("ui_platform_gone")
    if managed.stopped:
        if reported.open_run is None:
            return "ended", translate("ui_stopped")
        return "stopped", translate("ui_stopped_no_end")  # it did not know how, or was killed
    if managed.exit_status != 0:
        exited = _exited(managed.exit_status)
        return "failed", f"{condition} ({exited})" if (condition := _condition(record)) else exited
    if reported.open_run is not None:
        return "lost", translate("ui_no_end", status=managed.exit_status)
    return "ended", ""


def _exited(status: int) -> str:
    """Return an exit status in words; 128 plus the number of a signal names that too."""
    try:
        name = signal.Signals(status - SIGNAL_BASE).name
    except ValueError:
        return translate("ui_exited", status=status)
    return translate("ui_exited_signal", status=status, signal=name)


def _condition(record: InstanceRecord) -> str:
    """Return what the instance's engine says, in words; empty if nothing."""
    facts = record.managed.condition
    return Condition.of(facts).text if facts else ""
