"""An algorithm that knows the contract but not the SDK. `fake.py` copies it as ``app.py``.

What it does wrong is read from ``behaviour.json`` beside it.
"""

# ruff: noqa: SIM112
# The contract has variables in small letters.
import http.server
import json
import os
import signal
import socketserver
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

B = json.loads(Path("behaviour.json").read_text())
ID = os.environ["INSTANCE_ID"]
KIND = {"train": "train", "forecast": "evaluate", "inference": "infer"}[ID.split("-")[2]]
JOURNAL = Path(os.environ["DUBHE_TEMPORARY"]) / "journal"
MESSAGES = {0: "service online", 1: "model train starting now", 2: "model predict starting now"}
end = threading.Event()
answered = threading.Event()  # the start request


class Journal:
    def __init__(self):
        JOURNAL.mkdir(parents=True, exist_ok=True)
        self.file = (JOURNAL / f"{0:020d}.jsonl").open("a", buffering=1)
        self.offset, self.seq, self.lock = 0, 0, threading.Lock()

    def report(self, mes_type, data):
        with self.lock:
            self.seq += 2 if B.get("gap") and self.seq == 1 else 1
            value = {"instance_id": ID, "request_number": self.seq, "date": 0}
            record = {
                "offset": self.offset,
                "topic": "als_model_result" if mes_type == 3 else "alg_model_progress",
                "key": ID,
                "timestamp": int(time.time() * 1000),
                "headers": {"dubhe-writer": "w1", "dubhe-seq": str(self.seq)},
                "value": {**value, "mes_type": mes_type, "data": data},
            }
            self.file.write(json.dumps(record) + "\n")
            self.offset += 1


def action(name, status=200, msg=""):
    return {"action": name, "status": status, "msg": msg or name}


def result(image, truth, predicted):
    info = {"ground_true": truth, "predict_code": predicted, "conf": 0.5}
    return [{"img_path": image, "info": [info]}]


def task(journal):
    journal.report(1, action("START"))
    if B.get("vanish_in") == KIND:
        answered.wait()
        os._exit(7)
    for epoch in range(4):
        journal.report(2, {"loss": 1 / (epoch + 1), "progress": (epoch + 1) / 4, "epoch": epoch})
    if B.get("endless"):
        end.wait()
    end.wait(B.get("slow", 0))
    if KIND == "train" and not B.get("no_model"):
        Path("output/models").mkdir(parents=True, exist_ok=True)
        for epoch in range(12):
            Path(f"output/models/model_20240101000000{epoch:03d}_{epoch}_0.10.pkl").write_text("x")
    for image, truth, predicted in (("a", "0", "0"), ("b", "1", "0"), ("c", "1", "1")):
        journal.report(3, result(image, truth, predicted))
    failed = B.get("fail") == KIND
    journal.report(
        1, action("END", 300, f"{ID} current model error boom") if failed else action("END")
    )


def answer(request, journal):
    type_ = request["req_type"]
    if request["instance_id"] != ID:
        text = f"param error: instance_id [?] of request different from ENV INSTANCE_ID [{ID}]!"
        return {"flag": 2, "message": text}
    if type_ == 0:
        return {"flag": 1, "message": MESSAGES[0]}
    if B.get("refuse") == KIND:
        return {"flag": 2, "message": "param error: field data_paths is missing"}
    if type_ == 3:
        names = request["image_names"]
        data = [result(f"{request['image_base_dir']}/{n}", "", "7")[0] for n in names]
        return {"flag": 1, "message": "model inference success", "data": data}
    if type_ == 2:
        model = os.environ.get("model_path", "")
        assert model == "" if B.get("no_model") else model.endswith("_11_0.10.pkl"), model
    threading.Thread(target=task, args=(journal,), daemon=True).start()
    return {"flag": 1, "message": MESSAGES[type_]}


def serve_http(journal):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = json.dumps(answer(body, journal)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)
            if body["req_type"] != 0:
                answered.set()

        def log_message(self, *args):
            pass

    return http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler)


def serve_tcp(journal):
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while head := self.rfile.read(4):
                body = json.loads(self.rfile.read(struct.unpack(">I", head)[0]))
                reply = json.dumps(answer(body, journal)).encode()
                self.wfile.write(struct.pack(">I", len(reply)) + reply)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    return Server(("", int(os.environ["PORT"])), Handler)


def main():
    print("the fake algorithm starts", flush=True)
    if B.get("straggler"):
        # Leaves its session, its parent and its environment behind.
        code = "import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep(1000)"
        subprocess.Popen([sys.executable, "-c", code, B["straggler"]], env={}).wait()
    if B.get("exit_in") == KIND:
        print("Traceback: no GPU", flush=True)
        sys.exit(3)
    if B.get("ignore_sigterm"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    journal = Journal()
    if B.get("silent"):
        end.wait()
    server = (serve_http if os.environ["protocol"] == "http" else serve_tcp)(journal)
    journal.report(0, action("READY"))
    server.serve_forever()


main()
