"""SQL for what a finding amounts to at a confidence threshold.

A prediction below the threshold counts as none. A finding that then has neither truth nor
prediction is no finding any more; it is left out of every count.
"""

from __future__ import annotations

VERDICTS = ("right", "wrong", "missed", "false")

PREDICTED = "CASE WHEN conf < :confidence THEN '' ELSE predicted END"

VERDICT = f"""CASE
  WHEN truth = {PREDICTED} THEN CASE WHEN truth = '' THEN 'none' ELSE 'right' END
  WHEN {PREDICTED} = '' THEN 'missed'
  WHEN truth = '' THEN CASE WHEN :labelled THEN 'false' ELSE 'none' END
  ELSE 'wrong' END"""


MISTAKES = ("wrong", "missed", "false")  # the gravest first


def of_image(verdicts: list[str], labelled: bool) -> str:
    """Return the verdict on an image: the gravest of its findings'.

    Where truths are known, nothing found in an image that holds nothing is right.
    """
    if not labelled:
        return "none"
    return next((verdict for verdict in MISTAKES if verdict in verdicts), "right")
