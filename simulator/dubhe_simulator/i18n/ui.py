"""Messages of ``dubhe ui``."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    # the state of an instance, and why
    "ui_runs": (
        "{instance} is running: stop it first",
        "{instance} 正在运行：请先停止它",
    ),
    "ui_no_heartbeat": (
        "no reply to the heartbeat: {detail}",
        "心跳没有应答：{detail}",
    ),
    "ui_platform_gone": (
        "the platform process that started it has ended",
        "启动它的平台进程已经结束",
    ),
    "ui_stopped": ("stopped by the platform", "由平台停止"),
    "ui_exited": (
        "exited with status {status}",
        "进程退出，状态 {status}",
    ),
    "ui_no_end": (
        "the process has exited (status {status}) without sending END",
        "进程已退出（状态 {status}），没有发出 END",
    ),
    # wishes that cannot be granted
    "ui_no_algorithm": (
        "no algorithm was given: start `dubhe ui ALGORITHM_DIR`",
        "没有指定算法：请用 `dubhe ui 算法目录` 启动",
    ),
    "ui_no_kind": (
        "no host for {kind}: only {place} were given",
        "没有可运行{kind}的主机：只给出了 {place}",
    ),
    "ui_host_busy": (
        "{instance} is busy, and its host runs one instance at a time: wait until it ends, or "
        "stop it",
        "{instance} 正忙，而其主机一次只运行一个实例：请等它结束，或将其停止",
    ),
    "ui_workflow_running": (
        "a workflow is running: wait until it ends",
        "已有流程在进行：请等它结束",
    ),
    "ui_closing": (
        "the platform is shutting down",
        "平台正在关闭",
    ),
    "ui_not_started": ("the instance could not be started: {error}", "无法启动实例：{error}"),
    "ui_not_ours": (
        "{instance} was not started by this platform, so it cannot be stopped here",
        "{instance} 不是由本平台启动的，不能在这里停止",
    ),
    "ui_is_ours": (
        "{instance} was started by this platform and is already attached",
        "{instance} 由本平台启动，已经接入",
    ),
    "ui_no_instance": (
        "there is no instance {instance!r}",
        "没有实例 {instance!r}",
    ),
    "ui_no_address": (
        "the address of {instance} is unknown: attach to it by host:port",
        "不知道 {instance} 的地址：请用 主机:端口 接入",
    ),
    "ui_no_request": (
        "req_type is {found!r}, expected 0 (heartbeat), 1 (train), 2 (evaluate) or 3 (inference)",
        "req_type 是 {found!r}，应为 0（心跳）、1（训练）、2（评估）或 3（推理）",
    ),
    "ui_no_log": (
        "the log of {instance} cannot be read: its folder is unknown or contains no log",
        "无法读取 {instance} 的日志：目录未知，或其中没有日志",
    ),
    "ui_bad_address": (
        "{address!r} is not an address, expected http://HOST:PORT or tcp://HOST:PORT",
        "{address!r} 不是地址，应为 http://主机:端口 或 tcp://主机:端口",
    ),
    # the platform's own troubles
    "ui_store_unusable": (
        "{path} cannot be used: {error}. Choose another folder with --runs-dir",
        "无法使用 {path}：{error}。请用 --runs-dir 指定别的目录",
    ),
    "ui_store_format": (
        "{path} has format {found}, which this version of dubhe-sdk cannot read: update it, or "
        "move the file away",
        "{path} 的格式是 {found}，当前版本的 dubhe-sdk 无法读取：请更新，或移走该文件",
    ),
    "ui_store_taken": (
        "another `dubhe ui` or `dubhe play` uses {folder}: end it, or name another folder with "
        "--runs-dir",
        "另一个 `dubhe ui` 或 `dubhe play` 正在使用 {folder}:请结束它,或用 --runs-dir 指定别的目录",
    ),
    "ui_not_stored": (
        "{path} cannot be written: {error}. No message is lost; writing is retried",
        "无法写入 {path}：{error}。消息不会丢失，平台会继续重试",
    ),
    "ui_no_kafka": (
        "no reply from Kafka at {brokers} since {since}: {error}",
        "自 {since} 起 {brokers} 上的 Kafka 没有应答：{error}",
    ),
    "ui_port_taken": (
        "cannot listen on {host}:{port}: {error}. Choose another port with --port (0: any)",
        "无法监听 {host}:{port}：{error}。请用 --port 选择别的端口（0：任意）",
    ),
    # what `dubhe ui` prints
    "ui_open": ("The platform's page: {url}", "平台页面：{url}"),
    "ui_waiting": (
        "Waiting for the hosts {hosts}",
        "正在等待主机 {hosts}",
    ),
    "ui_how_to_end": (
        "Press Ctrl-C to stop the platform and the instances that it started.",
        "按 Ctrl-C 结束平台及其启动的实例。",
    ),
    "ui_ended": (
        "All started instances have ended.",
        "启动的实例已全部结束。",
    ),
    "ui_warn_open": (
        "Anyone who can reach {host} can start the algorithm: there is no password",
        "能访问 {host} 的任何人都可以启动算法：没有密码保护",
    ),
    # help of `dubhe ui`
    "ui_help": (
        "The local platform with a page: start an algorithm, send requests, watch curves, "
        "results, messages and logs. Without ALGORITHM_DIR and --on it attaches and watches only.",
        "带页面的本地平台：启动算法、发送请求，查看曲线、结果、消息和日志。既不给算法目录也不给 "
        "--on 时只接入和查看。",
    ),
    "ui_help_algorithm": ("folder with run.sh and app.py", "run.sh 和 app.py 所在的目录"),
    "ui_help_port": ("port of the page; 0: any (default: 8040)", "页面端口；0 为任意（默认 8040）"),
    "ui_help_host": (
        "address to listen on (default: DUBHE_UI_HOST, or 127.0.0.1: this machine only)",
        "监听地址（默认：DUBHE_UI_HOST，或 127.0.0.1，即仅本机）",
    ),
    "ui_help_url": (
        "URL of the page for browsers if it differs from the listening address, for example with "
        "a published port of a container (default: DUBHE_UI_URL)",
        "浏览器访问页面的 URL，用于与监听地址不同的情况，例如容器发布的端口（默认：DUBHE_UI_URL）",
    ),
    "ui_here_or_there": (
        "give either ALGORITHM_DIR or --on",
        "算法目录和 --on 二者取一",
    ),
    "ui_bad_url": (
        "--url {url}: expected http://HOST:PORT",
        "--url {url}：应为 http://主机:端口",
    ),
    "ui_help_images": (
        "another folder whose images may be shown; repeatable",
        "另一个可显示其中图片的目录；可重复",
    ),
    "ui_help_attach": (
        "a running instance, http://HOST:PORT or tcp://HOST:PORT; repeatable",
        "正在运行的实例，http://主机:端口 或 tcp://主机:端口；可重复",
    ),
    "ui_help_no_open": ("do not open a browser", "不打开浏览器"),
    "ui_help_exit": (
        "Exit status: 1 could not start, or the process died; 2 usage error; 130 Ctrl-C; 143 "
        "SIGTERM.",
        "退出状态：1 无法启动或进程崩溃；2 用法错误；130 Ctrl-C；143 SIGTERM。",
    ),
}
