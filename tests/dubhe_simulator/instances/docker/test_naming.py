from __future__ import annotations

from pathlib import Path

import pytest
from docker.utils.build import match_tag

from dubhe_simulator.instances.docker.naming import algorithm_word, default_tag


@pytest.mark.parametrize(
    ("folder", "tag"),
    [
        ("/w/shapes", "shapes"),
        ("/w/My Algorithm_2", "my-algorithm-2"),
        ("/w/-x--y.", "x-y"),
        ("/w/缺陷检测", "algorithm"),
    ],
)
def test_a_folder_gives_a_name_that_docker_allows(folder: str, tag: str) -> None:
    assert default_tag(Path(folder)) == tag
    assert match_tag(tag)


@pytest.mark.parametrize(
    ("image", "word"),
    [
        ("shapes", "shapes"),
        ("registry.local:5000/team/my-net:1.2", "my_net"),
        ("net@sha256:0123", "net"),
        ("a--b", "a_b"),
    ],
)
def test_an_image_gives_a_word_for_an_instance_id(image: str, word: str) -> None:
    assert algorithm_word(image) == word
