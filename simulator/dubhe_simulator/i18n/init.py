"""Messages of ``dubhe init``."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "init_not_empty": (
        "{folder} exists and is not empty: choose another name, or overwrite files of the same "
        "names with --force",
        "{folder} 已存在且不为空：请换一个名字，或用 --force 覆盖其中的同名文件",
    ),
    "init_not_a_folder": (
        "{folder} exists and is not a folder: choose another name",
        "{folder} 已存在且不是目录：请换一个名字",
    ),
    "init_cannot_write": (
        "{folder} cannot be written: {error}",
        "无法写入 {folder}：{error}",
    ),
    "init_written": (
        "{folder} is ready: a runnable algorithm ({protocol}) with sample images.",
        "{folder} 已就绪：一个可以直接运行的算法（{protocol}），附带示例图片。",
    ),
    "init_next": ("Next:", "接下来："),
    "init_step_cd": (
        "enter the folder",
        "进入目录",
    ),
    "init_step_play": ("train, evaluate, infer on this machine", "在本机训练、评估、推理"),
    "init_step_test": (
        "run its test (pip install pytest)",
        "运行测试（pip install pytest）",
    ),
    "init_step_build": (
        "build an image on dubhe-base",
        "基于 dubhe-base 制作镜像",
    ),
    "init_step_run": ("start a container from it", "用镜像启动容器"),
    "init_help": (
        "Create a folder with a runnable algorithm: app.py, run.sh, Dockerfile, sample images, "
        "sample requests and a test. Adapt it to your needs.",
        "生成一个可以直接运行的算法目录：app.py、run.sh、Dockerfile、示例图片、请求示例和测试。在"
        "此基础上改成自己的算法。",
    ),
    "init_help_name": (
        "folder to create",
        "要生成的目录",
    ),
    "init_help_protocol": (
        "protocol of the requests (default: http)",
        "平台发送请求所用的协议（默认 http）",
    ),
    "init_help_force": (
        "write into a folder that is not empty; files of the same names are overwritten",
        "目录不为空时也写入，覆盖同名文件",
    ),
    "init_help_exit": (
        "Exit status: 0 success; 1 failure; 2 usage error.",
        "退出状态：0 成功；1 失败；2 用法错误。",
    ),
}
