"""What every path has: refusals of broken requests, HEAD, OPTIONS, other methods."""

import socket

from asking import GZIP, HUNT, ORIGIN, YAML, expect, player
from node import head_of, receive, send, wait_until


def target_of(operation):
    return (operation.path.replace("{hunt}", "quay").replace("{player}", player(1))
            .replace("{seq}", "1").replace("{epoch}", "latest").replace("{name}", "n1"))


def has_body(operation):
    return operation.method in ("post", "put")


def broken_requests_are_refused_on_every_path(contract):
    description = contract.description
    for operation in description.operations:
        method, target = operation.method.upper(), target_of(operation)
        length = [("Content-Length", "0")] if has_body(operation) else []
        contract.refused(method, target, 400, "malformed_host", [*length, ("Host", "twice")])
        contract.refused(method, target, 413, "body_too_large", [("Content-Length", "9999999")])
        contract.refused(method, target, 417, "expectation_failed", [*length, ("Expect", "much")])
        contract.refused(method, target, 431, "headers_too_large", [*length, ("X", "x" * 9000)])
        answer = contract.refused(method, target + "?no_such=1", 400, "unknown_field",
                                  [*length, ORIGIN])
        expect(answer.header("Access-Control-Allow-Origin"), ORIGIN[1])
        if has_body(operation):
            contract.refused(method, target, 411, "length_required")


def malformed(contract, code, data, half_close=False):
    with contract.node.connect() as connection:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        answer = receive(connection, "GET")
    contract.description.check("GET", "/healthz", answer)
    expect((answer.status, answer.value["code"]), (400, code))


def each_kind_of_malformed_http_has_its_code(contract):
    host = b"Host: test\r\n"
    malformed(contract, "malformed_request", b"GET /healthz HTTP/1.1\r\nBad Name: x\r\n\r\n")
    malformed(contract, "malformed_target", b"GET /healthz#x HTTP/1.1\r\n" + host + b"\r\n")
    malformed(contract, "unknown_method", b"FETCH /healthz HTTP/1.1\r\n" + host + b"\r\n")
    malformed(contract, "unsupported_version", b"GET /healthz HTTP/2.0\r\n" + host + b"\r\n")
    malformed(contract, "repeated_header", b"GET /healthz HTTP/1.1\r\n" + host +
              b"Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n")
    malformed(contract, "upgrade_refused", b"GET /healthz HTTP/1.1\r\n" + host +
              b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n")
    malformed(contract, "ambiguous_length", b"GET /healthz HTTP/1.1\r\n" + host +
              b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
    malformed(contract, "malformed_chunks", b"GET /healthz HTTP/1.1\r\n" + host +
              b"Transfer-Encoding: chunked\r\n\r\nx\r\n")
    malformed(contract, "incomplete_request", b"GET /healthz HTTP/1.1\r\n", half_close=True)


def slow_requests_are_given_up_on_every_path(contract):
    """The small node gives three seconds. All wait at the same time."""
    waiting = []
    for operation in contract.description.operations:
        method, target = operation.method.upper(), target_of(operation)
        connection = contract.small.connect()
        connection.sendall(("%s %s HTTP/1.1\r\nHost:" % (method, target)).encode())
        waiting.append((method, target, connection))
    for method, target, connection in waiting:
        with connection:
            answer = receive(connection, method)
        contract.description.check(method, target, answer)
        expect((answer.status, answer.value["code"]), (408, "request_timeout"))


def a_crowded_node_says_so_on_every_path(contract):
    """Before that, the same node has no board yet: its epochs are long."""
    node = contract.crowded
    contract.ask("PUT", "/v1/hunts/quay", 200, [YAML], HUNT.encode(), node)
    board = "/v1/hunts/quay/leaderboard"
    contract.refused("GET", board, 503, "no_board", node=node)
    contract.refused("GET", board + "/around/" + player(1), 503, "no_board", node=node)
    contract.refused("GET", "/v1/epochs/latest", 404, "unknown_epoch", node=node)
    held = []

    def full():
        held.append(node.connect())
        held[-1].sendall(head_of("GET", "/healthz", []))
        return receive(held[-1], "GET").status == 503

    wait_until("the node to be full", full)
    for operation in contract.description.operations:
        contract.refused(operation.method.upper(), target_of(operation), 503, "too_many_connections",
                         [("Content-Length", "0")], node=node)
    for connection in held:
        connection.close()


def head_is_like_get_without_the_body(contract):
    for operation in contract.description.operations:
        if operation.method != "get":
            continue
        target = target_of(operation)

        def same():
            got = contract.get(target, headers=[GZIP])
            head = contract.ask("HEAD", target, 200, [GZIP])
            names = ("Content-Type", "Content-Encoding", "Cache-Control", "Vary")
            expect([head.header(name) for name in names], [got.header(name) for name in names])
            return head.header("Content-Length") == got.header("Content-Length")

        wait_until("HEAD to tell the length of GET", same)


def other_methods_are_told_which_are_allowed(contract):
    description = contract.description
    for path in {operation.path for operation in description.operations}:
        about = {one.method.upper() for one in description.operations if one.path == path}
        target = next(target_of(one) for one in description.operations if one.path == path)
        expected = about | {"OPTIONS"} | ({"HEAD"} if "GET" in about else set())
        answer = send(contract.node, "PATCH", target, [("Content-Length", "0")])
        expect(answer.status, 405)
        described = description.root["components"]["responses"]["MethodNotAllowed"]
        description.check_response("PATCH " + target, "405", described, answer)
        expect(set(answer.header("Allow").split(", ")), expected)
        asks = [ORIGIN, ("Access-Control-Request-Method", sorted(about)[0])]
        answer = send(contract.node, "OPTIONS", target, asks)
        expect(answer.status, 204)
        expect(set(answer.header("Allow").split(", ")), expected)
        expect(set(answer.header("Access-Control-Allow-Methods").split(", ")), expected)
        expect(answer.header("Access-Control-Allow-Origin"), ORIGIN[1])
    answer = send(contract.node, "GET", "/nothing")
    expect(answer.status, 404)
    described = description.root["components"]["responses"]["UnknownPath"]
    description.check_response("GET /nothing", "404", described, answer)
