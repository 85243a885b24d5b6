"""Pushes releases to real S3 servers on this machine, with and without faults, reads prompts from them, and has a job
go on from its copy there.

    python stores.py TWIG RELEASE OTHER_RELEASE

moto and SeaweedFS listen on 127.0.0.1. Between the program and moto stands a server that answers 503 SlowDown, breaks
connections and dawdles. Prints a line a check and closes with `stores: N passed, N failed`.
"""

import http.client
import http.server
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from checks import Checks

BUCKET = "releases"
SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class Faults:
    """What goes wrong, by the number of the request."""

    def __init__(self, every: int = 0, delay: float = 0.0):
        self.every, self.delay = every, delay
        self.requests, self.refused, self.broken = 0, 0, 0
        self.lock = threading.Lock()

    def next(self) -> str:
        with self.lock:
            self.requests += 1
            if self.every and self.requests % self.every == 0:
                if self.refused <= self.broken:
                    self.refused += 1
                    return "refuse"
                self.broken += 1
                return "break"
        return "pass"


def proxy(target: str, faults: Faults) -> tuple[http.server.ThreadingHTTPServer, str]:
    """A server that hands requests on, but for the faults."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def hand_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            what = faults.next()
            time.sleep(faults.delay)
            if what == "break":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            if what == "refuse":
                self.answer(503, {"Content-Type": "application/xml"}, SLOW_DOWN)
                return
            connection = http.client.HTTPConnection(target, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            self.answer(answer.status, dict(answer.getheaders()), answer.read())

        def answer(self, status: int, headers: dict, body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                    self.send_header(name, value)
            length = headers.get("Content-Length") or headers.get("content-length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = hand_on

        def log_message(self, *_) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


class Store:
    """An S3 server as boto3 sees it, and the environment by which the program finds it."""

    def __init__(self, endpoint: str):
        self.endpoint = endpoint
        self.environment = {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
        }
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 2}, connect_timeout=2, s3={"addressing_style": "path"}),
        )

    def wait(self, seconds: float = 30) -> None:
        """Until it answers; then makes the bucket."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.client.create_bucket(Bucket=BUCKET)
                return
            except (BotoCoreError, ClientError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def objects(self, prefix: str) -> dict[str, bytes]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {
            key.removeprefix(f"{prefix}/"): self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            for key in keys
        }

    def tags(self, prefix: str) -> dict[str, str]:
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
        return {entry["Key"]: entry["ETag"] for entry in found.get("Contents", [])}


class Program:
    def __init__(self, twig: str):
        self.twig = twig

    def start(self, arguments: list, store: Store, endpoint: str | None = None) -> subprocess.Popen:
        environment = os.environ | store.environment | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})
        return subprocess.Popen(
            [self.twig, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, arguments: list, store: Store, endpoint: str | None = None) -> tuple[int, str]:
        process = self.start(arguments, store, endpoint)
        out, err = process.communicate(timeout=240)
        return process.returncode, out + err


def files(release: Path) -> dict[str, bytes]:
    paths = [path for path in release.rglob("*") if path.is_file()]
    return {str(path.relative_to(release)): path.read_bytes() for path in paths}


def check_push(name: str, program: Program, store: Store, release: Path, other: Path, checks: Checks) -> None:
    wanted = files(release)
    code, said = program.run(["push", release, f"s3://{BUCKET}/one"], store)
    checks.equal(f"{name}: push", (code, f"{len(wanted)} files sent" in said), (0, True))
    checks.that(f"{name}: every byte is there", store.objects("one") == wanted, said)
    multipart = [key for key, tag in store.tags("one").items() if "-" in tag]
    check_looking(name, program, store, release, checks)
    checks.that(f"{name}: large files went in parts", len(multipart) > 0, "no file is large enough")
    code, said = program.run(["push", release, f"s3://{BUCKET}/one"], store)
    checks.equal(f"{name}: a second push sends nothing", (code, " 0 files sent" in said), (0, True))
    code, said = program.run(["push", other, f"s3://{BUCKET}/one"], store)
    checks.equal(f"{name}: another release does not take its place", (code, "--replace" in said), (2, True))
    checks.that(f"{name}: nothing was touched", store.objects("one") == wanted)
    code, said = program.run(["push", other, f"s3://{BUCKET}/one", "--replace"], store)
    checks.equal(f"{name}: unless told so", (code, store.objects("one") == files(other)), (0, True))


def check_looking(name: str, program: Program, store: Store, release: Path, checks: Checks) -> None:
    """What is said of a release in a store is what is said of the same release here."""
    url = f"s3://{BUCKET}/one"
    query = "select category, count(*) as n, avg(score) as score from steps group by category order by category"
    for arguments in (["inspect", "{}", "--json"], ["sql", "{}", query, "--format", "csv"]):
        here, there = ([one.replace("{}", str(place)) for one in arguments] for place in (release, url))
        (code, found), (_, wanted) = program.run(there, store), program.run(here, store)
        if arguments[0] == "inspect":
            # The calls stand in the job's folder, which a release in a store does not have.
            found, wanted = json.loads(found) | {"calls": []}, json.loads(wanted) | {"calls": []}
        checks.equal(f"{name}: twig {arguments[0]}", (code, found), (0, wanted))


def check_prompts(name: str, program: Program, store: Store, checks: Checks) -> None:
    store.client.put_object(Bucket=BUCKET, Key="prompts/color_train.txt", Body=b"a red car\na blue bird\n")
    store.client.put_object(Bucket=BUCKET, Key="prompts/ignored.md", Body=b"no prompt\n")
    pipeline = Path(__file__).parents[2] / "pipelines/quickstart.yaml"
    with tempfile.TemporaryDirectory() as folder:
        change = f'prompts.files=["s3://{BUCKET}/prompts/*_train.txt"]'
        code, said = program.run(["plan", pipeline, "--set", change, "--output", folder, "--json"], store)
    checks.equal(f"{name}: prompts are read from it", (code, '"prompts": 2' in said), (0, True))


def check_faults(program: Program, store: Store, release: Path, checks: Checks) -> None:
    faults = Faults(every=4, delay=0.01)
    server, endpoint = proxy(store.endpoint.removeprefix("http://"), faults)
    code, said = program.run(["push", release, f"s3://{BUCKET}/faulty"], store, endpoint)
    checks.equal("faults: push", code, 0)
    checks.that("faults: every byte is there", store.objects("faulty") == files(release), said)
    checks.that("faults: there were some", faults.refused > 2 and faults.broken > 2, f"{vars(faults)}")
    server.shutdown()


def check_interruption(program: Program, store: Store, release: Path, checks: Checks) -> None:
    """The program is killed halfway; until the same push has run again there is no release."""
    server, endpoint = proxy(store.endpoint.removeprefix("http://"), Faults(delay=0.1))
    process = program.start(["push", release, f"s3://{BUCKET}/killed"], store, endpoint)
    deadline = time.monotonic() + 60
    while len(store.tags("killed")) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    there = store.objects("killed")
    checks.that("interruption: something was sent, and no commit", len(there) >= 4 and "SHA256SUMS" not in there)
    code, said = program.run(["push", release, f"s3://{BUCKET}/killed"], store)
    checks.equal("interruption: the same command goes on", (code, " 0 were there" in said), (0, False))
    checks.that("interruption: every byte is there", store.objects("killed") == files(release), said)
    server.shutdown()


def check_mirror(name: str, program: Program, store: Store, endpoint: str, checks: Checks) -> None:
    """A job is killed and its folder lost; the same command elsewhere goes on from the copy, to the same bytes."""
    pipeline = Path(__file__).parents[2] / "pipelines/quickstart.yaml"
    run = ["run", pipeline, "--limit", "24", "--set", "run.partitions=4", "--set", "run.open_partitions=1"]
    mirror = ["--set", f"run.mirror=s3://{BUCKET}/job"]
    with tempfile.TemporaryDirectory() as folder:
        whole, lost, found = (Path(folder) / name for name in ("whole", "lost", "found"))
        code, said = program.run([*run, "--output", whole], store)
        checks.equal(f"{name}: the job without a copy", code, 0)
        slow = ["--set", "teachers.studio.concurrency=1"]
        process = program.start([*run, *mirror, *slow, "--output", lost], store, endpoint)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if sum("stages/trajectories/" in key and key.endswith(".json") for key in store.tags("job")) >= 2:
                break
            time.sleep(0.02)
        process.kill()
        process.communicate()
        there = {key.removeprefix("job/") for key in store.tags("job")}
        records = {key for key in there if key.startswith("stages/trajectories/") and key.endswith(".json")}
        checks.that(f"{name}: it was killed halfway", len(records) >= 2 and "stages/release.json" not in there, f"{there}")
        rows = {key.replace(".json", ".parquet") for key in records}
        checks.equal(f"{name}: no record without its rows", rows - there, set())
        shutil.rmtree(lost)
        code, said = program.run([*run, *mirror, "--output", found], store, endpoint)
        checks.that(f"{name}: it goes on", code == 0, said)
        events = [json.loads(line) for line in (found / "events.jsonl").read_text().splitlines()]
        begun = next(e for e in events if e["event"] == "stage_started" and e["stage"] == "trajectories")
        checks.that(f"{name}: what was committed is not made again", begun["skipped"] >= 2, f"{begun}")
        wanted = {key: value for key, value in files(whole / "release").items() if key not in ("README.md", "SHA256SUMS")}
        for place, release in (("here", files(found / "release")), ("there", store.objects("job/release"))):
            same = {key: value for key, value in release.items() if key not in ("README.md", "SHA256SUMS")} == wanted
            checks.that(f"{name}: the release {place} has the same bytes", same)
        other = ["--set", "name=other"]
        code, said = program.run([*run, *mirror, *other, "--output", Path(folder) / "other"], store)
        checks.equal(f"{name}: another job is told off", (code, "its copy belongs to the job" in said), (2, True))


def check_race(program: Program, store: Store, release: Path, other: Path, checks: Checks) -> None:
    """Two releases are pushed to one place at once."""
    server, endpoint = proxy(store.endpoint.removeprefix("http://"), Faults(delay=0.05))
    started = [program.start(["push", r, f"s3://{BUCKET}/race"], store, endpoint) for r in (release, other)]
    for process in started:
        process.communicate(timeout=240)
    codes = sorted(process.returncode for process in started)
    checks.equal("race: one is told that the place is taken", codes, [0, 2])
    checks.that("race: what lies there is one of the two", store.objects("race") in (files(release), files(other)))
    server.shutdown()


def seaweed(folder: str, s3_port: int) -> subprocess.Popen:
    command = [Path(sys.executable).parent / "weed", "-logtostderr=false", "-alsologtostderr=false", "server"]
    ports = {name: free_port() for name in ("master.port", "volume.port", "filer.port")}
    command += [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.port={s3_port}"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    return subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def free_port() -> int:
    """SeaweedFS listens for its own protocol 10,000 ports above each. Both lie below those that systems give out
    themselves (Linux from 32768 on), which anybody may take before it starts."""
    while True:
        port = random.randrange(15_000, 22_000)
        try:
            with socket.socket() as first, socket.socket() as second:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 10_000))
        except OSError:
            continue
        return port


