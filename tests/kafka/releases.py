"""The releases of Apache Kafka that brokers of the tests can be, the oldest first.

Nearly all tests run against `CURRENT`, which ``pom.xml`` names. ``tests/delivery/test_releases.py``
delivers to each of `RELEASES`: what platforms still run, one for each way in which a broker may
differ from the next.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

POM = Path(__file__).with_name("pom.xml")
_PROPERTIES = ElementTree.parse(POM).getroot().find("{*}properties")


def _of_the_pom(name: str) -> str:
    assert _PROPERTIES is not None
    return _PROPERTIES.findtext(f"{{*}}{name}") or ""


class Release(NamedTuple):
    """One release: its number, the Scala it is built with, and its ZooKeeper (empty: KRaft)."""

    kafka: str
    scala: str = "2.13"
    zookeeper: str = ""

    @property
    def properties(self) -> dict[str, str]:
        """Properties of ``pom.xml``."""
        found = {"kafka.version": self.kafka, "scala.version": self.scala}
        return {**found, "zookeeper.version": self.zookeeper} if self.zookeeper else found

    @property
    def authorizer(self) -> str:
        """For ``authorizer.class.name``: ACLs as `confluent_kafka.admin` makes them are obeyed."""
        if not self.zookeeper:
            return "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        if self < KAFKA_2_8:
            return "kafka.security.auth.SimpleAclAuthorizer"
        return "kafka.security.authorizer.AclAuthorizer"


# No ids for leader epochs, no detection of truncation, no zstd; messages of format 2 since 0.11.
KAFKA_1_1 = Release("1.1.1", "2.12", "3.4.10")
# IdempotentWrite on the cluster is a permission of its own until 2.8, where Write implies it. Its
# own ZooKeeper, 3.4.13, does not start on Java 14 and newer.
KAFKA_2_0 = Release("2.0.1", "2.12", "3.4.10")
# Can keep messages in an older format; see `OLD_FORMAT_TOPIC`.
KAFKA_2_8 = Release("2.8.2", "2.13", "3.5.9")
# The last that answers requests of clients before 2.1.
KAFKA_3_9 = Release("3.9.2")
CURRENT = Release(_of_the_pom("kafka.version"), _of_the_pom("scala.version"))

RELEASES = (KAFKA_1_1, KAFKA_2_0, KAFKA_2_8, KAFKA_3_9, CURRENT)

# For topics of `KAFKA_2_8` and older: records are kept without headers and producer ids.
OLD_FORMAT_TOPIC = {"message.format.version": "0.10.2"}
