# An older service in the pair layout: the RPC half of oldsite, whose UI half is
# nginx. It speaks JSON-RPC, has an OpenRPC document and no manifest.
import http.server
import json
import os
import socketserver

SOCKET = os.path.join(os.environ["HERO_SOCKET_DIR"], "oldsite_server.sock")
DOCUMENT = {
    "openrpc": "1.2.6",
    "info": {"title": "Old site", "version": "0.9.0"},
    "methods": [{
        "name": "page_count",
        "summary": "Counts the pages.",
        "params": [],
        "result": {"name": "count", "schema": {"type": "integer"}},
    }, {
        "name": "whoami",
        "params": [],
        "result": {"name": "context", "schema": {"type": "string"}},
    }],
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/openrpc.json":
            self.answer(200, DOCUMENT)
        elif self.path == "/health":
            self.answer(200, {"status": "ok", "service": "oldsite", "version": "0.9.0"})
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self):
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        results = {
            "page_count": 3,
            "rpc.discover": json.dumps(DOCUMENT),  # as a string, as some do
            "whoami": self.headers.get("X-Hero-Context", ""),
        }
        if call["method"] not in results:
            self.answer(200, {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32601, "message": "no such method"}})
            return
        self.answer(200, {"jsonrpc": "2.0", "id": call["id"], "result": results[call["method"]]})


class UnixServer(socketserver.ThreadingUnixStreamServer):
    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("unix", 0)


if os.path.exists(SOCKET):
    os.unlink(SOCKET)
os.umask(0o177)
UnixServer(SOCKET, Handler).serve_forever()