def main(twig: str, release: Path, other: Path) -> int:
    from moto.server import ThreadedMotoServer

    program, checks = Program(twig), Checks("stores")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    moto = Store(f"http://{host}:{port}")
    moto.wait()
    checks.attempt("moto: all was tried", lambda: check_push("moto", program, moto, release, other, checks))
    checks.attempt("moto: prompts", lambda: check_prompts("moto", program, moto, checks))
    checks.attempt("faults: all was tried", lambda: check_faults(program, moto, release, checks))
    checks.attempt("interruption: all was tried", lambda: check_interruption(program, moto, release, checks))
    checks.attempt("race: all was tried", lambda: check_race(program, moto, release, other, checks))
    faulty, endpoint = proxy(moto.endpoint.removeprefix("http://"), Faults(every=9))
    checks.attempt("copy, moto with faults", lambda: check_mirror("copy, moto", program, moto, endpoint, checks))
    faulty.shutdown()
    server.stop()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        s3_port = free_port()
        process = seaweed(folder, s3_port)
        try:
            store = Store(f"http://127.0.0.1:{s3_port}")
            checks.attempt("SeaweedFS: answers", lambda: store.wait(60))
            checks.attempt(
                "SeaweedFS: all was tried", lambda: check_push("SeaweedFS", program, store, release, other, checks)
            )
            checks.attempt("SeaweedFS: prompts", lambda: check_prompts("SeaweedFS", program, store, checks))
            mirrored = lambda: check_mirror("copy, SeaweedFS", program, store, store.endpoint, checks)
            checks.attempt("copy, SeaweedFS: all was tried", mirrored)
        finally:
            process.terminate()
            process.wait(timeout=30)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
