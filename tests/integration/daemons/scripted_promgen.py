# SPDX-License-Identifier: Apache-2.0
"""A Promgen and a prommgr that answer in the shapes of the originals
(line/promgen rest.py and rest_v2.py, vpetersson/prommgr restapi)."""

import base64
import http.server
import json
import threading
import urllib.parse

TOKEN = "c0ffee"
USER = "admin:secret"

TARGETS = [
    {"labels": {"__farm_source": "promgen", "__scheme__": "http",
                "__shard": "tokyo", "farm": "front", "job": "node",
                "project": "web", "service": "shop"},
     "targets": ["[2001:db8::1]:9100", "web-1:9100"]},
    {"labels": {"__farm_source": "promgen", "__metrics_path__": "/snmp",
                "__param_module": "if_mib", "__param_target": "switch-1",
                "__scheme__": "https", "__shard": "tokyo", "farm": "front",
                "job": "snmp", "project": "web", "service": "shop"},
     "targets": ["[2001:db8::1]:9116", "web-1:9116"]},
]
URLS = [
    {"labels": {"__param_module": "http_2xx", "__shard": "tokyo",
                "job": "http_2xx", "project": "web", "service": "shop"},
     "targets": ["https://example.com/"]},
]
RULES = """\
groups:
- name: promgen.example.com
  rules:
  - alert: Down
    annotations:
      rule: http://promgen.example.com/rule/1
      summary: down
    expr: up{project!~"web"} == 0
    for: 5m
    labels:
      severity: page
- name: shop » web
  rules:
  - alert: Down_web
    annotations:
      rule: http://promgen.example.com/rule/2
    expr: up{project="web",} == 0
    for: 1m
    labels:
      project: web
      service: shop
"""

SERVICE = {"id": 2, "name": "shop", "description": "sells", "owner": "ann",
           "owner_id": 5}
SHARD = {"id": 3, "name": "tokyo", "url": "http://prom.example.com:9090",
         "proxy": True, "enabled": True, "samples": 5000000,
         "targets": 10000}


def farms(count):
    return [{"id": 10 + n, "project": f"p{n}", "project_id": 10 + n,
             "remote": False, "name": "f1", "source": "promgen"}
            for n in range(count)]


