"""What ``dubhe run`` says."""

from __future__ import annotations

from dubhe_simulator.words import Words

RUN_WORDS: Words = {}
