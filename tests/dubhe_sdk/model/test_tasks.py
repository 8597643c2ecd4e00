"""Training and evaluation, as the platform and the algorithm see them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import PREDICT_ID, App

# As existing algorithms are written: the example of the first SDK's manual, unchanged but for
# the two functions that it leaves to the reader.
MANUAL_HEAD = """
import json
import os
import time
import torch
from torch import load as load_config

def get_time_stamp(): return "20210830140750571"
"""
MANUAL = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Predict_Model():
    def __init__(self, ctx:dubhe_sdk.Context):
        config_params = load_config('config/model_predict_config.json')
        self.model_name = config_params['model']
        self.batch_size = config_params['batch_size']
        # 离线评估启动加载模型
        model_path = ctx.get(dubhe_sdk.ContextKey.ENV_MODEL_PATH)
        model_dict = torch.load(model_path)
        self.code_list = model_dict['code_list']
        self.state_dict = model_dict['state_dict']

    @dubhe_sdk.predict()
    def predict(self, ctx: dubhe_sdk.ContextKey):
        self.data_paths = ctx.get(dubhe_sdk.ContextKey.KEY_DATA_PATHS)
        self.debug_dir = ctx.get(dubhe_sdk.ContextKey.KEY_TMP_DIR)
        self.output_dir = ctx.get(dubhe_sdk.ContextKey.KEY_OUTPUT_DIR)
        # prepeare dir
        if not os.path.exists(self.debug_dir):
            os.makedirs(self.debug_dir, exist_ok=True)
            if not os.path.exists(self.output_dir):
                os.makedirs(self.output_dir, exist_ok=True)
        ctx.log('model train starting...')
        epoch, loss, train_acc = 3, torch.Tensor(0.123456789), 0.5
        progress = (epoch + 1) / (7 + 1)
        Metrics = dict()
        Metrics['loss'] = round(loss.mean().item(),6)
        Metrics['accuracy'] = train_acc
        ctx.logProgressByEpoch(epoch, round(progress, 2), Metrics)
        ctx.logProgressByBatch(epoch, 4, 29, progress, Metrics)
        ctx.logProgress(progress)
        ctx.logResultDetails("a.png", "A", "B", round(float("0.98765432"),6))
        predict_json = {"own": [1, 2]}
        ctx.logResult(predict_json)
        stamp = get_time_stamp()
        save_model_epoch = 'model_{}_{}_{:.2f}.pth'.format(stamp, epoch, loss.cpu().item())
        torch.save(self.state_dict, os.path.join(self.output_dir, save_model_epoch))
"""
TORCH = """
import json

class Tensor:
    def __init__(self, value): self.value = value
    def mean(self): return self
    def cpu(self): return self
    def item(self): return self.value

def load(path):
    with open(path) as file: return json.load(file)

def save(value, path):
    with open(path, "w") as file: json.dump(value, file)
"""


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_the_example_of_the_manual_works_unchanged(tmp_path: Path, protocol: str) -> None:
    env = {"model_path": str(tmp_path / "model.pth")}
    with App(tmp_path, MANUAL_HEAD + MANUAL, PREDICT_ID, protocol, env) as app:
        app.write("torch.py", TORCH)
        app.write("model.pth", '{"code_list": ["A"], "state_dict": {"w": 1}}')
        (tmp_path / "config").mkdir()
        app.write("config/model_predict_config.json", '{"model": "net", "batch_size": 2}')
        app.write("run.sh", f'export protocol="{protocol}"\npython3 -u app.py\n')
        app.env["protocol"] = "wrong, but run.sh sets it"
        app.env["PATH"] = f"{Path(sys.executable).parent}:{app.env['PATH']}"
        app.start(["bash", "run.sh"])
        assert app.predict(data_paths=["/data"]) == {
            "flag": 1,
            "message": "model predict starting now",
        }
        app.wait_reported("END")
        metrics = {"loss": 0.123457, "accuracy": 0.5}
        assert app.data == [
            {"action": "READY", "status": 200, "msg": "model is ready"},
            {"action": "START", "status": 200, "msg": "model predict starting"},
            {**metrics, "progress": 0.5, "epoch": 3},
            {**metrics, "progress": 0.5, "epoch": 3},
            {"progress": 0.5},
            [
                {
                    "img_path": "a.png",
                    "info": [{"ground_true": "A", "predict_code": "B", "conf": 0.987654}],
                }
            ],
            {"own": [1, 2]},
            {"action": "END", "status": 200, "msg": "model predict end"},
        ]
        saved = tmp_path / "output" / "models" / "model_20210830140750571_3_0.12.pth"
        assert saved.read_text() == '{"w": 1}'
        assert (app.temporary / "debug").is_dir()
        assert "model train starting..." in app.log
