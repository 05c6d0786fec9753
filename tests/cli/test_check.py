"""Where `hel status --check` asks: read without the models where that is plain, and never otherwise than by them."""

import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hel.cli.check import listening
from hel.cli.inquiry import Listening
from hel.config.load import load_global
from hel.errors import ConfigError

SOURCES = "sources: {a: {url: 'https://api.example.com/'}}\n"
E = "HEL_GLOBAL__SERVER"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "global: {server: {enabled: true}}\n",
        "global: {server: {enabled: TRUE, host: localhost}}\n",
        "global: {server: {enabled: true, host: 0.0.0.0, port: 9090, token_env: T}}\n",
        "global: {server: {enabled: true, host: '::', port: 9}}\n",
        "global: {server: {enabled: true, host: '0:0::1', port: '${PORT:-99}'}}\n",
        "global: {server: {enabled: 'true', port: 0x50}}\n",
        "global: {server: {enabled: yes}}\n",
        "global: {server: {enabled: true, port: 70000}}\n",
        "global: {server: {enabled: true, port: 08080}}\n",
        "global: {server: {enabled: true, port: }}\n",
        "global: {server: {enabled: true, ports: 1}}\n",
        "global: {server: [1]}\n",
        "global: {server: }\n",
        "global: \n",
        "global: 5\n",
        "x: [\n",
    ],
)
@pytest.mark.parametrize(
    "environ",
    [
        {},
        {f"{E}__ENABLED": "true", f"{E}__HOST": "0.0.0.0", f"{E}__PORT": "8081"},  # noqa: S104
        {f"{E}__ENABLED": "false", f"{E}__PORT": ""},
        {f"{E}__ENABLED": "1"},
        {f"{E}__PORTS": "1"},
        {E: '{"enabled": true, "port": 5}'},
        {f"{E}__port": "77"},
    ],
)
def test_it_asks_where_the_models_say(tmp_path: Path, text: str, environ: dict[str, str]) -> None:
    path = tmp_path / "hel.yaml"
    path.write_text(text + SOURCES)

    def place(read: Callable[[Path, dict[str, str]], Listening]) -> object:
        try:
            found = read(path, environ)
        except ConfigError as error:
            return error.problems
        return found.enabled, found.host, found.port

    assert place(listening) == place(lambda *where: load_global(*where).server)


def test_a_plain_server_is_asked_without_the_models_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "hel.yaml").write_text("global: {server: {enabled: true, port: 9}}\n" + SOURCES)
    code = (
        "import sys\nfrom hel.cli import main\nsys.argv = ['hel', 'status', '--check']\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    print(ended.code)\n"
        "print(sorted({'httpx', 'hel.config.models', 'rich', 'anyio', 'sqlite3', 'structlog'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env={"PATH": ""}
    )
    assert done.stdout.splitlines() == ["1", "[]"], done.stderr
    assert "http://127.0.0.1:9 does not answer" in done.stderr


@pytest.mark.parametrize(("status", "code"), [(200, 0), (404, 1), (500, 1)])
def test_only_a_200_is_an_answer_of_one_that_is_alive(tmp_path: Path, status: int, code: int) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.handle_request, daemon=True).start()
        path = tmp_path / "hel.yaml"
        path.write_text(f"global: {{server: {{enabled: true, port: {server.server_port}}}}}\n{SOURCES}")
        hel = Path(sys.executable).with_name("hel")
        done = subprocess.run([hel, "status", "--check", "-c", path], capture_output=True, check=False, timeout=30)
    assert done.returncode == code, done.stderr.decode()