class ScriptedPromgen:
    def __init__(self, projects=3):
        self.projects = projects
        self.asked = []
        self.tokens = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                owner.answer(self)

            def log_message(self, format, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def lists(self):
        names = [f"p{n}" for n in range(self.projects)]
        projects = [{
            "id": 10 + n, "name": name, "description": "", "owner": "ann",
            "owner_id": 5, "service": SERVICE, "shard": SHARD,
            "farm": {"id": 10 + n, "name": "f1", "source": "promgen"}}
            for n, name in enumerate(names)]
        return {
            "shards": [SHARD],
            "probes": [{"id": 1, "module": "http_2xx",
                        "description": "Default http check"}],
            "services": [SERVICE],
            "projects": projects,
            "farms": farms(self.projects),
            "exporters": [{
                "id": 1, "project": "p0", "project_id": 10, "job": "node",
                "port": 9100, "path": "", "scheme": "http", "enabled": False},
                {"id": 2, "project": "p0", "project_id": 10, "job": "snmp",
                 "port": 9116, "path": "/snmp?module=if_mib",
                 "scheme": "https", "enabled": True}],
            "urls": [{"id": 1, "project": "p0", "probe": "http_2xx",
                      "url": "https://example.com/"}],
            "rules": [
                {"id": 1, "content_name": "promgen.example.com",
                 "content_type": "site", "object_id": 1, "name": "Down",
                 "clause": "up{<exclude>} == 0", "duration": "5m",
                 "enabled": True, "labels": {"severity": "page"},
                 "annotations": {"summary": "down"}, "description": "",
                 "parent": None},
                {"id": 2, "content_name": "p0", "content_type": "project",
                 "object_id": 10, "name": "Down_p0",
                 "clause": 'up{project="p0",<exclude>} == 0',
                 "duration": "1m", "enabled": False,
                 "labels": {"project": "p0", "service": "shop"},
                 "annotations": {}, "description": "", "parent": 1}],
            "notifiers": [
                {"id": 1, "owner": "ann", "label": "", "alias": "",
                 "sender": "promgen.notification.webhook",
                 "value": "http://hook.example.com/1", "object_id": 2,
                 "enabled": True, "content_type": "service",
                 "filters": [{"id": 1, "name": "severity",
                              "value": "page"}]},
                {"id": 2, "owner": "ann", "label": "", "alias": "ops",
                 "sender": "promgen.notification.slack", "value": None,
                 "object_id": 10, "enabled": True, "content_type": "project",
                 "filters": []},
                {"id": 3, "owner": "ann", "label": "", "alias": "",
                 "sender": "promgen.notification.email",
                 "value": "ann@example.com", "object_id": 2,
                 "enabled": True, "content_type": "service",
                 "filters": []}],
        }

    # --- answering ----------------------------------------------------------

    def answer(self, handler):
        parts = urllib.parse.urlsplit(handler.path)
        self.asked.append(handler.path)
        self.tokens.append(handler.headers.get("Authorization"))
        status, kind, body = self.find(parts.path, dict(
            urllib.parse.parse_qsl(parts.query)), handler)
        data = body.encode() if isinstance(body, str) else json.dumps(
            body, indent=2, sort_keys=True).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def find(self, path, query, handler):
        if path == "/api/v1/targets":
            return 200, "application/json", TARGETS
        if path == "/api/v1/urls":
            return 200, "application/json", URLS
        if path == "/api/v1/rules":
            return 200, "application/x-yaml", RULES
        if path.startswith("/rest/v2/"):
            if handler.headers.get("Authorization") != f"Token {TOKEN}":
                return 401, "application/json", {
                    "detail": "Invalid token."}
            return self.page(path[len("/rest/v2/"):], query, handler)
        return 404, "text/html", "<h1>Not Found</h1>"

    def page(self, path, query, handler):
        parts = path.split("/")
        if len(parts) == 3 and parts[0] == "farms" and parts[2] == "hosts":
            nth = int(parts[1])
            found = [{"id": 100 * nth + n, "name": name, "farm": "f1"}
                     for n, name in enumerate(("[2001:db8::1]",
                                               f"web-{nth}"))]
        else:
            found = self.lists().get(path)
        if found is None:
            return 404, "application/json", {"detail": "Not found."}
        # smaller than what is asked for, so that pages are turned
        number, size = int(query.get("page_number", 1)), 2
        first = (number - 1) * size
        more = first + size < len(found)
        host = handler.headers["Host"]
        link = f"http://{host}/rest/v2/{path}?page_number="
        return 200, "application/json", {
            "count": len(found),
            "next": f"{link}{number + 1}" if more else None,
            "previous": f"{link}{number - 1}" if number > 1 else None,
            "results": found[first:first + size]}


class ScriptedPrommgr(ScriptedPromgen):
    SERVERS = [
        {"id": 3, "server_ip": "192.0.2.3", "server_port": 9100,
         "comment": "the third", "deleted": False,
         "created_at": "2017-03-25T10:00:00.000000Z",
         "updated_at": "2017-03-25T10:00:00.000000Z"},
        {"id": 2, "server_ip": "2001:db8::2", "server_port": 9200,
         "comment": "", "deleted": False,
         "created_at": "2017-03-24T10:00:00.000000Z",
         "updated_at": "2017-03-24T10:00:00.000000Z"}]

    def find(self, path, query, handler):
        good = "Basic " + base64.b64encode(USER.encode()).decode()
        if path != "/api/servers":
            return 404, "text/html", "<h1>Not Found</h1>"
        if handler.headers.get("Authorization") != good:
            return 401, "application/json", {
                "detail": "Authentication credentials were not provided."}
        return 200, "application/json", self.SERVERS
