"""A real cairnd, and a client that sends what it is told to, byte for byte."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

WAIT_S = 60

CONFIG = """
node: { name: %(name)s, data: %(folder)s/data }
http: { listen: '127.0.0.1:0', admin_token_file: '%(token)s', cors: ['https://play.example'] }
peer: { listen: 'tcp://127.0.0.1:0' }
cluster: { %(origin)s, ranges: %(ranges)d, replicas: %(replicas)d, epoch_ms: %(epoch_ms)d, players_max: %(players_max)d }
limits: { request_ms: %(request_ms)d, connections: %(connections)d, body_bytes: %(body_bytes)d }
"""


class Node:
    """In a folder of its own; a context manager, which kills it at the end. It founds a cluster, or
    joins by the peer address of one that runs."""

    def __init__(self, ranges=4, epoch_ms=100, players_max=1000, request_ms=10000, connections=1000,
                 body_bytes=1 << 20, token=None, name="n1", replicas=3, join=None):
        self.folder = tempfile.mkdtemp(prefix="cairn-test-contract-")
        origin = "join: ['%s']" % join if join else "found: true"
        settings = dict(locals(), folder=self.folder, token="")
        if token is not None:
            settings["token"] = self.folder + "/token"
            with open(settings["token"], "w") as file:
                file.write(token + "\n")
        with open(self.folder + "/n1.yaml", "w") as file:
            file.write(CONFIG % settings)
        self.said = open(self.folder + "/err", "wb")
        self.process = subprocess.Popen(
            [os.path.join(os.environ.get("CAIRN_BIN", "build/dev/bin"), "cairnd"),
             "--config", self.folder + "/n1.yaml"],
            stdout=subprocess.PIPE, stderr=self.said)

    def __enter__(self):
        line = self.process.stdout.readline().decode()
        if not line.startswith("ready "):
            with open(self.folder + "/err") as file:
                raise AssertionError("it is not ready: '%s'\n%s" % (line, file.read()))
        self.port = int(line.split("http=127.0.0.1:")[1].split()[0])
        self.peer = line.split("peer=")[1].split()[0]
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.said.close()
        shutil.rmtree(self.folder)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.msg
        self.body = response.read()
        self.value = None

    def header(self, name):
        """All fields of that name, as one."""
        values = self.headers.get_all(name)
        return ", ".join(values) if values else None


def receive(connection, method):
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return Answer(response)


def head_of(method, target, headers):
    lines = ["%s %s HTTP/1.1" % (method, target), "Host: test"]
    lines += ["%s: %s" % field for field in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def send(node, method, target, headers=(), body=None, connection=None):
    """Asks on a connection of its own, or on the one given. `headers`: pairs."""
    headers = list(headers)
    if body is not None and not any(name == "Content-Length" for name, _ in headers):
        headers.append(("Content-Length", str(len(body))))
    with contextlib.ExitStack() as stack:
        if connection is None:
            connection = stack.enter_context(node.connect())
            headers.append(("Connection", "close"))
        connection.sendall(head_of(method, target, headers) + (body or b""))
        return receive(connection, method)


def wait_until(what, condition):
    """Asks again and again for the condition's value; None and False are none yet."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("gave up waiting for " + what)
