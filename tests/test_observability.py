"""Other libraries on the same methods: the real ones, each in a process of its own.

OpenTelemetry, ddtrace and Sentry patch what we patch. Whatever the order of coming and going,
requests are answered while we are there, they keep seeing them, and our layer alone goes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

COMMON = """
import asyncio, sys, wrapt
from aiohttp import ClientSession
from aiohttp.connector import BaseConnector
from aiointercept_connector import InterceptConnector, aiointercept, injection

METHODS = [(ClientSession, "__init__"), (BaseConnector, "connect")]
BEFORE = [owner.__dict__[name] for owner, name in METHODS]
URL = "https://api.test/x"


def clean():
    return [owner.__dict__[name] is method for (owner, name), method in zip(METHODS, BEFORE)]


def ours():
    wrappers = [layer[2] for layer in injection._LAYERS]
    found = 0
    for owner, name in METHODS:
        layer = owner.__dict__[name]
        while hasattr(layer, "_self_wrapper"):
            found += layer._self_wrapper in wrappers
            layer = layer.__wrapped__
    return found


async def ask(mock):
    mock.get(URL, body="mock")
    async with ClientSession() as session, session.get(URL) as response:
        assert await response.text() == "mock"
    return mock.calls[-1].headers


async def main(order):
    mock, there = aiointercept(True), set()
    for step in order.split():
        if step == "them":
            on()
        elif step == "-them":
            off()
        elif step == "us":
            await mock.start()
        else:
            await mock.stop()
        there ^= {step.lstrip("-")}
        if "us" in there:
            before = seen()
            headers = await ask(mock)
            await asyncio.sleep(0.01)
            if "them" in there and "-" not in step:
                assert seen() > before, (step, "their layer did not see the request")
                assert HEADER in headers, (step, list(headers))
        else:
            assert ours() == 0, (step, "our layer is left")
            async with ClientSession() as session:
                assert not isinstance(session.connector, InterceptConnector), step
    print("clean", clean())


asyncio.run(main(sys.argv[1]))
"""

OPENTELEMETRY = """
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
instrumentor = AioHttpClientInstrumentor()
HEADER = "traceparent"


def on():
    instrumentor.instrument(tracer_provider=provider)


def off():
    instrumentor.uninstrument()


def seen():
    return len(exporter.get_finished_spans())
"""

DDTRACE = """
import os
os.environ["DD_INSTRUMENTATION_TELEMETRY_ENABLED"] = "false"
os.environ["DD_REMOTE_CONFIGURATION_ENABLED"] = "false"
import ddtrace
from ddtrace.contrib.internal.aiohttp.patch import patch as on, unpatch as off
from ddtrace.trace import TraceFilter, tracer

spans = []
HEADER = "x-datadog-trace-id"


class Keep(TraceFilter):
    def process_trace(self, trace):
        spans.extend(trace)
        return None


tracer.configure(trace_processors=[Keep()])


def seen():
    return len(spans)
"""

SENTRY = """
import sentry_sdk
from sentry_sdk.integrations.aiohttp import AioHttpIntegration

crumbs = []
HEADER = "sentry-trace"


def keep(crumb, hint):
    crumbs.append(crumb)
    return crumb


def on():
    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        traces_sample_rate=1.0,
        integrations=[AioHttpIntegration()],
        default_integrations=False,
        before_breadcrumb=keep,
        before_send_transaction=lambda event, hint: None,
        transport=lambda event: None,
    )
    sentry_sdk.start_transaction(name="test").__enter__()


def off():
    raise AssertionError("Sentry does not go")


def seen():
    return len(crumbs)
"""

# The order of coming and going, and whether the other library's own `unwrap` then leaves nothing
# on `ClientSession.__init__`. It pops what is on top; where that is ours, its own layer remains.
BOTH_WAYS = [
    ("them us -us -them", True),
    ("us them -them -us", True),
    ("them us -them -us", False),
    ("us them -us -them", True),
    ("us them -us us -them -us", False),
]


def run(prelude: str, order: str) -> str:
    """Go through *order* in a process of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", prelude + COMMON, order],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("order", "clean"), BOTH_WAYS)
def test_opentelemetry(order: str, clean: bool) -> None:
    """OpenTelemetry sees mocked requests, and its coming and going does not disturb ours."""
    pytest.importorskip("opentelemetry.instrumentation.aiohttp_client")
    assert f"clean {[clean, True]}" in run(OPENTELEMETRY, order)


@pytest.mark.parametrize(("order", "clean"), BOTH_WAYS)
def test_ddtrace(order: str, clean: bool) -> None:
    """Datadog's tracer sees mocked requests, and its coming and going does not disturb ours."""
    pytest.importorskip("ddtrace")
    assert f"clean {[clean, True]}" in run(DDTRACE, order)


@pytest.mark.parametrize("order", ["them us -us", "us them -us"])
def test_sentry(order: str) -> None:
    """Sentry, which never goes, sees mocked requests, and ours does nothing once it has gone."""
    pytest.importorskip("sentry_sdk")
    run(SENTRY, order)
