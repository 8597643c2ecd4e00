"""Delivery to Apache Kafka.

Where to look:

===============================  ================================================================
``settings.py``                  environment → brokers, TLS, SASL
``limits.py``                    times and sizes, each with its reason
``addresses.py``                 every address of a broker's name, and what failed where
``cluster_check.py``             a connection is used only if it leads to the sink's cluster
``errors.py``                    what an exception of kafka-python calls for
``sink.py``                      the `Sink`: sending, outcomes, state
``pending_queue.py``             what was sent, in order, until its outcome is collected
``sessions.py``                  the producer session in use, and what is done after an error
``missing_topics.py``            topics that do not exist: what is deferred, and until when
``clock_skew.py``                whether the broker accepts this host's clock
``producer/session.py``          one KafkaProducer, from its start to its first failure
``producer/batch.py``            a pending record, and a batch of them for one partition
``producer/record_format.py``    the bytes of a record
``producer/topic_lookup.py``     whether a topic exists, asked beside the delivery
``recovery/connection.py``       connecting to the cluster: repeats what fails until it works
``recovery/backoff.py``          pauses between attempts
``recovery/sink_state.py``       what a search after a crash has to know, and when it is saved
``recovery/partitions.py``       which partition a record goes to, and where its tail begins
``recovery/tail.py``             which of our records a partition already holds
``recovery/log_end.py``          where the leader's log ends, beyond what consumers see
``diagnostics/client_log.py``    the reason of an outage, from kafka-python's log
``diagnostics/announced.py``     brokers that the cluster announces and nobody reaches
``diagnostics/probe.py``         the reason of an outage, from the network
``diagnostics/topic_config.py``  whether a topic is compacted, and so loses messages
``diagnostics/outage.py``        reporting an outage: log lines, code and text, retries
===============================  ================================================================
"""

from dubhe_sidecar.sinks.kafka.limits import KafkaLimits
from dubhe_sidecar.sinks.kafka.settings import KafkaSettings, SettingsError
from dubhe_sidecar.sinks.kafka.sink import KafkaSink

__all__ = ["KafkaLimits", "KafkaSettings", "KafkaSink", "SettingsError"]
