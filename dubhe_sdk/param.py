"""``dubhe_sdk.param`` of dubhe-sdk 2.x has no counterpart: requests are in the context."""

from dubhe_sdk import compat

raise compat.refuse(__name__)
