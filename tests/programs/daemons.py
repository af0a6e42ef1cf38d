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


NODE_SERVER = """
require('http').createServer((request, response) => {
    let n = 0;
    request.on('data', data => n += data.length);
    request.on('end', () => response.end('got ' + n + ' from ' + request.socket.remoteAddress));
}).listen(80, () => console.log('ready'));
"""

NODE_CLIENT = """
const request = require('http').request({host: '10.7.0.1', port: 80, method: 'POST'}, response =>
    response.on('data', data => console.log('' + data)));
request.end(Buffer.alloc(2000000));
"""


def node_posts_two_megabytes_to_node(lab):
    need("node")
    server = lab.host("10.7.0.1/24", "node", "-e", NODE_SERVER)
    equal(server.stdout.readline(), b"ready\n", "the server")
    status, out, err = lab.run("10.7.0.2/24", "node", "-e", NODE_CLIENT)
    equal((status, out), (0, "got 2000000 from ::ffff:10.7.0.2\n"), err)


if __name__ == "__main__":
    sys.exit(main(nginx_serves_and_relays_a_file, redis_answers_fifty_clients,
                  node_posts_two_megabytes_to_node))
