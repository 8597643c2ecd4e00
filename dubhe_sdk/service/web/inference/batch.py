"""`Batch`: inferences that a model process gets in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from dubhe_sdk.service.web.inference.model import ModelProcess, result_of
from dubhe_sdk.service.web.inference.waiting import Waiter


class Batch:
    """A call of the method.

    Args:
        process: which runs it.
        members: at least one.
    """

    def __init__(self, process: ModelProcess, members: Sequence[Waiter]) -> None:
        self.process = process
        self.members = members
        self._replies: Sequence[bytes] = ()
        self._error: Exception | None = None

    def __len__(self) -> int:
        return len(self.members)

    def run(self) -> None:
        """Run it, and keep what `finish` gives to the members. Raises nothing: they would wait."""
        try:
            self._replies = self.process.infer_batch([member.body for member in self.members])
        except Exception as error:  # noqa: BLE001 - each member's handler answers and logs it
            self._error = error

    def finish(self) -> None:
        """Give each member its result, or the error."""
        if self._error is not None:
            for member in self.members:
                member.reply.set_exception(self._error)
            return
        for member, reply in zip(self.members, self._replies, strict=True):
            try:
                member.reply.set(result_of(reply, member.body))
            except Exception as error:  # noqa: BLE001 - as above
                member.reply.set_exception(error)

    def wait(self, member: Waiter) -> bytes:
        """Wait for a member's result.

        Raises:
            InferenceFailed: the method raised, or the result is an exception.
            RequestInvalid: the model's parser cannot read the request.
            RequestNotDelivered: the process is not there, or ended before it began.
            ModelDied: it died.
        """
        return cast(bytes, member.reply.get())
