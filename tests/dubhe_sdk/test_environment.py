from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import Settings, brokers, number, read_settings, seconds, text
from dubhe_sdk.errors import EnvironmentInvalid

INSTANCE = "modelid1412-algorithm112345540-train-1412-4"
PLATFORM = {
    "PLATFORM_TYPE": "1",
    "PORT": "9000",
    "BOOTSTRAP_SERVERS": "kafka-1:9092,kafka-2:9093",
    "TOPIC_MODEL_STATUS": "status",
    "TOPIC_MODEL_RESULT": "result",
    "INSTANCE_ID": INSTANCE,
}


def test_manual_mode_with_nothing_set_has_every_default(tmp_path: Path) -> None:
    settings = read_settings({"DUBHE_TEMPORARY": str(tmp_path)})
    assert settings == Settings(
        platform_mode=False,
        port=8030,
        protocol="tcp",
        bootstrap_servers=None,
        topic_status="alg_model_progress",
        topic_result="als_model_result",
        instance_id=None,
        kind=None,
        temporary=tmp_path,
        spool=tmp_path / "spool",
        model_path=None,
        rely_model_data=None,
        special_params=None,
    )
    assert settings.log_file == tmp_path / "log" / "dubhe.log"
    assert settings.tmp_dir == tmp_path / "debug"
    assert settings.journal == tmp_path / "journal"


def test_platform_mode_reads_every_variable() -> None:
    settings = read_settings(
        {
            **PLATFORM,
            "protocol": "http",
            "model_path": "/models/m.pth",
            "RELY_MODEL_DATA": '{"base": {"alg_type": "x"}}',
            "special_params": '{"threshold": 0.5}',
        }
    )
    assert settings.platform_mode
    assert settings.port == 9000
    assert settings.protocol == "http"
    assert settings.bootstrap_servers == "kafka-1:9092,kafka-2:9093"
    assert (settings.topic_status, settings.topic_result) == ("status", "result")
    assert (settings.instance_id, settings.kind) == (INSTANCE, TaskKind.TRAIN)
    assert settings.model_path == "/models/m.pth"
    assert settings.rely_model_data == {"base": {"alg_type": "x"}}
    assert settings.special_params == {"threshold": 0.5}
    assert settings.temporary == Path("/temporary")


@pytest.mark.parametrize("blank", [" ", "\t", "\r\n"])
def test_surrounding_blanks_are_ignored(blank: str, tmp_path: Path) -> None:
    plain = {
        **PLATFORM,
        "protocol": "http",
        "model_path": "/models/m.pth",
        "RELY_MODEL_DATA": "{}",
        "special_params": '{"a": 1}',
        "DUBHE_TEMPORARY": str(tmp_path),
        "DUBHE_SPOOL_DIR": str(tmp_path / "elsewhere"),
    }
    padded = {name: f"{blank}{value}{blank}" for name, value in plain.items()}
    assert read_settings(padded) == read_settings(plain)


def test_blanks_around_each_broker_are_ignored() -> None:
    assert brokers({"BOOTSTRAP_SERVERS": " a:1 , b:2 ,"}) == "a:1,b:2"


@pytest.mark.parametrize("value", ["", " ", "0", "2", "01", "true"])
def test_anything_but_1_is_manual_mode(value: str) -> None:
    assert not read_settings({"PLATFORM_TYPE": value}).platform_mode


@pytest.mark.parametrize(
    "name",
    ["PORT", "BOOTSTRAP_SERVERS", "TOPIC_MODEL_STATUS", "TOPIC_MODEL_RESULT", "INSTANCE_ID"],
)
@pytest.mark.parametrize("value", [None, "", "   "])
def test_platform_mode_requires(name: str, value: str | None) -> None:
    env = {key: val for key, val in PLATFORM.items() if key != name}
    if value is not None:
        env[name] = value
    with pytest.raises(EnvironmentInvalid) as caught:
        read_settings(env)
    text = str(caught.value)
    assert name in text
    assert "missing or empty" in text
    assert "PLATFORM_TYPE=1" in text


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "http", "a whole number from 1 to 65535"),
        ("PORT", "0", "a whole number from 1 to 65535"),
        ("PORT", "65536", "a whole number from 1 to 65535"),
        ("PORT", "-1", "a whole number from 1 to 65535"),
        ("PORT", "80.5", "a whole number from 1 to 65535"),
        ("protocol", "grpc", "expected 'http' or 'tcp'"),
        ("BOOTSTRAP_SERVERS", "kafka:", "expected host[:port]"),
        ("BOOTSTRAP_SERVERS", ":9092", "expected host[:port]"),
        ("BOOTSTRAP_SERVERS", "kafka:0", "expected host[:port]"),
        ("BOOTSTRAP_SERVERS", "kafka:65536", "expected host[:port]"),
        ("BOOTSTRAP_SERVERS", "kafka:9092;other", "expected host[:port]"),
        ("BOOTSTRAP_SERVERS", "kafka，other", "expected host[:port]"),
        ("BOOTSTRAP_SERVERS", "http://kafka", "expected host[:port]"),
        ("BOOTSTRAP_SERVERS", "two words", "expected host[:port]"),
        ("TOPIC_MODEL_STATUS", "模型 结果", "the name of a Kafka topic"),
        ("TOPIC_MODEL_RESULT", "..", "the name of a Kafka topic"),
        ("TOPIC_MODEL_RESULT", "x" * 70 + "/", "the name of a Kafka topic"),
        ("BOOTSTRAP_SERVERS", "kafka:²", "expected host[:port]"),
        ("INSTANCE_ID", "train", "expected three or more"),
        ("INSTANCE_ID", "a--train-d", "expected three or more"),
        ("INSTANCE_ID", "a-b-dance-d", "expected one of train, forecast, inference"),
        ("RELY_MODEL_DATA", "{", "expected a JSON object"),
        ("RELY_MODEL_DATA", "[]", "expected a JSON object"),
        ("special_params", "threshold=1", "expected a JSON object"),
        ("special_params", '"text"', "expected a JSON object"),
    ],
)
@pytest.mark.parametrize("base", [{}, PLATFORM], ids=["manual", "platform"])
def test_malformed_names_variable_found_and_expected(
    base: dict[str, str], name: str, value: str, expected: str
) -> None:
    with pytest.raises(EnvironmentInvalid) as caught:
        read_settings({**base, name: value})
    text = str(caught.value)
    assert f"environment variable {name} " in text
    assert expected in text
    found = value.rpartition(",")[2] if name == "BOOTSTRAP_SERVERS" else value
    assert repr(found) in text
    assert "\n" not in text


