"""A user whom the machine does not know, as container platforms have them; needs root."""

from __future__ import annotations

UNKNOWN_UID = 54321
# May read whatever root may, since the interpreter may lie below root's home; but not write.
AS_UNKNOWN_USER = [
    *("setpriv", f"--reuid={UNKNOWN_UID}", f"--regid={UNKNOWN_UID}", "--clear-groups"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"),
    *("--bounding-set=-all,+dac_read_search", "env", "--unset=HOME"),
]
"""What stands before a command."""
