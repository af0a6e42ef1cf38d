#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Servers as they are installed: several processes, all kinds of sockets, changes of user."""
# timeout: 120
import hashlib
import sys

from programs import check, equal, main, need

NGINX = """
worker_processes 2;
daemon off;
pid %(folder)s/nginx.pid;
error_log stderr crit;
events { worker_connections 256; }
http {
    access_log off;
    sendfile on;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    server { listen 80 reuseport; listen [::]:80 reuseport; root %(folder)s; }
    server { listen 8080; location / { proxy_pass http://127.0.0.1:80; } }
}
"""


def nginx_serves_and_relays_a_file(lab):
    need("nginx", "curl")
    file = lab.file("file", 5_000_000)
    (lab.folder / "nginx.conf").write_text(NGINX % {"folder": lab.folder})
    script = ("nginx -e stderr -c $PWD/nginx.conf & server=$!\n"
              "for i in 1 2 3 4 5 6 7 8 9; do curl -s http://127.0.0.1/ >/dev/null; "
              "[ $? -ne 7 ] && break; sleep 0.1; done\n"
              "for url in http://127.0.0.1 http://127.0.0.1:8080 'http://[::1]'; do\n"
              "  curl -sS $url/file | sha256sum\n"
              "done\n"
              "kill $server; wait")
    status, out, err = lab.run(None, "sh", "-c", script)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    equal(out.split(), [digest, "-"] * 3, f"{status} {err}")


def redis_answers_fifty_clients(lab):
    need("redis-server", "redis-benchmark", "redis-cli")
    script = ("redis-server --save '' >/dev/null & server=$!\n"
              "for i in 1 2 3 4 5 6 7 8 9; do redis-cli ping && break; sleep 0.1; done\n"
              "redis-benchmark -q -n 5000 -c 50 -t set,get\n"
              "redis-cli shutdown nosave; wait $server")
    status, out, err = lab.run(None, "sh", "-c", script)
    check(status == 0 and "PONG" in out and out.count("requests per second") >= 2,
          f"{status} {out} {err}")


if __name__ == "__main__":
    sys.exit(main(nginx_serves_and_relays_a_file, redis_answers_fifty_clients))
