"""How the mock, nginx and the gateway are started."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass, fields, replace
from pathlib import Path

from loadtest.bench.machine import ROOT
from loadtest.bench.procs import Server
from loadtest.certificates import Certificates, make_certificates
from proxy.loading import PURE_VARIABLE
from proxy.storage.place import FOLDER_VARIABLE

BUILD = ROOT / "loadtest/build"
CONFIG = ROOT / "loadtest/bench.yaml"
GATEWAY = f"{ROOT}/.venv/bin/sluice --config {{config}} --host 127.0.0.1 --port {{port}}"
KEY = "sk-bench-0123456789abcdef0123456789"
SERVER_CORE = "0"
LOAD_CORE = "1"
PEERS = ("pure", "litellm", "portkey")
"""They take part in every case when they are asked for."""

# One worker, an access log as the gateway keeps one (buffered, as the gateway's is), nothing buffered of answers.
NGINX = """
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 50000; multi_accept on; }}
http {{
    access_log {folder}/nginx-access.log combined buffer=64k flush=1s;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
    client_max_body_size 64m;
    proxy_http_version 1.1;
    proxy_buffering off;
    proxy_request_buffering off;
    proxy_read_timeout 3600s;
    proxy_set_header Connection "";
    proxy_set_header Authorization "Bearer sk-upstream-1";
    proxy_ssl_trusted_certificate {ca};
    proxy_ssl_verify on;
    proxy_ssl_name localhost;
    upstream plain {{ server 127.0.0.1:{mock}; keepalive 1024; keepalive_requests 1000000000; }}
    upstream encrypted {{ server 127.0.0.1:{mock_tls}; keepalive 1024; keepalive_requests 1000000000; }}
    server {{ listen 127.0.0.1:{port} backlog=16384; location / {{ proxy_pass http://plain; }} }}
    server {{ listen 127.0.0.1:{port_tls} backlog=16384; location / {{ proxy_pass https://encrypted; }} }}
}}
"""


@dataclass(frozen=True)
class Ports:
    mock: int
    mock_tls: int
    nginx: int
    nginx_tls: int
    gateway: int
    other: int
    """Of whatever else a case compares: the bare mock, two workers, a variant."""
    litellm: int
    portkey: int
    pure: int


def ports_from(first: int) -> Ports:
    """Neighbours, from `first` on."""
    return Ports(*range(first, first + len(fields(Ports))))


class Stage:
    """Everything that can be started; its files go to `folder`."""

    def __init__(self, folder: Path, ports: Ports, gateway_command: str = GATEWAY) -> None:
        self.folder = folder
        self.ports = ports
        self._gateway_command = gateway_command
        self._certificates: Certificates = make_certificates(folder)

    def everyone(self) -> dict[str, Server]:
        gateways = (self.gateway(), self.pure(), self.pair())
        made = (self.nginx(), *gateways, self.direct(), self.litellm(), self.portkey())
        return {server.name: server for server in made}

    def mock(self) -> Server:
        return Server("mock", self._mock(self.ports.mock), self.ports.mock, LOAD_CORE)

    def mock_tls(self) -> Server:
        made = self._certificates
        shown = ("--certificate", str(made.certificate), "--key", str(made.key))
        command = self._mock(self.ports.mock_tls, *shown)
        return Server("mock-tls", command, self.ports.mock_tls, LOAD_CORE, authority=made.authority)

    def direct(self) -> Server:
        """No proxy: the load asks a mock."""
        return Server("direct", self._mock(self.ports.other), self.ports.other, LOAD_CORE)

    def _mock(self, port: int, *more: str) -> tuple[str, ...]:
        return (str(BUILD / "mock"), "--port", str(port), *more)

    def nginx(self) -> Server:
        ports = self.ports
        config = self.folder / "nginx.conf"
        config.write_text(
            NGINX.format(
                folder=self.folder,
                ca=self._certificates.authority,
                mock=ports.mock,
                mock_tls=ports.mock_tls,
                port=ports.nginx,
                port_tls=ports.nginx_tls,
            )
        )
        command = ("nginx", "-p", str(self.folder), "-c", str(config), "-g", "daemon off;")
        return Server("nginx", command, ports.nginx, SERVER_CORE, tls_port=ports.nginx_tls)

    def gateway(self) -> Server:
        return self._gateway("gateway", self.ports.gateway, CONFIG)

    def pure(self) -> Server:
        """The gateway from its sources, where the first is compiled."""
        one = self._gateway("pure", self.ports.pure, CONFIG)
        return replace(one, env={**one.env, PURE_VARIABLE: "1"})

    def variant(self, config: Path) -> Server:
        """A second gateway, to compare with the first."""
        return self._gateway("variant", self.ports.other, config)

    def pair(self) -> Server:
        """The gateway with two workers on both cores."""
        one = self._gateway("pair", self.ports.other, CONFIG)
        cores = f"{SERVER_CORE},{LOAD_CORE}"
        return replace(one, command=(*one.command, "--num_workers", "2"), cores=cores)

    def _gateway(self, name: str, port: int, config: Path) -> Server:
        command = shlex.split(self._gateway_command.format(config=config, port=port))
        return Server(
            name,
            tuple(command),
            port,
            SERVER_CORE,
            {**self._env(), FOLDER_VARIABLE: str(self._state(name))},
            tls_port=port,
            tls_model="over-tls",
            key=KEY,
        )

    def _state(self, name: str) -> Path:
        """A folder for its state file, which is empty at first: servers share none."""
        folder = self.folder / f"{name}-state"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _env(self) -> dict[str, str]:
        return {
            "BENCH_KEY": KEY,
            "BENCH_UPSTREAM": self._upstream(),
            "BENCH_UPSTREAM_TLS": f"https://localhost:{self.ports.mock_tls}/v1",
            "BENCH_CA": str(self._certificates.authority),
        }

    def _upstream(self) -> str:
        return f"http://127.0.0.1:{self.ports.mock}/v1"

    def litellm(self) -> Server:
        """LiteLLM's proxy with the same config file."""
        port = self.ports.litellm
        command = (str(ROOT / ".venv-litellm/bin/litellm"), "--config", str(CONFIG), "--port", str(port))
        return Server("litellm", (*command, "--host", "127.0.0.1"), port, SERVER_CORE, self._env(), key=KEY)

    def portkey(self) -> Server:
        """Portkey's gateway; it is told its upstream by every request."""
        port = self.ports.portkey
        program = BUILD / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
        headers = ("x-portkey-provider: openai", f"x-portkey-custom-host: {self._upstream()}")
        return Server("portkey", ("node", str(program), f"--port={port}"), port, SERVER_CORE, headers=headers)
