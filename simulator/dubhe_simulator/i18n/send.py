"""Messages of ``dubhe send``."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "send_help": (
        "Send one request to a running instance and print its reply as JSON.",
        "向运行中的实例发送一个请求，并以 JSON 打印应答。",
    ),
    "send_help_kind": (
        "kind of request",
        "请求的种类",
    ),
    "send_help_address": (
        "http://HOST:PORT or tcp://HOST:PORT; not with --ui",
        "http://主机:端口 或 tcp://主机:端口；与 --ui 二选一",
    ),
    "send_help_ui": (
        "a running `dubhe ui`, http://HOST:PORT; it starts an instance if necessary",
        "运行中的 `dubhe ui`，http://主机:端口；必要时由它启动实例",
    ),
    "send_help_instance": (
        "INSTANCE_ID (default: ask the instance)",
        "INSTANCE_ID（默认：询问实例）",
    ),
    "send_help_body": ("file with the body as JSON", "请求体 JSON 文件"),
    "send_help_images": (
        "folder with the images for inference",
        "要推理的图片目录",
    ),
    "send_help_set": (
        "set a field of the body; VALUE is JSON, otherwise a string; repeatable",
        "设置请求体的字段；VALUE 为 JSON，否则视为字符串；可重复",
    ),
    "send_help_wait": (
        "wait for the task's END message; requires --journal, --brokers or --ui",
        "等待任务的 END 消息；需要 --journal、--brokers 或 --ui",
    ),
    "send_help_journal": (
        "the instance's folder, or its journal",
        "实例的目录，或其内置消息文件的目录",
    ),
    "send_help_timeout": (
        "seconds to wait for a reply, and for END (default: 3600)",
        "等待应答和 END 的秒数（默认 3600）",
    ),
    "send_help_exit": (
        "Exit status: 0 accepted (with --wait: succeeded); 1 refused, no reply, or failed; 2 "
        "usage error.",
        "退出状态：0 已接受（--wait：成功结束）；1 被拒绝、无应答或失败；2 用法错误。",
    ),
    "send_help_data": (
        "labelled images for the request, optionally below train/, val/ and test/",
        "请求使用的带标签图片，可分 train/、val/、test/",
    ),
    "send_help_brokers": (
        "Kafka, to wait for END (default: BOOTSTRAP_SERVERS)",
        "用来等待 END 的 Kafka（默认：BOOTSTRAP_SERVERS）",
    ),
    "send_needs_instance": (
        "with --ui, the options --set, --body, --images and --data-dir require --instance ID",
        "--ui 与 --set、--body、--images、--data-dir 同用时需要 --instance ID",
    ),
    "send_where": (
        "give either the instance's address or --ui URL",
        "请给出实例地址或 --ui URL，二者取一",
    ),
    "send_wait_how": (
        "--wait requires --journal DIR, --brokers or --ui, since END is a message",
        "--wait 需要 --journal DIR、--brokers 或 --ui，因为 END 是一条消息",
    ),
    "send_bad_set": ("--set {text}: expected KEY=VALUE", "--set {text}：应为 KEY=VALUE"),
    "send_bad_body": (
        "--body {path}: {error}",
        "--body {path}：{error}",
    ),
    "send_no_ui": (
        "no reply from {url}: {error}",
        "{url} 没有应答：{error}",
    ),
    "send_no_end": (
        "no END message within {seconds:g} seconds",
        "{seconds:g} 秒内没有收到 END 消息",
    ),
    "send_inference_no_wait": (
        "--wait is for train and evaluate: inference ends with its reply",
        "--wait 只用于 train 和 evaluate：推理的结果就是应答",
    ),
}
