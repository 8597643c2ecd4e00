"""Messages that several commands share, and those of ``dubhe play`` and ``dubhe host``."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    # kinds of task
    "kind_train": ("training", "训练"),
    "kind_evaluate": ("evaluation", "评估"),
    "kind_infer": ("inference", "推理"),
    # while it goes on
    "title": ("Playing the platform for {folder} ({protocol})", "为 {folder} 模拟平台({protocol})"),
    "title_hosts": (
        "Playing the platform for {algorithm} on {hosts} ({protocol})",
        "为 {hosts} 上的 {algorithm} 模拟平台({protocol})",
    ),
    "starting": ("starting {instance_id}", "启动 {instance_id}"),
    "ready": ("ready after {seconds:.1f} s", "就绪,用时 {seconds:.1f} 秒"),
    "epoch": ("epoch {number}", "第 {number} 轮"),
    "time_left": ("{time} left", "剩余 {time}"),
    "task_ended": ("finished in {seconds:.1f} s", "完成,用时 {seconds:.1f} 秒"),
    "answered": ("answered in {milliseconds:.0f} ms", "应答,用时 {milliseconds:.0f} 毫秒"),
    "stopped": ("stopped, exit status {status}", "已停止,退出状态 {status}"),
    "had_to_kill": (
        "it ignored SIGTERM and had to be killed",
        "它不理会 SIGTERM,只能强行结束",
    ),
    "stragglers": (
        "it left processes behind, which were ended: {names}",
        "它留下了进程,已被结束:{names}",
    ),
    "heartbeat_lost": ("heartbeat lost: {detail}", "心跳丢失:{detail}"),
    "heartbeat_back": ("heartbeat is back", "心跳恢复"),
    # the report
    "accuracy_train": (
        "Validation while training: accuracy {share:.4f} ({right} of {total})",
        "训练时验证:准确率 {share:.4f}({total} 张中对 {right} 张)",
    ),
    "accuracy_evaluate": (
        "Evaluation: accuracy {share:.4f} ({right} of {total})",
        "离线评估:准确率 {share:.4f}({total} 张中对 {right} 张)",
    ),
    "false_finds": (
        "  and {number} finds where there is nothing",
        "  另有 {number} 处误报(该处没有目标)",
    ),
    "matrix": (
        "Confusion matrix (rows: truth, columns: prediction)",
        "混淆矩阵(行:真值,列:预测)",
    ),
    "confused_pairs": ("Most often confused (truth → prediction)", "最常混淆(真值 → 预测)"),
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
    "head_reported": ("said", "发出"),
    "head_received": ("received", "收到"),
    "head_gaps": ("gaps", "缺失"),
    "head_repeats": ("repeats", "重复"),
    "unnumbered": (
        "{number} messages carry no number: nothing can be said about gaps among them",
        "{number} 条消息没有编号,无法判断是否缺失",
    ),
    "heartbeats": ("Heartbeats: {sent} sent, {lost} lost", "心跳:发送 {sent} 次,丢失 {lost} 次"),
    "place_model": ("Model    {path}", "模型  {path}"),
    "place_logs": ("Logs     {path}", "日志  {path}"),
    "place_journal": ("Journal  {path}", "消息  {path}"),
    "place_kafka": ("Kafka    {brokers}: {topics}", "Kafka {brokers}:{topics}"),
    "place_page": ("Page     dubhe ui --runs-dir {runs}", "页面  dubhe ui --runs-dir {runs}"),
    "done": ("Done in {seconds:.1f} s.", "全部完成,用时 {seconds:.1f} 秒。"),
    # failures
    "failed": ("Failed: {error}", "失败:{error}"),
    "log_tail": ("The end of {log}:", "{log} 的末尾:"),
    "stopped_by": (
        "Stopped by {name}; everything that was started has ended.",
        "被 {name} 中止;已启动的进程全部结束。",
    ),
    "task_failed": ("{kind} ({instance_id}): {text}", "{kind}({instance_id}):{text}"),
    "ended_early": (
        "the instance ended with status {status} before it said {action}",
        "实例在发出 {action} 之前就结束了,退出状态 {status}",
    ),
    "timeout": (
        "no {action} within {seconds:g} seconds",
        "{seconds:g} 秒内没有收到 {action}",
    ),
    "source_broken": ("messages cannot be read: {error}", "无法读取消息:{error}"),
    "ready_but_no_heartbeat": (
        "it said READY, but its heartbeat is not well: {problem}",
        "已发出 READY,但心跳不正常:{problem}",
    ),
    "no_answer": ("no answer to the request: {error}", "请求没有得到应答:{error}"),
    "refused": ("the request was refused: {message}", "请求被拒绝:{message}"),
    "no_host": (
        "no `dubhe host` answers at {host} ({error}): is that service running? For some kinds of "
        "task alone, name them: COMPOSE_PROFILES=train or --kinds train",
        "{host} 上没有 `dubhe host` 应答({error}):该服务是否在运行?只运行部分任务时请指明:"
        "COMPOSE_PROFILES=train 或 --kinds train",
    ),
    "host_busy": (
        "it is busy with another instance: is another platform using it?",
        "它正忙于另一个实例:是否有另一个平台在使用?",
    ),
    "host_refused": (
        "its host {host} did not start it: {error}",
        "所在主机 {host} 没有启动它:{error}",
    ),
    "host_lost": (
        "its host {host} has gone without a word",
        "所在主机 {host} 没有任何消息就断开了",
    ),
    "bad_host": (
        "--on {value}: expected KIND=HOST[:PORT], KIND one of {kinds}",
        "--on {value}:应为 KIND=主机[:端口],KIND 为 {kinds} 之一",
    ),
    "hosts_need": (
        "--on also needs {missing}: instances elsewhere write there",
        "使用 --on 时还需要 {missing}:其他主机上的实例写在那里",
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
        "{kind}实例的消息有缺失({gaps})或重复({repeats})",
    ),
    "no_algorithm": (
        "{folder} has neither run.sh nor app.py: name an algorithm's folder",
        "{folder} 里既没有 run.sh 也没有 app.py:请指定算法所在的目录",
    ),
    "bad_protocol": (
        '{script} exports protocol="{protocol}", expected "http" or "tcp"',
        '{script} 里的 protocol="{protocol}",应为 "http" 或 "tcp"',
    ),
    "no_folder": ("there is no folder {folder}", "没有目录 {folder}"),
    "no_images": ("there are no images in {folder}", "{folder} 里没有图片"),
    "no_data_but_script": (
        "there is no data in {folder}: run `python3 {script}` first, or use --data-dir",
        "{folder} 里没有数据：请先运行 `python3 {script}`,或使用 --data-dir",
    ),
    "no_broker": (
        "Kafka at {brokers} cannot be used: {error}",
        "无法使用 {brokers} 上的 Kafka:{error}",
    ),
    "not_json": ("{option} is not a JSON object: {value}", "{option} 不是 JSON 对象:{value}"),
    # help
    "help": (
        "Play the platform on this machine: train an algorithm, evaluate the model that comes "
        "out, and have a few images recognised. Nothing keeps running afterwards.",
        "在本机模拟平台:训练算法,评估得到的模型,再推理几张图片。结束后不留任何进程。",
    ),
    "help_algorithm": (
        "folder with run.sh and app.py (default: the current one)",
        "run.sh 和 app.py 所在的目录(默认:当前目录)",
    ),
    "help_protocol": (
        "for an algorithm without run.sh (default: tcp); with one, the script decides",
        "算法没有 run.sh 时使用的协议(默认 tcp);有则以脚本为准",
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
        "Kafka, host:port[,host:port…]; else the embedded journal is used "
        "(default: BOOTSTRAP_SERVERS)",
        "Kafka 地址 host:port[,host:port…];不给则用内置消息文件(默认:BOOTSTRAP_SERVERS)",
    ),
    "help_params": (
        "business parameters for the algorithm, e.g. '{{\"epochs\": 5}}'",
        "传给算法的业务参数,例如 '{{\"epochs\": 5}}'",
    ),
    "help_images": ("images to have recognised (default: 6)", "推理的图片数(默认 6)"),
    "help_ready_timeout": (
        "seconds for a host to answer, and for an instance to become ready (default: {seconds:g})",
        "等待主机应答、等待实例就绪的秒数(默认 {seconds:g})",
    ),
    "help_task_timeout": (
        "seconds for a training or an evaluation (default: 3600)",
        "等待训练或评估完成的秒数(默认 3600)",
    ),
    "help_on": (
        "use a `dubhe host` that runs elsewhere, for example train=train:8029; once for each kind "
        "of task (train, evaluate, infer); needs --brokers, --data-dir and --models, and the "
        "same paths there",
        "使用在别处运行的 `dubhe host`,例如 train=train:8029;每种任务(train、evaluate、infer)"
        "各写一次;需要 --brokers、--data-dir 和 --models,且两边路径相同",
    ),
    "help_models": (
        "where models appear, with --on",
        "模型出现的目录,与 --on 一起使用",
    ),
    "help_hosts_dir": (
        "where the hosts' temporary folders can be read, one HOST each; shows logs and delivery, "
        "with --on",
        "可读取各主机临时目录的位置,每个主机一个子目录;用来显示日志和投递,与 --on 一起使用",
    ),
    "help_name": (
        "the algorithm's name or folder, with --on (default: algorithm)",
        "算法的名称或目录,与 --on 一起使用(默认:algorithm)",
    ),
    "help_kinds": (
        "of the hosts, use those of these kinds alone: train,evaluate,infer; other words are "
        "ignored, so a list of Compose profiles will do",
        "只使用这些任务的主机:train,evaluate,infer;其他词被忽略,因此可以直接写 Compose 的 "
        "profile 列表",
    ),
    "help_host_command": (
        "Run instances of an algorithm for `dubhe ui --on` or `dubhe play --on` elsewhere, one "
        "after another, until SIGTERM. COMMAND (default: the algorithm's run.sh) starts one; it "
        "gets this environment, a DUBHE_TEMPORARY of its own below this one's, and INSTANCE_ID "
        "and model_path from the platform. Whoever reaches the port can start instances: leave it "
        "within a private network.",
        "为别处的 `dubhe ui --on` 或 `dubhe play --on` 依次运行算法实例,直到收到 SIGTERM。"
        "COMMAND(默认:算法的 run.sh)启动一个实例;它得到当前的环境变量、"
        "位于当前临时目录下的专用 DUBHE_TEMPORARY,以及平台给出的 INSTANCE_ID 和 model_path。"
        "能访问该端口的人都能启动实例:请只在内部网络中使用。",
    ),
    "help_host_port": (
        "where platforms connect (default: 8029)",
        "平台连接的端口(默认 8029)",
    ),
    "help_exit": (
        "Exit status: 0 all went well; 1 something failed; 2 wrong use; 130 Ctrl-C.",
        "退出状态:0 一切正常;1 有失败;2 用法错误;130 Ctrl-C。",
    ),
}
