"""Prometheus: the newest value of each metric, for whoever asks this process. The only importer of prometheus_client.

The package is an extra. Requests are answered by threads, which read what the last line held: they take no part in
training, and it never waits for them.
"""

import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import time
from typing import Any

from trainer.config.errors import ConfigError
from trainer.config.log import LogConfig
from trainer.monitoring import Metrics
from trainer.monitoring.evaluated import Evaluated

_OF_PLAYERS = frozenset({"loss", "game", "gradient", "update", "lr", "average", "output"})
"""First parts of keys behind which a player, or a network, and then a term stand."""
_REQUEST_S = 10.0
"""How long a connection may take to ask, and to read."""


def require_port(config: LogConfig) -> None:
    """Raise ConfigError if the port is asked for and cannot be had."""
    if config.prometheus_port:
        _listen(config).close()


def _listen(config: LogConfig) -> socket.socket:
    host, port = config.prometheus_host, config.prometheus_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        remedy = f"{host}: {error.strerror or error}; use another, or 0 (off)."
        raise ConfigError("log.prometheus_port", port, remedy) from error


class PrometheusLogger:
    """Serves `/metrics` while a run trains: gauges `diptych_loss{player="generators", term="l1"}` and the like.

    Args:
        config: host and port.
        run: the run's name, in `diptych_run_info`.
        total: images of the whole run.
        position: images seen so far.

    Raises:
        ConfigError: the port cannot be had.
        ModuleNotFoundError: prometheus_client is missing.
    """

    def __init__(self, config: LogConfig, *, run: str, total: int, position: int) -> None:
        self._lock = threading.Lock()
        self._newest: dict[str, float] = {}
        self._alarms: dict[str, int] = {}
        self._run, self._total, self._position, self._heard_at = run, total, position, time()
        self._server = _open_server(config, self)
        threading.Thread(target=self._server.serve_forever, name="prometheus", daemon=True).start()

    def log(self, metrics: Metrics) -> None:
        with self._lock:
            self._position, self._heard_at = metrics["position"], time()
            self._newest |= {key: float(value) for key, value in metrics.items() if key != "position"}

    def picture(self, path: Path, position: int) -> None:
        """It has numbers alone."""

    def histograms(self, values: Mapping[str, Sequence[float]], position: int) -> None:
        """Their means are among the metrics."""

    def evaluated(self, found: Evaluated) -> None:
        """The process ends now."""

    def note(self, text: str, position: int) -> None:
        """For people; nothing to add."""

    def alarm(self, key: str, text: str, position: int) -> None:
        name = key.removeprefix("alarm/")
        with self._lock:
            self._alarms[name] = self._alarms.get(name, 0) + 1

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def collect(self) -> Iterator[Any]:
        """What prometheus_client asks for at each request."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        with self._lock:
            newest, alarms = dict(self._newest), dict(self._alarms)
            position, heard_at = self._position, self._heard_at
        yield InfoMetricFamily("diptych_run", "The run that trains here.", value={"run": self._run})
        yield CounterMetricFamily("diptych_images_seen", "Images that the run has seen.", value=position)
        yield GaugeMetricFamily("diptych_images_planned", "Images of the whole run.", value=self._total)
        yield GaugeMetricFamily("diptych_last_line_timestamp_seconds", "When the last line came.", value=heard_at)
        counter = CounterMetricFamily("diptych_alarms", "Alarms of this start of the run, by name.", labels=["name"])
        for name, times in alarms.items():
            counter.add_metric([name], times)
        yield counter
        yield from _gauges(newest, GaugeMetricFamily)


def _gauges(newest: Mapping[str, float], make: Any) -> Iterator[Any]:
    """One family for each first part of the keys."""
    families: dict[str, dict[str, float]] = {}
    for key, value in newest.items():
        head, _, rest = key.partition("/")
        families.setdefault(head, {})[rest] = value
    for head, values in families.items():
        labels = [*_labels(head, next(iter(values)))]
        family = make(f"diptych_{head}", f"Newest of {head}/ in metrics.jsonl.", labels=labels)
        for rest, value in values.items():
            family.add_metric([*_labels(head, rest).values()], value)
        yield family


def _labels(head: str, rest: str) -> dict[str, str]:
    """`loss`, `generators/l1` -> player and term; of what has no players the name alone; `lr`, `` -> neither."""
    if head not in _OF_PLAYERS:
        return {"name": rest}
    player, _, term = rest.partition("/")
    is_of_all = not term and head != "lr"  # gradient/ratio, whereas lr/generators is of one
    return {"player": "", "term": player} if is_of_all else {"player": player, "term": term}


def _open_server(config: LogConfig, collector: Any) -> Any:
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

    from prometheus_client.exposition import make_wsgi_app

    class Handler(WSGIRequestHandler):
        timeout = _REQUEST_S

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    class Server(socketserver.ThreadingMixIn, WSGIServer):
        daemon_threads = True

        def server_bind(self) -> None:
            """With the socket that is bound; without asking a name server for this host, which may not answer."""
            self.server_name, self.server_port = config.prometheus_host, config.prometheus_port
            self.setup_environ()

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever asked is gone."""

    server = Server((config.prometheus_host, config.prometheus_port), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = _listen(config)
    server.server_address = server.socket.getsockname()
    server.server_bind()
    server.set_app(make_wsgi_app(_registry(collector)))
    return server


def _registry(collector: Any) -> Any:
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    registry.register(collector)
    return registry
