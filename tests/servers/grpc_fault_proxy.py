"""A proxy in front of a gRPC server that does harm on demand: fault_proxy.py for gRPC.

    with GrpcFaultProxy(server.endpoint) as proxy:
        proxy.inject(Code(grpc.StatusCode.UNAVAILABLE, times=2), "Commit")

It passes messages on as bytes and knows nothing of what they say, so that it stands in front of any server.
"""

from __future__ import annotations

import threading
from concurrent import futures
from dataclasses import dataclass
from typing import Any

import grpc

from tests.servers.fault_proxy import Corrupt, DropAfter, DropBefore, Fault, Silence, flipped_behind
from tests.servers.ports import free_port

_UNLIMITED = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass
class Code(Fault):
    """The request is not passed on; this is answered in its place."""

    code: grpc.StatusCode
    words: str = "injected"


@dataclass
class Late(Fault):
    """The server behind acts at once; its answer is passed on after so many seconds."""

    seconds: float = 0.5


@dataclass
class Hold(Fault):
    """The request (or its answer) is kept until the proxy is healed or closed; `held` is set when that begins."""

    after: bool = False  # the server behind has acted


class GrpcFaultProxy:
    """Listens on loopback from its making to its end. `passed` has the methods that reached the server, in order."""

    def __init__(self, target: str) -> None:
        self.passed: list[str] = []
        self.held = threading.Event()
        self._healed = threading.Event()
        self._injected: list[tuple[Fault, str]] = []
        self._lock = threading.Lock()
        self._channel = grpc.insecure_channel(target, options=_UNLIMITED)
        self._threads = futures.ThreadPoolExecutor(32)
        self._server = grpc.server(self._threads, options=[*_UNLIMITED, ("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((_Everything(self),))
        self.port = free_port()
        self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def inject(self, fault: Fault, method: str = "") -> None:
        """For the next `fault.times` calls of this method (""; of any)."""
        with self._lock:
            self._injected.append((fault, method))

    def heal(self) -> None:
        """No more faults; what is held goes on."""
        with self._lock:
            self._injected.clear()
        self._healed.set()

    def close(self) -> None:
        self._healed.set()
        self._server.stop(grace=None).wait()
        self._threads.shutdown()
        self._channel.close()

    def __enter__(self) -> GrpcFaultProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pass_on(self, path: str, message: bytes, context: grpc.ServicerContext) -> bytes:
        method = path.rsplit("/", 1)[-1]
        fault = self._next_fault(method)
        if isinstance(fault, Code):
            context.abort(fault.code, fault.words)
        if isinstance(fault, DropBefore):
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        if isinstance(fault, Silence):
            self._healed.wait()
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        if isinstance(fault, Hold) and not fault.after:
            self._hold()
        if isinstance(fault, Corrupt) and fault.behind is not None:
            message = flipped_behind(message, fault.behind)
        answer = self._forward(path, message, context)
        with self._lock:
            self.passed.append(method)
        if isinstance(fault, DropAfter):
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        if isinstance(fault, Late):
            self._healed.wait(fault.seconds)
        if isinstance(fault, Hold) and fault.after:
            self._hold()
        return answer

    def _hold(self) -> None:
        self.held.set()
        self._healed.wait()

    def _next_fault(self, method: str) -> Fault | None:
        with self._lock:
            for fault, of in self._injected:
                if of in ("", method) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def _forward(self, path: str, message: bytes, context: grpc.ServicerContext) -> bytes:
        call = self._channel.unary_unary(path)
        metadata = [(key, value) for key, value in context.invocation_metadata() if key.startswith("x-goog-")]
        try:
            return bytes(call(message, metadata=metadata, timeout=60))
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
            raise


class _Everything(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Takes every method there may be."""

    def __init__(self, proxy: GrpcFaultProxy) -> None:
        self._proxy = proxy

    def service(self, handler_call_details: Any) -> Any:
        path = handler_call_details.method
        return grpc.unary_unary_rpc_method_handler(lambda message, context: self._proxy.pass_on(path, message, context))
