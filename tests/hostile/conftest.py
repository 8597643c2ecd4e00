"""The checks of the cases show what they compared, as those of tests do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.hostile.cases", "tests.hostile.run")
