"""Delivery to Apache Kafka.

Where to look:

==================  ============================================================
``settings.py``     environment → brokers, TLS, SASL
``limits.py``       times and sizes, each with its reason
``sink.py``         the `Sink`: order, outcomes, state
``connection.py``   waiting for the cluster, without end; a fresh producer and what it needs
``line.py``         one KafkaProducer and how it is stopped for good
``batch.py``          a batch for one partition, built by hand for that producer
``recordformat.py``   the bytes of a record
``flight.py``         a record on its way
``tail.py``         which of our records are in a partition already
``logend.py``       where the leader's log ends, beyond what consumers see
``places.py``       which partition a record goes to, and from where its tail is read
``errors.py``       whose fault an error is
``causes.py``       the reason of an outage in words
``trouble.py``      telling about an outage: log lines, ``last_error``, ``retries``
==================  ============================================================
"""

from dubhe_sidecar.sinks.kafka.limits import Limits
from dubhe_sidecar.sinks.kafka.settings import KafkaSettings, SettingsError
from dubhe_sidecar.sinks.kafka.sink import KafkaSink

__all__ = ["KafkaSettings", "KafkaSink", "Limits", "SettingsError"]
