"""``dubhe_sdk.http_server`` of dubhe-sdk 2.x has no counterpart. The service listens by itself."""

from dubhe_sdk import compat

raise compat.refuse(__name__)