@pytest.mark.parametrize("name", ["RELY_MODEL_DATA", "special_params"])
@pytest.mark.parametrize("value", ["[" * 5000, "1" * 5000], ids=["deep", "long"])
def test_absurd_json_is_an_error_too(name: str, value: str) -> None:
    with pytest.raises(EnvironmentInvalid) as caught:
        read_settings({name: value})
    assert name in str(caught.value)
    assert len(str(caught.value)) < 400


def test_optional_variables_when_empty_count_as_unset() -> None:
    settings = read_settings({"model_path": " ", "RELY_MODEL_DATA": "", "special_params": " "})
    assert settings.model_path is None
    assert settings.rely_model_data is None
    assert settings.special_params is None


def test_protocol_in_any_case() -> None:
    assert read_settings({"protocol": "HTTP"}).protocol == "http"


def test_an_unwritable_temporary_gives_way_by_hand_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dubhe_sdk.environment.os.access", lambda *args: False)
    monkeypatch.chdir(tmp_path)
    assert read_settings({}).temporary == tmp_path / "temporary"
    assert read_settings(PLATFORM).temporary == Path("/temporary")


def test_relative_folders_are_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings({"DUBHE_TEMPORARY": "t", "DUBHE_SPOOL_DIR": "s"})
    assert settings.temporary == tmp_path / "t"
    assert settings.spool == tmp_path / "s"


def test_reads_its_own_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1234")
    monkeypatch.delenv("PLATFORM_TYPE", raising=False)
    assert read_settings().port == 1234


@pytest.mark.parametrize("value", ["x", "-1", "11", "nan", "inf", "1e400"])
def test_seconds_out_of_range(value: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=r"NAME is .*expected seconds from 0 to 10"):
        seconds({"NAME": value}, "NAME", 1.0, high=10.0)


def test_numbers_and_seconds_within_range() -> None:
    assert number({}, "NAME", 7, low=1, high=9) == 7
    assert number({"NAME": "9"}, "NAME", 7, low=1, high=9) == 9
    assert seconds({"NAME": "0"}, "NAME", 1.0) == 0.0
    assert seconds({"NAME": "2.5"}, "NAME", 1.0) == 2.5


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("DUBHE_METRICS_PORT", "tcp://10.0.0.1:9090", None),
        ("DUBHE_METRICS_PORT", "sctp://[fd00::1]:9090 ", None),
        ("DUBHE_METRICS_PORT", "9090", "9090"),
        ("DUBHE_METRICS_PORT", "tcp://10.0.0.1", "tcp://10.0.0.1"),
        ("DUBHE_METRICS_PORT", "http://10.0.0.1:9090", "http://10.0.0.1:9090"),
        # No Service can have a name that gives these: somebody has set them.
        ("PORT", "tcp://10.0.0.1:9090", "tcp://10.0.0.1:9090"),
        ("BOOTSTRAP_SERVERS", "tcp://10.0.0.1:9090", "tcp://10.0.0.1:9090"),
    ],
)
def test_a_service_link_counts_as_unset(name: str, value: str, found: str | None) -> None:
    assert text({name: value}, name) == found


def test_the_least_that_a_time_may_be() -> None:
    with pytest.raises(EnvironmentInvalid, match=r"NAME is '0', expected seconds from 0.5 to 10"):
        seconds({"NAME": "0"}, "NAME", 1.0, low=0.5, high=10.0)
    assert seconds({"NAME": "0.5"}, "NAME", 1.0, low=0.5) == 0.5
