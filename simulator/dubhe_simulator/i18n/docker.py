"""Messages about the Docker engine."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "no_package": (
        "the Python package docker is missing: pip install 'docker>=7'",
        "缺少 Python 包 docker:pip install 'docker>=7'",
    ),
    "broken_package": (
        "the Python package docker cannot be imported ({error}): "
        "pip install --force-reinstall 'docker>=7'",
        "无法导入 Python 包 docker（{error}）：pip install --force-reinstall 'docker>=7'",
    ),
    "no_engine": (
        "no Docker engine answers at {host} ({source}): {reason}. {advice}",
        "{host}（{source}）上没有 Docker 引擎应答：{reason}。{advice}",
    ),
    "engine_lost": (
        "the Docker engine at {host} refused a request or closed the connection: {error}",
        "{host} 上的 Docker 引擎拒绝了请求或断开了连接：{error}",
    ),
    "from_default": ("the default address", "默认地址"),
    "from_variable": ("from DOCKER_HOST", "来自 DOCKER_HOST"),
    "from_context": ("from the Docker context {name}", "来自 Docker context {name}"),
    "advice_start": (
        "Install and start Docker (`sudo systemctl start docker`), or select another engine with "
        "DOCKER_HOST",
        "请安装并启动 Docker（`sudo systemctl start docker`），或用 DOCKER_HOST 指定其他引擎",
    ),
    "advice_variable": (
        "Correct DOCKER_HOST, start that engine, or unset DOCKER_HOST to use the default one",
        "请修正 DOCKER_HOST 或启动该引擎，也可以取消 DOCKER_HOST 使用默认引擎",
    ),
    "advice_permission": (
        "You have no permission to use its socket. Join its group: `sudo usermod -aG docker "
        "$USER`, then log in again",
        "没有使用其套接字的权限。请加入 docker 组：`sudo usermod -aG docker $USER`，然后重新登录",
    ),
    "bad_context": (
        "the Docker context {name} cannot be used: {error}. See `docker context ls`",
        "无法使用 Docker context {name}：{error}。请查看 `docker context ls`",
    ),
    "unknown_context": (
        "it does not exist",
        "不存在",
    ),
}
