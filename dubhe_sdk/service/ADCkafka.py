"""``dubhe_sdk.service.ADCkafka`` of dubhe-sdk 2.x has no counterpart: the sidecar sends."""

# ruff: noqa: N999 - the name is that of 2.x

from dubhe_sdk import compat

raise compat.refuse(__name__)
