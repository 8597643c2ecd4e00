"""Administration of topics for the test broker. Every function waits until its effect shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from kafka import KafkaAdminClient
from kafka.protocol.admin import AlterClientQuotasRequest

TIMEOUT_S = 20.0


def names(admin: AdminClient) -> set[str] | None:
    """Return the names of all topics, or None if the broker does not answer yet."""
    try:
        return set(admin.list_topics(timeout=2).topics)
    except KafkaException:
        return None


def with_leader(admin: AdminClient) -> set[str]:
    """Return the names of topics all of whose partitions have a leader, as far as is known."""
    try:
        listed = admin.list_topics(timeout=2).topics
    except KafkaException:
        return set()
    return {
        name
        for name, topic in listed.items()
        if topic.partitions and all(p.leader >= 0 for p in topic.partitions.values())
    }


def create(
    admin: AdminClient,
    name: str,
    partitions: int,
    config: Mapping[str, str],
    replicas: int = 1,
) -> None:
    """Create a topic."""
    _done(admin.create_topics([NewTopic(name, partitions, replicas, config=dict(config))]))
    _until(lambda: _partitions_with_leader(admin, name) == partitions, f"creation of {name}")


def delete(admin: AdminClient, name: str) -> None:
    """Delete a topic."""
    _done(admin.delete_topics([name]))

    def gone() -> bool:
        found = names(admin)
        return found is not None and name not in found and _may_be_created(admin, name)

    _until(gone, f"deletion of {name}")


def add_partitions(admin: AdminClient, name: str, total: int) -> None:
    """Raise the number of partitions."""
    _done(admin.create_partitions([NewPartitions(name, total)]))
    _until(lambda: _partitions_with_leader(admin, name) == total, f"partitions of {name}")


def alter(admin: AdminClient, name: str, config: Mapping[str, str]) -> None:
    """Change settings."""
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in config.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
    _done(admin.incremental_alter_configs([resource]))
    _until(lambda: _settings(admin, name).items() >= config.items(), f"settings of {name}")


def delete_records(admin: AdminClient, name: str, partition: int, before: int) -> None:
    """Delete the records before an offset."""
    _done(admin.delete_records([TopicPartition(name, partition, before)]))


def _may_be_created(admin: AdminClient, name: str) -> bool:
    """Whether the cluster knows nothing of a topic; with ZooKeeper it is no longer shown before."""
    [future] = admin.create_topics([NewTopic(name, 1, 1)], validate_only=True).values()
    try:
        future.result(TIMEOUT_S)
    except KafkaException as refused:
        if refused.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    return True


def _settings(admin: AdminClient, name: str) -> dict[str, str]:
    described = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)])
    [future] = described.values()
    return {key: entry.value for key, entry in future.result(TIMEOUT_S).items()}


def _partitions_with_leader(admin: AdminClient, name: str) -> int:
    topic = admin.list_topics(timeout=TIMEOUT_S).topics.get(name)
    if topic is None:
        return 0
    return sum(p.leader >= 0 and p.error is None for p in topic.partitions.values())


def _done(futures: Mapping[Any, Any]) -> None:
    for future in futures.values():
        future.result(TIMEOUT_S)


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took more than {TIMEOUT_S:.0f} s")
        time.sleep(0.02)


def set_quota(bootstrap: str, client_id: str, bytes_per_second: int) -> None:
    """Limit what a client may produce. librdkafka's administrator has no call for it."""
    operation = ("producer_byte_rate", float(bytes_per_second), False)
    entry = ([("client-id", client_id)], [operation])
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    manager = admin._manager
    request = AlterClientQuotasRequest(entries=[entry], validate_only=False)

    async def ask() -> Any:
        return await manager.wait_for(manager.send(request), TIMEOUT_S * 1000)

    try:
        for answer in manager.run(ask).entries:
            if answer.error_code:
                raise RuntimeError(f"the quota was not set: {answer.error_message}")
    finally:
        admin.close()
