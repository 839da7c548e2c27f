#!/usr/bin/env python3
"""A collector of traces for tests: prints its port, then each document of POST /v1/traces, a line
each. With --hang it reads requests and never answers."""
import http.server
import sys
import threading


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "--hang" in sys.argv:
            print("hangs", flush=True)
            threading.Event().wait()
        if self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json":
            print(body.decode(), flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
