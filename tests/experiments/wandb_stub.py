"""A W&B server on loopback, as far as `wandb sweep`, `wandb agent` and runs need one.

It remembers what it is told and deals out a sweep's runs: all combinations of `values`, in order,
and first of all, under its own id again, a run that said it may be preempted and whose agent is
gone. The true server waits five minutes before it takes an agent for gone; this one does so when
another agent asks.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from typing import Any

import yaml

ENTITY = "tester"


@dataclass
class StubRun:
    """What the server was told of a run."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    starts: int = 0
    sweep: str | None = None
    preempting: bool = False
    exit_code: int | None = None
    # what its sweep chose, and the agent that last got it
    args: dict[str, Any] = field(default_factory=dict)
    agent: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """Its config, without W&B's own part."""
        return {key: each["value"] for key, each in self.config.items() if key != "_wandb"}


@dataclass
class StubSweep:
    """A sweep as it was registered; of a range the least is all that is dealt out."""

    name: str
    project: str
    text: str

    @cached_property
    def config(self) -> dict[str, Any]:
        return yaml.safe_load(self.text)

    @cached_property
    def waiting(self) -> Iterator[dict[str, Any]]:
        """The combinations that nobody has got yet."""
        parameters = self.config["parameters"]
        choices = (each.get("values") or [each["min"]] for each in parameters.values())
        return (dict(zip(parameters, chosen, strict=True)) for chosen in product(*choices))


class WandbStub(ThreadingHTTPServer):
    """The server; its address is `url`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.lock = threading.Lock()
        self.sweeps: dict[str, StubSweep] = {}
        self.runs: dict[str, StubRun] = {}
        self.agents: list[str] = []
        self.unknown: list[str] = []

    def operation(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """Answer a GraphQL operation."""
        with self.lock:
            answer = getattr(self, f"_{name}", None)
            if answer is None:
                self.unknown.append(name)
                return {}
            return answer(given)

    def _Viewer(self, _: dict[str, Any]) -> dict[str, Any]:
        viewer = {"id": "VjE=", "entity": ENTITY, "username": ENTITY, "email": "", "flags": "{}"}
        return {"viewer": viewer | {"teams": {"edges": []}}}

    def _ServerFeaturesQuery(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"serverInfo": {"features": []}}

    def _UpsertSweep(self, given: dict[str, Any]) -> dict[str, Any]:
        name = f"sweep{len(self.sweeps) + 1}"
        self.sweeps[name] = StubSweep(name, given["projectName"], given["config"])
        held = {"name": name, "project": _project(given["projectName"])}
        return {"upsertSweep": {"sweep": held, "configValidationWarnings": []}}

    def _SweepWithRuns(self, given: dict[str, Any]) -> dict[str, Any]:
        sweep = self.sweeps[given["sweep"]]
        held = {"id": sweep.name, "name": sweep.name, "config": sweep.text, "runs": {"edges": []}}
        return {"project": {"sweep": held}}

    def _CreateAgent(self, given: dict[str, Any]) -> dict[str, Any]:
        self.agents.append(f"{given['sweep']}/agent{len(self.agents) + 1}")
        return {"createAgent": {"agent": {"id": self.agents[-1]}}}

    def _Heartbeat(self, given: dict[str, Any]) -> dict[str, Any]:
        agent, busy = given["id"], json.loads(given["runState"])
        commands = [] if any(busy.values()) else [self._next(agent)]
        return {"agentHeartbeat": {"agent": {"id": agent}, "commands": json.dumps(commands)}}

    def _next(self, agent: str) -> dict[str, Any]:
        sweep = self.sweeps[agent.split("/")[0]]
        dealt = [run for run in self.runs.values() if run.sweep == sweep.name and run.args]
        again = [r for r in dealt if r.preempting and r.exit_code is None and r.agent != agent]
        if again:
            run = again[0]
        elif (chosen := next(sweep.waiting, None)) is not None:
            name = f"{sweep.name}run{len(dealt) + 1}"
            args = {key: {"value": value} for key, value in chosen.items()}
            run = self.runs[name] = StubRun(name, sweep=sweep.name, args=args)
        else:
            return {"type": "exit"}
        run.agent = agent
        return {"type": "run", "run_id": run.name, "program": None, "args": run.args}

    def _RunResumeStatus(self, given: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.get(given["name"])
        model = {"name": given["project"], "entity": {"name": ENTITY}, "bucket": None}
        if run is not None and run.starts:
            model["bucket"] = {
                "name": run.name,
                "displayName": run.name,
                "summaryMetrics": json.dumps(run.summary),
                "historyLineCount": len(run.history),
                "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
                "eventsLineCount": 0,
                "eventsTail": "[]",
                "logLineCount": 0,
                "wandbConfig": "{}",
                "config": json.dumps(run.config),
            }
        return {"model": model}

    def _UpsertBucket(self, given: dict[str, Any]) -> dict[str, Any]:
        name = given["name"]
        run = self.runs.setdefault(name, StubRun(name))
        new = not run.starts
        if given["host"]:
            # that of `wandb.init`; later ones tell of changed config alone
            run.starts += 1
        run.sweep = given["sweep"] or run.sweep
        run.config |= json.loads(given["config"] or "{}")
        bucket = {
            "id": name,
            "name": name,
            "displayName": given["displayName"] or name,
            "description": None,
            "config": json.dumps(run.config),
            "sweepName": run.sweep,
            "project": _project(given["project"]),
            "historyLineCount": len(run.history),
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": new}}

    def _CreateRunFiles(self, given: dict[str, Any]) -> dict[str, Any]:
        place = f"{self.url}/upload/{given['run']}"
        files = [{"name": name, "uploadUrl": f"{place}/{name}"} for name in given["files"]]
        return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files}}

    def stream(self, name: str, told: dict[str, Any]) -> None:
        """Take in what a run's file stream brings."""
        with self.lock:
            run = self.runs[name]
            for file, chunk in (told.get("files") or {}).items():
                if file == "wandb-history.jsonl":
                    rows = [json.loads(line) for line in chunk["content"]]
                    run.history[chunk["offset"] :] = rows
                if file == "wandb-summary.json":
                    run.summary = json.loads(chunk["content"][-1])
            run.preempting = run.preempting or bool(told.get("preempting"))
            if told.get("complete"):
                run.exit_code = told["exitcode"]

    def upload(self, path: str, contents: bytes) -> None:
        """Keep a file."""
        run, name = path.removeprefix("/upload/").split("/", 1)
        with self.lock:
            self.runs[run].files[name] = contents


class _Handler(BaseHTTPRequestHandler):
    server: WandbStub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        told = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer: dict[str, Any] = {}
        if self.path == "/graphql":
            asked = json.loads(told)
            name = asked.get("operationName") or _name(asked["query"])
            answer = {"data": self.server.operation(name, asked.get("variables") or {})}
        elif self.path.endswith("/file_stream"):
            self.server.stream(self.path.split("/")[-2], json.loads(told))
        self._answer(json.dumps(answer).encode())

    def do_PUT(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.server.upload(self.path, self.rfile.read(length))
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(b"{}")

    def _answer(self, contents: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(contents)))
        self.end_headers()
        self.wfile.write(contents)

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is for failures."""


def _name(query: str) -> str:
    """`UpsertSweep` of `mutation UpsertSweep(…) …`."""
    return query.split("(")[0].split("{")[0].split()[-1]


def _project(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "entity": {"id": ENTITY, "name": ENTITY}}


@contextmanager
def serve() -> Iterator[WandbStub]:
    """A server for as long as the block lasts."""
    with WandbStub() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
