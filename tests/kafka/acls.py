"""Permissions of the one user that tests know, by a super user's client."""

from __future__ import annotations

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from tests.kafka.broker import Broker

USER = "alice"
TIMEOUT_S = 20.0
_CLUSTER = "kafka-cluster"  # the only name that a resource of this type may have


def grant(broker: Broker, topic: str, *operations: AclOperation) -> None:
    """Allow the user these operations on a topic, and no others."""
    _replace(broker, ResourceType.TOPIC, topic, operations)


def grant_on_cluster(broker: Broker, *operations: AclOperation) -> None:
    """Allow the user these operations on the cluster, and no others."""
    _replace(broker, ResourceType.BROKER, _CLUSTER, operations)


def _replace(
    broker: Broker, kind: ResourceType, name: str, operations: tuple[AclOperation, ...]
) -> None:
    admin = broker.admin()
    where = (kind, name, ResourcePatternType.LITERAL, f"User:{USER}")
    drop = AclBindingFilter(*where, None, AclOperation.ANY, AclPermissionType.ANY)
    for future in admin.delete_acls([drop]).values():
        future.result(TIMEOUT_S)
    rules = [
        AclBinding(*where, "*", operation, AclPermissionType.ALLOW) for operation in operations
    ]
    for future in admin.create_acls(rules).values() if rules else ():
        future.result(TIMEOUT_S)
