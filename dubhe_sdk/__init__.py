"""dubhe-sdk: serve an algorithm on the Tianshu platform.

Write one class, mark it, and start the file as ``python3 -u app.py``::

    import dubhe_sdk

    @dubhe_sdk.pipeline()
    class Model:
        def __init__(self, ctx: dubhe_sdk.Context):
            self.model = load(ctx.get(dubhe_sdk.ContextKey.ENV_MODEL_PATH))

        @dubhe_sdk.inference()
        def inference(self, ctx: dubhe_sdk.Context):
            return [self.model(name) for name in ctx.get(dubhe_sdk.ContextKey.KEY_IMAGE_NAMES)]

A script that is started plainly and marks a class turns into the service. Any other import (a
notebook, a test, a data loader) starts nothing.
"""

from dubhe_sdk.autostart import serve_if_marked, serve_if_started_app

serve_if_started_app()  # which usually does not return

from dubhe_sdk.api.keys import ContextKey  # noqa: E402
from dubhe_sdk.api.registry import inference, on_mark, pipeline, predict, train  # noqa: E402
from dubhe_sdk.errors import (  # noqa: E402
    AppInvalid,
    DubheError,
    EnvironmentInvalid,
    NoCurrentTask,
    RequestInvalid,
    SpoolUnusable,
    TaskStopped,
)
from dubhe_sdk.version import __version__  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dubhe_sdk.api.context import Context
    from dubhe_sdk.api.current_task import current_context
    from dubhe_sdk.api.data_files import list_files
    from dubhe_sdk.api.model_file import model_path
    from dubhe_sdk.integrations.loader import track
else:
    # Imported when they are used: a data loader's worker needs the marks, and no more. The rest
    # takes ten times as long.
    _MODULE_OF = {
        "Context": "dubhe_sdk.api.context",
        "current_context": "dubhe_sdk.api.current_task",
        "list_files": "dubhe_sdk.api.data_files",
        "model_path": "dubhe_sdk.api.model_file",
        "track": "dubhe_sdk.integrations.loader",
    }

    def __getattr__(name: str) -> object:
        import sys

        module = _MODULE_OF.get(name)
        if module is None:
            from dubhe_sdk.compat import submodule

            return submodule(__name__, name)
        __import__(module)
        found = globals()[name] = getattr(sys.modules[module], name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


on_mark(serve_if_marked)

__all__ = [
    "AppInvalid",
    "Context",
    "ContextKey",
    "DubheError",
    "EnvironmentInvalid",
    "NoCurrentTask",
    "RequestInvalid",
    "SpoolUnusable",
    "TaskStopped",
    "__version__",
    "current_context",
    "inference",
    "list_files",
    "model_path",
    "pipeline",
    "predict",
    "track",
    "train",
]
