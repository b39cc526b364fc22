#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Somebody who is told: prints a line for each alert, and says thank you.

   receiver.py HOST:PORT
"""

import http.server
import json
import sys


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for alert in json.loads(body)["alerts"]:
            labels = alert["labels"]
            print(labels["alertname"], "of", labels["service"] + "/" +
                  labels["project"], "is", alert["status"], flush=True)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words):
        pass


host, port = sys.argv[1].rsplit(":", 1)
http.server.HTTPServer((host, int(port)), Receiver).serve_forever()
