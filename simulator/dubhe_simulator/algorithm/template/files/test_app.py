"""Trains, evaluates and infers without a platform: `python3 -m pytest` in this folder."""

from pathlib import Path

import pytest
from app import Model

from dubhe_sdk import Context

DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Models and messages of a test go to a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUBHE_TEMPORARY", str(tmp_path / "temporary"))


def newest_model() -> str:
    """Return the model of the last epoch."""
    models = Path("output", "models").glob("model_*.json")
    return str(max(models, key=lambda path: int(path.name.split("_")[2])))


def train(**special_params) -> None:
    ctx = Context({"data_paths": [str(DATA / "train")], "special_params": special_params})
    Model(ctx).train(ctx)


def test_it_learns(monkeypatch):
    train()
    monkeypatch.setenv("model_path", newest_model())
    names = [str(path.relative_to(DATA / "test")) for path in (DATA / "test").rglob("*.bmp")]
    ctx = Context({"image_base_dir": str(DATA / "test"), "image_names": names})
    answers = Model(ctx).inference(ctx)
    assert len(answers) == len(names) > 0
    codes = [answer["info"][0]["predict_code"] for answer in answers]
    right = [Path(name).parent.name == code for name, code in zip(names, codes, strict=True)]
    assert sum(right) / len(right) > 0.8


def test_the_epochs_are_a_special_param():
    train(epochs=3)
    assert len(list(Path("output", "models").iterdir())) == 3


def test_evaluation(monkeypatch):
    train(epochs=1)
    monkeypatch.setenv("model_path", newest_model())
    ctx = Context({"data_paths": [str(DATA / "test")]})
    Model(ctx).predict(ctx)


def test_no_images():
    with pytest.raises(FileNotFoundError, match="there is no /nowhere"):
        ctx = Context({"data_paths": ["/nowhere"]})
        Model(ctx).train(ctx)
