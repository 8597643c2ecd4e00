"""Curves are metrics under the framework's own names."""

from __future__ import annotations

from dubhe_sdk.integrations.metrics import curves


def test_counters_and_times_are_no_curves() -> None:
    of_transformers = {
        "loss": 0.5, "grad_norm": 1.0, "learning_rate": 1e-3, "epoch": 1.5,
        "train_runtime": 3.1, "train_samples_per_second": 9.0, "train_steps_per_second": 3.0,
        "total_flos": 1e9, "num_input_tokens_seen": 7,
    }  # fmt: skip
    assert list(curves(of_transformers)) == ["loss", "grad_norm", "learning_rate"]
    assert curves({"eval_runtime": 1, "eval_accuracy": 0.9}) == {"eval_accuracy": 0.9}
    of_mmengine = {"loss": 1, "time": 1, "data_time": 1, "memory": 1, "step": 3, "iter": 3, "lr": 1}
    assert list(curves(of_mmengine)) == ["loss", "lr"]
    assert curves({"step": 1, "batch_size": 8, "acc": 0.5}) == {"acc": 0.5}


def test_names_stay_and_none_goes() -> None:
    given = {
        "metrics/mAP50(B)": 0.3,
        "timely": 1,
        "step_loss": 2,
        "val": None,
        "batch_size_loss": 1,
    }
    assert curves(given) == {
        "metrics/mAP50(B)": 0.3, "timely": 1, "step_loss": 2, "batch_size_loss": 1,
    }  # fmt: skip
    assert curves({"loss": 1}, "val_") == {"val_loss": 1}
    assert curves(None) == {}
    assert given["val"] is None, "it is not changed"
