"""Messages that several commands share, and those of ``dubhe play`` and ``dubhe host``."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    # kinds of task
    "kind_train": ("training", "训练"),
    "kind_evaluate": ("evaluation", "评估"),
    "kind_infer": ("inference", "推理"),
    # while it goes on
    "title": (
        "Playing the platform for {folder} ({protocol})",
        "为 {folder} 模拟平台（{protocol}）",
    ),
    "title_hosts": (
        "Playing the platform for {algorithm} on {hosts} ({protocol})",
        "为 {hosts} 上的 {algorithm} 模拟平台（{protocol}）",
    ),
    "starting": ("starting {instance_id}", "启动 {instance_id}"),
    "ready": ("ready after {seconds:.1f} s", "就绪，用时 {seconds:.1f} 秒"),
    "epoch": ("epoch {number}", "第 {number} 轮"),
    "time_left": ("{time} left", "剩余 {time}"),
    "task_ended": ("finished in {seconds:.1f} s", "完成，用时 {seconds:.1f} 秒"),
    "answered": ("answered in {milliseconds:.0f} ms", "应答，用时 {milliseconds:.0f} 毫秒"),
    "stopped": ("stopped, exit status {status}", "已停止，退出状态 {status}"),
    "had_to_kill": (
        "it did not react to SIGTERM and was killed",
        "进程不响应 SIGTERM，已强制结束",
    ),
    "stragglers": (
        "it left processes running, which were ended: {names}",
        "有残留进程，已将其结束：{names}",
    ),
    "heartbeat_lost": ("heartbeat lost: {detail}", "心跳丢失：{detail}"),
    "heartbeat_back": (
        "heartbeat restored",
        "心跳恢复",
    ),
    # the report
    "accuracy_train": (
        "Validation while training: accuracy {share:.4f} ({right} of {total})",
        "训练时验证：准确率 {share:.4f}（{total} 张中对 {right} 张）",
    ),
    "accuracy_evaluate": (
        "Evaluation: accuracy {share:.4f} ({right} of {total})",
        "离线评估：准确率 {share:.4f}（{total} 张中对 {right} 张）",
    ),
    "false_finds": (
        "  and {number} predictions where there is nothing",
        "  另有 {number} 处误报（该处没有目标）",
    ),
    "matrix": (
        "Confusion matrix (rows: truth, columns: prediction)",
        "混淆矩阵（行：真值，列：预测）",
    ),
    "confused_pairs": (
        "Most frequent confusions (truth → prediction)",
        "最常混淆（真值 → 预测）",
    ),
    "no_class": ("(none)", "（无）"),
    "plain_train": (
        "Training, results without images: {number}; the last:",
        "训练：不含图片的结果 {number} 条，最后几条：",
    ),
    "plain_evaluate": (
        "Evaluation, results without images: {number}; the last:",
        "离线评估：不含图片的结果 {number} 条，最后几条：",
    ),
    "inference_results": ("Inference", "在线推理"),
    "messages": ("Messages", "消息"),
    "head_reported": (
        "reported",
        "上报",
    ),
    "head_received": ("received", "收到"),
    "head_gaps": ("gaps", "缺失"),
    "head_repeats": ("repeats", "重复"),
    "unnumbered": (
        "{number} messages have no sequence number: gaps among them cannot be detected",
        "{number} 条消息没有序号，无法判断是否缺失",
    ),
    "heartbeats": ("Heartbeats: {sent} sent, {lost} lost", "心跳：发送 {sent} 次，丢失 {lost} 次"),
    "place_model": ("Model    {path}", "模型  {path}"),
    "place_logs": ("Logs     {path}", "日志  {path}"),
    "place_journal": (
        "Journal  {path}",
        "消息  {path}",
    ),
    "place_kafka": (
        "Kafka    {brokers}: {topics}",
        "Kafka {brokers}：{topics}",
    ),
    "place_page": ("Page     dubhe ui --runs-dir {runs}", "页面  dubhe ui --runs-dir {runs}"),
    "done": ("Done in {seconds:.1f} s.", "全部完成，用时 {seconds:.1f} 秒。"),
    # failures
    "failed": ("Failed: {error}", "失败：{error}"),
    "log_tail": (
        "Last lines of {log}:",
        "{log} 的末尾：",
    ),
    "stopped_by": (
        "Stopped by {name}. All started processes have ended.",
        "收到 {name}，已停止；启动的进程已全部结束。",
    ),
    "task_failed": (
        "{kind} ({instance_id}): {text}",
        "{kind}（{instance_id}）：{text}",
    ),
    "ended_early": (
        "the instance ended with status {status} before it sent {action}",
        "实例在发出 {action} 之前就结束了，退出状态 {status}",
    ),
    "timeout": (
        "no {action} message within {seconds:g} seconds",
        "{seconds:g} 秒内没有收到 {action} 消息",
    ),
    "source_broken": ("messages cannot be read: {error}", "无法读取消息：{error}"),
    "ready_but_no_heartbeat": (
        "READY was received, but the heartbeat fails: {problem}",
        "已收到 READY，但心跳不正常：{problem}",
    ),
    "no_answer": (
        "no reply to the request: {error}",
        "请求没有得到应答：{error}",
    ),
    "refused": ("the request was refused: {message}", "请求被拒绝：{message}"),
    "no_host": (
        "no `dubhe host` answers at {host} ({error}). Check that the service is running, or "
        "choose kinds of task with COMPOSE_PROFILES=train or --kinds train",
        "{host} 上没有 `dubhe host` 应答（{error}）。请检查该服务是否在运行；只运行部分任务时，请"
        "用 COMPOSE_PROFILES=train 或 --kinds train 指定",
    ),
    "host_busy": (
        "the host is busy with another instance; check whether another platform uses it",
        "主机正在运行另一个实例；请检查是否有其他平台在使用它",
    ),
    "host_refused": (
        "host {host} did not start the instance: {error}",
        "主机 {host} 没有启动该实例：{error}",
    ),
    "host_lost": (
        "host {host} closed the connection without a report",
        "主机 {host} 没有报告结果就断开了连接",
    ),
    "bad_host": (
        "--on {value}: expected KIND=HOST[:PORT], KIND one of {kinds}",
        "--on {value}：应为 KIND=主机[:端口]，KIND 为 {kinds} 之一",
    ),
    "hosts_need": (
        "--on also requires {missing}, since instances on other hosts use them",
        "使用 --on 时还需要 {missing}，因为其他主机上的实例要用到它们",
    ),
    "no_model": (
        "no model_<time>_<epoch>_<loss>.<ext> in {folder}: starting without model_path",
        "{folder} 里没有 model_<时间>_<轮次>_<损失>.<后缀>：不带 model_path 启动",
    ),
    "workflow_broken": (
        "an error of the platform itself: see the traceback",
        "平台自身出错：见错误堆栈",
    ),
    "skipped": (
        "skipped: the algorithm has no method marked @dubhe_sdk.{decorator}()",
        "跳过：算法没有用 @dubhe_sdk.{decorator}() 标记的方法",
    ),
    "incomplete": (
        "messages of the {kind} instance are missing ({gaps}) or repeated ({repeats})",
        "{kind}实例的消息有缺失（{gaps}）或重复（{repeats}）",
    ),
    "no_algorithm": (
        "{folder} contains neither run.sh nor app.py: specify the algorithm's folder",
        "{folder} 里既没有 run.sh 也没有 app.py：请指定算法所在的目录",
    ),
    "bad_protocol": (
        '{script} exports protocol="{protocol}", expected "http" or "tcp"',
        '{script} 里的 protocol="{protocol}"，应为 "http" 或 "tcp"',
    ),
    "no_folder": ("there is no folder {folder}", "没有目录 {folder}"),
    "no_images": ("there are no images in {folder}", "{folder} 里没有图片"),
    "no_data_but_script": (
        "there is no data in {folder}: run `python3 {script}` first, or use --data-dir",
        "{folder} 里没有数据：请先运行 `python3 {script}`,或使用 --data-dir",
    ),
    "no_broker": (
        "Kafka at {brokers} cannot be used: {error}",
        "无法使用 {brokers} 上的 Kafka：{error}",
    ),
    "not_json": ("{option} is not a JSON object: {value}", "{option} 不是 JSON 对象：{value}"),
    # help
    "help": (
        "Play the platform on this machine: train an algorithm, evaluate the resulting model, "
        "and run inference on a few images. Everything that was started is stopped at the end.",
        "在本机模拟平台：训练算法，评估得到的模型，再推理几张图片。结束后不留任何进程。",
    ),
    "help_algorithm": (
        "folder with run.sh and app.py (default: the current one)",
        "run.sh 和 app.py 所在的目录（默认：当前目录）",
    ),
    "help_protocol": (
        "for an algorithm without run.sh (default: tcp); otherwise run.sh decides",
        "算法没有 run.sh 时使用的协议（默认 tcp）；有 run.sh 时以脚本为准",
    ),
    "help_data": (
        "data folder, may hold train/, val/ and test/; images in folders named by class "
        "(default: ALGORITHM_DIR/data, if it exists)",
        "数据目录，可分 train/、val/、test/；图片按类别分目录存放"
        "（默认：ALGORITHM_DIR/data，如果存在）",
    ),
    "help_runs": (
        "folder of logs, journals and the platform's database (default: ./runs)",
        "日志、消息和平台数据库的存放目录（默认：./runs）",
    ),
    "help_brokers": (
        "Kafka, host:port[,host:port…]; without it the embedded journal is used (default: "
        "BOOTSTRAP_SERVERS)",
        "Kafka 地址 host:port[,host:port…]；不给则用内置消息文件（默认：BOOTSTRAP_SERVERS）",
    ),
    "help_params": (
        "business parameters for the algorithm, e.g. '{{\"epochs\": 5}}'",
        "传给算法的业务参数，例如 '{{\"epochs\": 5}}'",
    ),
    "help_images": (
        "number of images for inference (default: 6)",
        "推理的图片数（默认 6）",
    ),
    "help_ready_timeout": (
        "seconds to wait for a host, and for an instance to become ready (default: {seconds:g})",
        "等待主机应答、等待实例就绪的秒数（默认 {seconds:g}）",
    ),
    "help_task_timeout": (
        "timeout of a training or an evaluation in seconds (default: 3600)",
        "训练或评估的超时时间，单位秒（默认 3600）",
    ),
    "help_on": (
        "use a `dubhe host` on another machine, for example train=train:8029; once for each kind "
        "of task (train, evaluate, infer). Requires --brokers, --data-dir and --models, with the "
        "same paths there",
        "使用其他机器上的 `dubhe host`，例如 train=train:8029；每种任务（train、evaluate、infer）"
        "各写一次。需要 --brokers、--data-dir 和 --models，且两边路径相同",
    ),
    "help_models": (
        "folder where models are saved, with --on",
        "保存模型的目录，与 --on 一起使用",
    ),
    "help_hosts_dir": (
        "folder with the hosts' temporary folders, one HOST each, to show logs and delivery; "
        "with --on",
        "各主机临时目录所在的位置，每个主机一个子目录；用来显示日志和投递状态，与 --on 一起使用",
    ),
    "help_name": (
        "the algorithm's name or folder, with --on (default: algorithm)",
        "算法的名称或目录，与 --on 一起使用（默认：algorithm）",
    ),
    "help_kinds": (
        "use only the hosts of these kinds: train,evaluate,infer; other words are ignored, so a "
        "list of Compose profiles works",
        "只使用这些任务的主机：train,evaluate,infer；其他词会被忽略，因此可以直接写 Compose 的 "
        "profile 列表",
    ),
    "help_host_command": (
        "Run instances of an algorithm for `dubhe ui --on` or `dubhe play --on` on another "
        "machine, one at a time, until SIGTERM. COMMAND (default: the algorithm's run.sh) starts "
        "an instance. It gets this environment, its own DUBHE_TEMPORARY below the current one, "
        "and INSTANCE_ID and model_path from the platform. Anyone who can reach the port can "
        "start instances: keep it within a private network.",
        "为其他机器上的 `dubhe ui --on` 或 `dubhe play --on` 逐个运行算法实例，直到收到 SIGTERM。"
        "COMMAND（默认：算法的 run.sh）启动一个实例；它使用当前的环境变量、当前临时目录下的专用 "
        "DUBHE_TEMPORARY，以及平台给出的 INSTANCE_ID 和 model_path。能访问该端口的人都能启动实例"
        "：请只在内部网络中使用。",
    ),
    "help_host_port": (
        "port that platforms connect to (default: 8029)",
        "平台连接的端口（默认 8029）",
    ),
    "help_exit": (
        "Exit status: 0 success; 1 failure; 2 usage error; 130 Ctrl-C.",
        "退出状态：0 成功；1 失败；2 用法错误；130 Ctrl-C。",
    ),
}
