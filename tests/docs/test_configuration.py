"""The page of configuration: defaults and ranges are those that the code has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from dubhe_sdk.environment import read_settings
from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.launch.options import read_launch_options
from dubhe_sdk.logs.format import read_format
from dubhe_sdk.service.options import read_service_options
from dubhe_sdk.service.web.options import read_web_options
from dubhe_sdk.spool.limits import read_spool_limits
from dubhe_sidecar.metrics import read_metrics_options
from dubhe_sidecar.sinks.kafka import settings
from dubhe_sidecar.sinks.kafka.settings import KafkaSettings
from dubhe_sidecar.system import read_interval
from tests.docs.markdown import LANGUAGES
from tests.docs.reference import CODE, page, tables

_UNITS = {"": 1, "s": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "PiB": 2**50}
_NUMBER = re.compile(r"(?P<number>\d+(\.\d+)?) ?(?P<unit>s|[KMGP]iB)?")

Env = Mapping[str, str]

# Variable → what the code makes of it.
NUMBERS: dict[str, Callable[[Env], float]] = {
    "PORT": lambda env: read_settings(env).port,
    "DUBHE_TASK_STOP_TIMEOUT_SECONDS": lambda env: read_service_options(env).shutdown.task,
    "DUBHE_SHUTDOWN_TIMEOUT_SECONDS": lambda env: read_launch_options(env).shutdown.total,
    "DUBHE_DRAIN_TIMEOUT_SECONDS": lambda env: read_launch_options(env).drain_timeout_seconds,
    "DUBHE_SPOOL_MAX_BYTES": lambda env: read_spool_limits(env).max_bytes,
    "DUBHE_SPOOL_FULL_TIMEOUT_SECONDS": lambda env: read_spool_limits(env).full_timeout_seconds,
    "DUBHE_INFERENCE_WORKERS": lambda env: read_service_options(env).inference_workers,
    "DUBHE_INFERENCE_CONCURRENCY": lambda env: read_service_options(env).inference_concurrency,
    "DUBHE_INFERENCE_QUEUE": lambda env: read_service_options(env).inference_queue,
    "DUBHE_INFERENCE_QUEUE_TIMEOUT_SECONDS": lambda env: (
        read_web_options(env).inference_queue_timeout_seconds
    ),
    "DUBHE_MAX_REQUEST_BYTES": lambda env: read_web_options(env).max_request_bytes,
    "DUBHE_MAX_BUFFER_BYTES": lambda env: read_web_options(env).max_buffer_bytes,
    "DUBHE_MAX_CONNECTIONS": lambda env: read_web_options(env).max_connections,
    "DUBHE_TRANSFER_TIMEOUT_SECONDS": lambda env: read_web_options(env).transfer_timeout_seconds,
    "DUBHE_IDLE_TIMEOUT_SECONDS": lambda env: read_web_options(env).idle_timeout_seconds,
    "DUBHE_METRICS_PORT": lambda env: read_metrics_options(env).port,
    "DUBHE_SYSTEM_METRICS_SECONDS": read_interval,
}

WORDS: dict[str, Callable[[Env], str | None]] = {
    "protocol": lambda env: read_settings(env).protocol,
    "TOPIC_MODEL_STATUS": lambda env: read_settings(env).topic_status,
    "TOPIC_MODEL_RESULT": lambda env: read_settings(env).topic_result,
    "DUBHE_LOG_FORMAT": read_format,
    "DUBHE_METRICS_HOST": lambda env: read_metrics_options(env).host,
    "KAFKA_SECURITY_PROTOCOL": lambda env: _kafka(env).protocol,
    "KAFKA_SASL_MECHANISM": lambda env: _kafka(env).mechanism,
    "KAFKA_SSL_CHECK_HOSTNAME": lambda env: str(_kafka(env).check_hostname).lower(),
}


def _kafka(env: Env) -> KafkaSettings:
    return KafkaSettings.from_environment({"BOOTSTRAP_SERVERS": "localhost:9092", **env})


def documented(language: str) -> dict[str, list[str]]:
    """Variable → default, values, meaning."""
    return {
        CODE.findall(row[0])[0]: row[1:]
        for table in tables(page(language, "reference/configuration"))
        if table.head[0] in ("variable", "变量")
        for row in table.rows
    }


def value_of(text: str) -> float:
    found = _NUMBER.fullmatch(text.strip())
    assert found, text
    number = found["number"]
    return (float(number) if "." in number else int(number)) * _UNITS[found["unit"] or ""]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_has_its_default_and_its_range(name: str, language: str) -> None:
    default, values, _ = documented(language)[name]
    read = NUMBERS[name]
    assert read({}) == value_of(default)
    low, high = map(value_of, values.split("…"))
    if name != "DUBHE_MAX_BUFFER_BYTES":  # at least one request, whatever is set
        assert read({name: str(low)}) == low
    assert read({name: str(high)}) == high
    for beyond in (low - 1, high + 1):
        with pytest.raises(EnvironmentInvalid, match=name):
            read({name: str(beyond)})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", WORDS)
def test_a_word_has_its_default(name: str, language: str) -> None:
    default, _, _ = documented(language)[name]
    assert WORDS[name]({}) == CODE.findall(default)[0]


@pytest.mark.parametrize("name", ["protocol", "DUBHE_LOG_FORMAT"])
def test_each_documented_word_is_accepted(name: str) -> None:
    _, values, _ = documented("en")[name]
    for word in CODE.findall(values):
        assert WORDS[name]({name: word}) == word
    with pytest.raises(EnvironmentInvalid, match=name):
        WORDS[name]({name: "another"})


def test_access_to_kafka_takes_the_documented_words() -> None:
    variables = documented("en")
    assert CODE.findall(variables["KAFKA_SECURITY_PROTOCOL"][1]) == list(settings.PROTOCOLS)
    assert CODE.findall(variables["KAFKA_SASL_MECHANISM"][1]) == list(settings.MECHANISMS)


def test_both_languages_have_the_same_variables_and_numbers() -> None:
    def plain(language: str) -> dict[str, list[str]]:
        return {name: _NUMBER.findall(row[0]) for name, row in documented(language).items()}

    assert plain("en") == plain("zh")
    assert set(NUMBERS) | set(WORDS) <= set(documented("en"))
