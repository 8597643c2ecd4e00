"""Faults in a vibration signal: an algorithm without images, in the standard library alone."""

from pathlib import Path

from signals import FEATURES, Model, features_of, read_windows

import dubhe_sdk
from dubhe_sdk import Context, ContextKey

ANSWERED = 20  # windows of a file that an inference answers for


@dubhe_sdk.pipeline()
class Sensor:
    """Rates windows of a signal as ``ok`` or ``fault``."""

    def __init__(self, ctx: Context):
        path = ctx.get(ContextKey.ENV_MODEL_PATH)
        self.model = Model.load(path) if path else Model()

    @dubhe_sdk.train()
    def train(self, ctx: Context):
        """Learn from labelled windows and report every epoch."""
        epochs = (ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}).get("epochs", 30)
        windows = list(windows_in(ctx.get(ContextKey.KEY_DATA_PATHS)))
        x = [features_of(window.values) for window in windows]
        y = [window.label == "fault" for window in windows]
        self.model.scale(x)
        for epoch in range(epochs):
            loss, accuracy = self.model.learn(x, y)
            metrics = {"loss": loss, "accuracy": accuracy}
            ctx.logProgressByEpoch(epoch, (epoch + 1) / epochs, metrics)
        folder = ctx.get(ContextKey.KEY_OUTPUT_DIR)
        self.model.save(dubhe_sdk.model_path(folder, epochs - 1, loss, ".json"))

    @dubhe_sdk.predict()
    def predict(self, ctx: Context):
        """Report each window: its name stands for the image, its features are columns."""
        for window in windows_in(ctx.get(ContextKey.KEY_DATA_PATHS)):
            ctx.logResult(self.rated(window))
        ctx.logProgress(1.0)

    @dubhe_sdk.inference()
    def inference(self, ctx: Context):
        """Answer for the first windows of some files."""
        folder = Path(ctx.get(ContextKey.KEY_IMAGE_BASE_DIR))
        files = [folder / name for name in ctx.get(ContextKey.KEY_IMAGE_NAMES)]
        windows = [window for file in files for window in list(read_windows(file))[:ANSWERED]]
        return [result for window in windows for result in self.rated(window, known=False)]

    def rated(self, window, known=True):
        """Return the result of a window in the platform's format."""
        features = features_of(window.values)
        fault = self.model.probability(features)
        code, conf = ("fault", fault) if fault >= 0.5 else ("ok", 1 - fault)
        info = {
            "ground_true": window.label if known else "",
            "predict_code": code,
            "conf": round(conf, 4),
            "special": {name: round(v, 4) for name, v in zip(FEATURES, features, strict=True)},
        }
        return [{"img_path": window.name, "info": [info]}]


def windows_in(paths):
    """Yield all windows of the CSV files that a request names."""
    for path in dubhe_sdk.list_files(paths, [".csv"]):
        yield from read_windows(path)
