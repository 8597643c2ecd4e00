"""The registry's contents as the page shows them. The caller holds the registry's lock."""

from __future__ import annotations

from typing import Any

from dubhe_simulator.platform.state.records import InstanceRecord, Run
from dubhe_simulator.platform.state.registry import InstanceRegistry
from dubhe_simulator.platform.state.status import state_of


def instance_view(
    registry: InstanceRegistry,
    record: InstanceRecord,
    logs: list[str],
    delivery: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return an instance.

    Args:
        registry: what is known of all instances.
        record: the instance's.
        logs: which of its logs can be read.
        delivery: what its sidecar says, if that is known.
    """
    reported, managed = record.reported, record.managed
    state, reason = state_of(record, registry.session_id)
    run = registry.runs.get(reported.last_run)
    return {
        "id": record.id,
        "kind": record.kind_name,
        "state": state,
        "reason": reason,
        "owned": managed.owned and managed.session_id == registry.session_id and not managed.gone,
        "engine": managed.engine,
        "protocol": managed.protocol,
        "address": managed.address,
        "first_ms": reported.first_ms or managed.created_ms,
        "last_ms": reported.last_ms or managed.created_ms,
        "last": reported.last,
        "messages": reported.messages,
        "duplicates": reported.duplicates,
        "malformed": reported.malformed,
        "progress": run.share if run else None,
        "remaining_s": run.remaining_s if state == "running" and run else None,
        "run": run.id if run else None,
        "logs": logs,
        "delivery": delivery,
    }


def run_view(registry: InstanceRegistry, run: Run, *, brief: bool = False) -> dict[str, Any]:
    """Return a run.

    Args:
        registry: what is known of all runs.
        run: the run's record.
        brief: with the few metrics that most runs have instead of all of its own.
    """
    curves = registry.curves
    return {
        "id": run.id,
        "instance": run.instance,
        "kind": run.kind,
        "number": run.number,
        "started_ms": run.started_ms,
        "ended_ms": run.ended_ms,
        "status": run.status,
        "message": run.message,
        "stopped": is_stopped(registry, run),
        "progress": run.share,
        "epoch": run.epoch,
        "by_batch": run.by_batch,
        "remaining_s": run.remaining_s,
        "metrics": curves.named(run.id) if brief else curves.views(run.id),
        "metric_count": curves.count(run.id),
        "results": run.results,
        "images": run.images,
        "truth": run.labelled,
        "params": registry.requests.parameters_of(request_of(registry, run)),
        **registry.annotations.of(run).view(),
    }


def is_stopped(registry: InstanceRegistry, run: Run) -> bool:
    """Return whether somebody stopped a run: by its END, or without one at its instance's end."""
    record = registry.instances.get(run.instance)
    if record is None or record.reported.open_run != run.id:
        return run.stopped
    managed = record.managed
    return managed.stopped and (managed.gone or not managed.owned)


def request_of(registry: InstanceRegistry, run: Run) -> int | None:
    """Return the number of the request that began a run; None if it was not sent from here."""
    return registry.requests.of(run, registry.runs.before(run))
