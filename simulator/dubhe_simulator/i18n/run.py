"""Messages of ``dubhe run``."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "run_starting": (
        "Starting {name} from {image} ({instance_id})",
        "用镜像 {image} 启动容器 {name}（{instance_id}）",
    ),
    "run_waiting": ("waiting for READY … {seconds:.0f} s", "等待 READY … {seconds:.0f} 秒"),
    "run_ready": (
        "Ready after {seconds:.1f} s at {protocol}://{host}:{port}",
        "就绪，用时 {seconds:.1f} 秒，地址 {protocol}://{host}:{port}",
    ),
    "run_send": (
        "  request:  {line}",
        "  发送请求：{line}",
    ),
    "run_files": (
        "  files:    {folder}",
        "  文件目录：{folder}",
    ),
    "run_ctrl_c": (
        "  stop:     Ctrl-C",
        "  停止方法：Ctrl-C",
    ),
    "run_all_interfaces": (
        "  The broker has a loopback address, so the container uses this machine's network: its "
        "port is open on all interfaces.",
        "  broker 使用本机回环地址，所以容器直接使用本机网络：它的端口对所有网卡开放。",
    ),
    "run_detached": (
        "  The container continues in the background:\n    "
        "logs:   docker logs -f {name}\n    "
        "stop:   docker stop {name} && docker rm {name}",
        "  容器在后台继续运行：\n"
        "    日志：docker logs -f {name}\n"
        "    停止：docker stop {name} && docker rm {name}",
    ),
    "run_stopping": (
        "{name}: stopping; press Ctrl-C again to kill it",
        "{name}：正在停止；再按一次 Ctrl-C 强制结束",
    ),
    "run_ended": ("Ended with status {status}.", "已结束，退出状态 {status}。"),
    "run_oom": (
        "The kernel killed a process of the container because of the memory limit ({memory}): "
        "raise it with --memory",
        "内核因内存限制（{memory}）结束了容器中的进程：请用 --memory 加大",
    ),
    "run_model": ("Model: {path}", "模型：{path}"),
    "run_model_next": (
        "Next: dubhe run {what} --kind evaluate --model {path}",
        "接下来：dubhe run {what} --kind evaluate --model {path}",
    ),
    "run_ended_early": (
        "the container ended with status {status} before it sent READY; see its output in "
        "{console}",
        "容器在发出 READY 之前就结束了，退出状态 {status}；它的输出在 {console}",
    ),
    "run_failed_early": (
        "the model could not start: {message}",
        "模型无法启动：{message}",
    ),
    "run_timeout": (
        "no READY message within {seconds:g} seconds; see {console}, or raise --ready-timeout",
        "{seconds:g} 秒内没有收到 READY 消息；请查看 {console}，或加大 --ready-timeout",
    ),
    "run_no_image": (
        "no image {image} on this engine: {advice}",
        "引擎上没有镜像 {image}：{advice}",
    ),
    "run_build_first": ("run `dubhe build {folder}` first", "请先运行 `dubhe build {folder}`"),
    "run_pull_first": (
        "build it (`dubhe build`) or `docker pull {image}` first; give a folder as a path",
        "请先制作（`dubhe build`）或 `docker pull {image}`；目录请写路径",
    ),
    "run_port_taken": (
        "port {port} is in use: choose another with --port, or omit it for a free one",
        "端口 {port} 已被占用：请用 --port 换一个，或不指定以自动选择",
    ),
    "run_name_taken": (
        "container {name} already exists: remove it (`docker rm {name}`) or choose another name "
        "with --name",
        "已有名为 {name} 的容器：请删除它（`docker rm {name}`）或用 --name 换一个名字",
    ),
    "run_no_gpu": (
        "the engine cannot give GPUs to containers ({error}). Install the NVIDIA driver and "
        "nvidia-container-toolkit, then restart Docker; or omit --gpus",
        "引擎无法为容器提供 GPU（{error}）。请安装 NVIDIA 驱动和 nvidia-container-toolkit 并重启 "
        "Docker；或去掉 --gpus",
    ),
    "run_no_path": (
        "{option}: {path} does not exist",
        "{option}：{path} 不存在",
    ),
    "run_no_file": ("{option}: {path} is not a file", "{option}：{path} 不是文件"),
    "run_env_ours": (
        "--env {name}: this variable is set by {option}",
        "--env {name}：该变量由 {option} 决定",
    ),
    "run_env_unset": (
        "--env {name}: the variable is not set here; write --env {name}=VALUE",
        "--env {name}：当前环境没有这个变量，请写成 --env {name}=VALUE",
    ),
    "run_remote": (
        "the engine at {host} is on another machine: it cannot mount folders of this machine, "
        "and its ports are not reachable here. Run `dubhe run` there",
        "引擎 {host} 在另一台机器上，无法挂载本机目录，端口也不在本机。请在那台机器上运行 "
        "`dubhe run`",
    ),
    "run_loopback": (
        "brokers at {brokers} cannot be reached from a container: this engine ({system}) runs in "
        "a virtual machine. Give Kafka a listener that is advertised as "
        "host.docker.internal:PORT, and use that",
        "容器无法访问 {brokers}：该引擎（{system}）运行在虚拟机里。请给 Kafka 增加一个公布为 "
        "host.docker.internal:PORT 的监听地址并使用它",
    ),
    "run_loopback_network": (
        "brokers at {brokers}: on the network {network}, a loopback address is the container "
        "itself. Use the broker's address on that network, or omit --network",
        "{brokers}：在网络 {network} 里，回环地址指的是容器自己。请用该网络里的 broker 地址，或去"
        "掉 --network",
    ),
    "run_help": (
        "Start an algorithm's image as the platform does: data, model, port, brokers. Waits "
        "until the instance is ready, prints a sample request, then shows the instance's output "
        "until Ctrl-C.",
        "像平台那样启动算法镜像：数据、模型、端口、broker。等待实例就绪，给出示例请求，然后显示实"
        "例的输出，直到 Ctrl-C。",
    ),
    "run_help_what": (
        "an algorithm's folder, built by `dubhe build`, or an image (default: the current folder)",
        "用 `dubhe build` 制作过的算法目录，或镜像名（默认：当前目录）",
    ),
    "run_help_kind": ("the kind of task (default: train)", "任务类型（默认 train）"),
    "run_help_model": (
        "model file for evaluation and inference: mounted, and passed as model_path",
        "评估和推理所用的模型文件：会被挂载，并写入 model_path",
    ),
    "run_help_data": (
        "images, mounted read-only at the same path (default: DIR/data, if it exists)",
        "图片目录，以相同路径只读挂载（默认：存在时用 DIR/data）",
    ),
    "run_help_runs": (
        "folder for log, journal and models: DIR/<time> (default: ./runs)",
        "存放日志、内置消息文件和模型的目录：DIR/<时间>（默认：./runs）",
    ),
    "run_help_port": (
        "port on this machine's loopback interface (default: a free one)",
        "本机回环地址上的端口（默认：自动选择）",
    ),
    "run_help_brokers": (
        "Kafka, host:port[,host:port…]; without it the embedded journal is used (default: "
        "BOOTSTRAP_SERVERS)",
        "Kafka 地址 host:port[,host:port…]；不给则用内置消息文件（默认：BOOTSTRAP_SERVERS）",
    ),
    "run_help_network": (
        "Docker network, for example that of a compose file with Kafka",
        "Docker 网络，例如带 Kafka 的 compose 文件的网络",
    ),
    "run_help_gpus": (
        "`all`, or the number of GPUs",
        "`all` 或 GPU 数量",
    ),
    "run_help_memory": ("memory limit, for example 2g", "内存限制，例如 2g"),
    "run_help_user": (
        "user in the container (default: the current user, who then owns the files)",
        "容器内的用户（默认：当前用户，文件归其所有）",
    ),
    "run_help_env": (
        "another variable; K alone passes its current value; repeatable",
        "更多环境变量；只写 K 表示传入当前值；可重复",
    ),
    "run_help_detach": (
        "continue in the background once it is ready",
        "就绪后转入后台运行",
    ),
    "run_help_name": (
        "the container's name (default: from image, kind and time)",
        "容器名（默认由镜像、类型和时间组成）",
    ),
    "run_help_ready_timeout": (
        "seconds for the instance to become ready (default: 120)",
        "等待实例就绪的秒数（默认 120）",
    ),
    "run_help_exit": (
        "Exit status: that of the container, also after Ctrl-C; 1 could not be started; 2 usage "
        "error.",
        "退出状态：与容器的退出状态相同（包括 Ctrl-C）；1 无法启动；2 用法错误。",
    ),
}
