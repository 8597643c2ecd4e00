"""Messages of ``dubhe build``."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "building": ("Building {tag} from {folder}", "从 {folder} 制作镜像 {tag}"),
    "built": (
        "Built {tag} ({size} MB) in {seconds:.1f} s; {cached} of {steps} steps were cached.",
        "镜像 {tag}（{size} MB）已完成，用时 {seconds:.1f} 秒；{steps} 步中 {cached} 步来自缓存。",
    ),
    "build_next": (
        "Next: dubhe run{what} --kind train",
        "接下来：dubhe run{what} --kind train",
    ),
    "build_stopped": (
        "Stopped by {name}; no image was built.",
        "收到 {name}，已停止，没有生成镜像。",
    ),
    "step_failed": ("step {step}: ", "步骤 {step}："),
    "step_tail": (
        "Last lines of its output:",
        "输出的末尾：",
    ),
    "no_dockerfile": (
        "{folder} has no Dockerfile. Two lines are enough: FROM dubhe-base, COPY . /app (`dubhe "
        "init` writes them)",
        "{folder} 里没有 Dockerfile。两行即可：FROM dubhe-base 和 COPY . /app（`dubhe init` 会生"
        "成）",
    ),
    "bad_dockerfile": ("{path} cannot be read: {error}", "无法读取 {path}：{error}"),
    "bad_context_file": (
        "the folder cannot be sent to the engine: {error}{reason}. Make the file readable, or "
        "exclude it in .dockerignore",
        "无法把目录发送给引擎：{error}{reason}。请让文件可读，或在 .dockerignore 里排除它",
    ),
    "no_base": (
        "the base image {image} is not on this engine. Build it in a checkout of dubhe-sdk "
        "(`docker build -t dubhe-base .`), or pull a published one and name it with --base",
        "引擎上没有基础镜像 {image}。请在 dubhe-sdk 的源码目录里制作"
        "（`docker build -t dubhe-base .`），或拉取已发布的镜像并用 --base 指定",
    ),
    "no_base_line": (
        "{path} has no `FROM dubhe-base` for --base to replace; its base is {found}",
        "{path} 里没有可用 --base 替换的 `FROM dubhe-base`，现有的是：{found}",
    ),
    "no_such_base": (
        "The base image is neither on this engine nor in the registry: see `docker images`, or "
        "run `docker login` first",
        "基础镜像本地没有，也无法拉取：请查看 `docker images`，或先 `docker login`",
    ),
    "pull_of_local_base": (
        "--pull requests the base image from a registry: omit it for a base image that was built "
        "here",
        "--pull 会向镜像仓库请求基础镜像：本地制作的基础镜像不要加 --pull",
    ),
    "needs_buildkit": (
        "This command builds without BuildKit. Use instead: DOCKER_BUILDKIT=1 docker build -t "
        "{tag} {folder}",
        "本命令不使用 BuildKit。请改用：DOCKER_BUILDKIT=1 docker build -t {tag} {folder}",
    ),
    "build_help": (
        "Build the image of an algorithm with the Docker engine. Files listed in .dockerignore "
        "are excluded.",
        "用 Docker 引擎制作算法的镜像。.dockerignore 列出的文件不会进入镜像。",
    ),
    "build_help_folder": (
        "folder with Dockerfile and app.py (default: the current one)",
        "Dockerfile 和 app.py 所在的目录（默认：当前目录）",
    ),
    "build_help_tag": (
        "the image's name, NAME[:VERSION] (default: the folder's)",
        "镜像名 NAME[:VERSION]（默认用目录名）",
    ),
    "build_help_base": (
        "image that replaces `dubhe-base` in `FROM dubhe-base`",
        "替换 `FROM dubhe-base` 的镜像",
    ),
    "build_help_index": (
        "package index for pip during the build (visible in the image's history: no passwords)",
        "制作时 pip 使用的软件源（会留在镜像历史里，不要含密码）",
    ),
    "build_help_network": (
        "network during the build; host: this machine's, to reach an index on it",
        "制作时使用的网络；host 表示直接用本机网络，可访问本机上的软件源",
    ),
    "build_help_no_cache": (
        "do not use cached steps",
        "不使用缓存的步骤",
    ),
    "build_help_pull": (
        "ask the registry for a newer base image",
        "向镜像仓库请求更新的基础镜像",
    ),
    "build_help_verbose": (
        "show the output of each step",
        "显示每一步的输出",
    ),
    "build_help_exit": (
        "Exit status: 0 success; 1 failure; 2 usage error; 130 Ctrl-C. The engine is selected by "
        "DOCKER_HOST, otherwise by the current Docker context.",
        "退出状态：0 成功；1 失败；2 用法错误；130 Ctrl-C。引擎取自 DOCKER_HOST，否则取自当前的 "
        "Docker context。",
    ),
}
