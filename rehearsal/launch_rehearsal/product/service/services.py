"""Serve the product's four services over HTTP: gateway, constitutional AI, knowledge ocean, AI routing."""

from __future__ import annotations

import json
import time
from collections import defaultdict, deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_rehearsal.product.base.plan import NAMESPACE, SERVICES, Part, ProductPlan, job
from launch_rehearsal.product.service import logic
from launch_rehearsal.product.service.pages import ORIGINS, api_page, front_page, preflight

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.logs import Logs
    from launch_rehearsal.product.base.series import Store
    from launch_rehearsal.product.service.audit import Audit

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BURST = 12
WINDOW = 0.2
"""A client may send this many requests to a limited route in this many seconds."""
_BODY_LIMIT = 64 * 1024
_CLIENTS = ("service", "plain_user", "rate_limit_probe", "visitor")
HTTP_SERVER_ERROR = 500
_NEEDS: dict[Part, dict[str, Part]] = {
    Part.GATEWAY: {"database": Part.DATABASE, "redis": Part.REDIS},
    Part.CONSTITUTIONAL_AI: {"database": Part.DATABASE},
    Part.KNOWLEDGE_OCEAN: {"vectorDb": Part.KNOWLEDGE_OCEAN},
    Part.AI_ROUTING: {"redis": Part.REDIS, "llm": Part.MODELS},
}
"""What each service says in its health that it reaches."""
_REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The request that a service works for, which is logged by all of them."""


class Limiter:
    """Allow each client ``BURST`` requests in ``WINDOW`` seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = defaultdict(deque)

    def admits(self, client: str) -> bool:
        """Return whether one more request of this client is within the limit."""
        now, seen = time.monotonic(), self._seen[client]
        while seen and seen[0] < now - WINDOW:
            seen.popleft()
        if len(seen) >= BURST:
            return False
        seen.append(now)
        return True

    def forget(self) -> None:
        """Forget every request, as after a quiet while."""
        self._seen.clear()


class Services:
    """Run the four services; they call each other in this process, but each has a port of its own."""

    def __init__(self, plan: ProductPlan, health: Health, store: Store, audit: Audit, logs: Logs) -> None:
        self.plan, self.health, self.store, self.audit, self.logs = plan, health, store, audit, logs
        self.bytes_received = 0
        self.last_score: int | None = None
        self.limiter = Limiter()
        self._library = logic.library()
        self._cache: dict[str, dict[str, Any]] = {}
        self._begin_counters()

    def _begin_counters(self) -> None:
        """Create the counters at zero, so that their first increase is visible."""
        for part in SERVICES:
            self.store.count("http_requests_total", 0, namespace=NAMESPACE, job=job(part), status="200")
        for tier in logic.PRICES:
            self.store.count("ai_routing_requests_total", 0, namespace=NAMESPACE, tier=tier)
        for name in ("constitutional_ai_validation_count", "ai_routing_cache_hits_total"):
            self.store.count(name, 0, namespace=NAMESPACE)
        self.store.count("ai_routing_cache_misses_total", 0, namespace=NAMESPACE)
        self.store.count("ai_routing_cost_usd_total", 0, namespace=NAMESPACE)

    def apps(self) -> dict[Part, web.Application]:
        """Build the application of each service."""
        routes: dict[Part, list[web.RouteDef]] = {
            Part.GATEWAY: self._gateway(),
            Part.CONSTITUTIONAL_AI: [web.post("/validate", self._validate)],
            Part.KNOWLEDGE_OCEAN: [
                web.post("/embed", self._embed),
                web.post("/retrieve", self._retrieve),
                web.post("/inject", self._inject),
            ],
            Part.AI_ROUTING: [
                web.post("/classify", self._classify),
                web.post("/estimate", self._estimate),
                web.post("/route", self._route),
            ],
        }
        return {part: self._app(part, found) for part, found in routes.items()}

    def _app(self, part: Part, routes: list[web.RouteDef]) -> web.Application:
        app = web.Application(middlewares=[self._around(part)], client_max_size=_BODY_LIMIT)
        app.router.add_get("/health", self._health_of(part))
        app.add_routes(routes)
        return app

    def _gateway(self) -> list[web.RouteDef]:
        return [
            web.get("/", front_page),
            web.get("/docs", api_page),
            web.get("/api/v1/ping", self._ping),
            web.options("/api/v1/ping", preflight),
            web.get("/api/v1/courses", self._courses),
            web.get("/api/v1/status", self._status),
            web.get("/api/v1/me", self._me),
            web.get("/api/v1/admin/users", self._users),
            web.post("/api/v1/profile", self._profile),
            web.post("/api/ai/query", self._query),
        ]

    # ---- what is common to all ---------------------------------------------------------------------

    def _around(self, part: Part) -> Any:
        @web.middleware
        async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
            began = time.perf_counter()
            nonce = request.headers.get("X-Request-ID", "")
            _REQUEST_ID.set(nonce)
            answer = await self._answered(part, request, handler)
            self._count(part, request, answer.status, (time.perf_counter() - began) * 1000)
            if nonce:
                answer.headers["X-Request-ID"] = nonce
            return answer

        return around

    async def _answered(self, part: Part, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self.health.works(part):
            return web.json_response({"status": "unhealthy", "error": f"{part} is down"}, status=503)
        try:
            return await handler(request)
        except web.HTTPException as error:
            return web.json_response({"error": error.reason}, status=error.status)

    def _count(self, part: Part, request: web.Request, status: int, milliseconds: float) -> None:
        self.bytes_received += 200 + (request.content_length or 0)
        level = "error" if status >= HTTP_SERVER_ERROR else "info"
        request_id = request.headers.get("X-Request-ID", "")
        said = {"level": level, "path": request.path, "status": status, "request_id": request_id}
        self.logs.write({"namespace": NAMESPACE, "app": job(part)}, **said)
        route = getattr(request.match_info.route.resource, "canonical", None) or "none"
        name = job(part)
        self.store.count("http_requests_total", namespace=NAMESPACE, job=name, status=str(status))
        self.store.observe(
            "http_request_duration_ms", milliseconds, namespace=NAMESPACE, job=name, route=route
        )

    def _log(self, part: Part, what: str, about: str) -> None:
        labels = {"namespace": NAMESPACE, "app": job(part)}
        said = {"message": what, "about": logic.without_personal_data(about)}
        self.logs.write(labels, level="info", request_id=_REQUEST_ID.get(), **said)

    def _health_of(self, part: Part) -> Handler:
        async def health(_request: web.Request) -> web.Response:
            answer: dict[str, Any] = {"status": "healthy", "service": job(part), "release": self.plan.release}
            answer["dependencies"] = {
                name: "connected" if self.health.works(needed) else "unreachable"
                for name, needed in _NEEDS[part].items()
            }
            return web.json_response(answer)

        return health

    def _client(self, request: web.Request) -> str | None:
        """Return the client of the token, or None if it is unknown."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        known = {self.plan.tokens[name]: name for name in _CLIENTS}
        return known.get(token) if scheme == "Bearer" else None

    def _require(self, request: web.Request) -> str:
        client = self._client(request)
        if client is None:
            raise web.HTTPUnauthorized
        return client

    # ---- gateway -----------------------------------------------------------------------------------

    async def _ping(self, request: web.Request) -> web.Response:
        if not self.limiter.admits(self._client(request) or request.remote or ""):
            limited = {"error": "too many requests"}
            return web.json_response(limited, status=429, headers={"Retry-After": "1"})
        return web.json_response({"pong": True, "at": time.time()})

    async def _courses(self, _request: web.Request) -> web.Response:
        return web.json_response({"courses": [document.id for document in self._library[:5]]})

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response({job(part): self.health.works(part) for part in SERVICES})

    async def _me(self, request: web.Request) -> web.StreamResponse:
        client = self._client(request)
        if client is None:
            return _unauthorized()
        return web.json_response({"name": client})

    async def _users(self, request: web.Request) -> web.StreamResponse:
        client = self._client(request)
        if client is None:
            return _unauthorized()
        if client != "service":
            return web.json_response({"error": "administrators only"}, status=403)
        return web.json_response({"users": ["service", "plain_user", "visitor"]})

    async def _profile(self, request: web.Request) -> web.StreamResponse:
        session = request.cookies.get("session") == self.plan.tokens["session"]
        if not session and self._client(request) is None:
            return _unauthorized()
        # A browser's session is valid only with our own page as the origin (CSRF).
        if session and request.headers.get("Origin") not in ORIGINS:
            return web.json_response({"error": "cross-site request"}, status=403)
        return web.json_response({"saved": True})

    async def _query(self, request: web.Request) -> web.StreamResponse:
        if self._client(request) is None:
            return _unauthorized()
        query = await _field(request, "query")
        if query in self._cache:
            self.store.count("ai_routing_cache_hits_total", namespace=NAMESPACE)
            return web.json_response({**self._cache[query], "cached": True, "cost": 0})
        self.store.count("ai_routing_cache_misses_total", namespace=NAMESPACE)
        down = [part for part in SERVICES if not self.health.works(part)]
        if down:
            return web.json_response({"error": f"{down[0]} does not answer"}, status=502)
        answer = await self._answer(query)
        self._cache[query] = answer
        return web.json_response(answer)

    async def _answer(self, query: str) -> dict[str, Any]:
        tier = self._decided(query)
        found = self._found(query, 10) if tier != "LOCAL_LLM" else []
        internal = sum(document.internal for document, _ in found)
        best = found[0][0].text if found else "answered from general knowledge"
        judged = await self._judged(f"{query} {best}", query)
        self.store.count("ai_routing_requests_total", namespace=NAMESPACE, tier=tier)
        self.store.count("ai_routing_cost_usd_total", logic.PRICES[tier], namespace=NAMESPACE)
        return {
            "content": judged["metadata"]["privacyFilter"]["filteredOutput"],
            "routingTier": tier,
            "cached": False,
            "cost": logic.PRICES[tier],
            "metadata": {
                "internalSourcesCount": internal,
                "externalSourcesCount": len(found) - internal,
                "complianceScore": judged["complianceScore"],
            },
        }

    # ---- constitutional AI -------------------------------------------------------------------------

    async def _validate(self, request: web.Request) -> web.Response:
        self._require(request)
        return web.json_response({"validation": await self._judged(await _field(request, "content"))})

    async def _judged(self, content: str, query: str = "") -> dict[str, Any]:
        began = time.perf_counter()
        judged = logic.validate(content)
        milliseconds = (time.perf_counter() - began) * 1000
        self._log(Part.CONSTITUTIONAL_AI, "validated", content)
        self.store.count("constitutional_ai_validation_count", namespace=NAMESPACE)
        self.store.observe("constitutional_ai_validation_duration_ms", milliseconds, namespace=NAMESPACE)
        self.last_score = int(judged["complianceScore"])
        await self.audit.keep(content, judged, query)
        return judged

    # ---- knowledge ocean ---------------------------------------------------------------------------

    async def _embed(self, request: web.Request) -> web.Response:
        self._require(request)
        return web.json_response({"embedding": logic.embed(await _field(request, "text"))})

    async def _retrieve(self, request: web.Request) -> web.Response:
        self._require(request)
        found = self._found(await _field(request, "query"), 10)
        internal = sum(document.internal for document, _ in found)
        documents = [{"id": d.id, "score": round(score, 4), "text": d.text} for d, score in found]
        counts = {"internalCount": internal, "externalCount": len(found) - internal}
        return web.json_response({"documents": documents, **counts})

    async def _inject(self, request: web.Request) -> web.Response:
        self._require(request)
        query = await _field(request, "query")
        context = "\n".join(document.text for document, _ in self._found(query, 5))
        prompt = f"Context:\n{context}\n\nQuestion: {query}"
        return web.json_response({"prompt": prompt, "tokenCount": len(logic.words(prompt))})

    def _found(self, query: str, top: int) -> list[tuple[logic.Document, float]]:
        began = time.perf_counter()
        found = logic.retrieve(self._library, query, top)
        self._log(Part.KNOWLEDGE_OCEAN, "retrieved", query)
        milliseconds = (time.perf_counter() - began) * 1000
        self.store.observe("knowledge_ocean_retrieval_duration_ms", milliseconds, namespace=NAMESPACE)
        return found

    # ---- AI routing --------------------------------------------------------------------------------

    def _decided(self, query: str) -> str:
        began = time.perf_counter()
        tier = logic.TIERS[logic.classify(query)[0]]
        self._log(Part.AI_ROUTING, f"routed to {tier}", query)
        milliseconds = (time.perf_counter() - began) * 1000
        self.store.observe("ai_routing_decision_duration_ms", milliseconds, namespace=NAMESPACE)
        return tier

    async def _classify(self, request: web.Request) -> web.Response:
        self._require(request)
        name, sure = logic.classify(await _field(request, "query"))
        return web.json_response({"classifiedAs": name, "confidence": sure})

    async def _estimate(self, request: web.Request) -> web.Response:
        self._require(request)
        tier = self._decided(await _field(request, "query"))
        return web.json_response({"cheapestTier": tier, "estimatedCost": logic.PRICES[tier]})

    async def _route(self, request: web.Request) -> web.Response:
        self._require(request)
        return web.json_response({"tier": self._decided(await _field(request, "query"))})


def _unauthorized() -> web.Response:
    headers = {"WWW-Authenticate": 'Bearer realm="azora"'}
    return web.json_response({"error": "sign in first"}, status=401, headers=headers)


async def _field(request: web.Request, name: str) -> str:
    """Read one text of a JSON body; raises 400 if it is no JSON, 422 if the field is missing."""
    try:
        body = await request.json()
    except json.JSONDecodeError:
        raise web.HTTPBadRequest(reason="the body is no JSON") from None
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise web.HTTPUnprocessableEntity(reason=f"'{name}' is missing")
    return value
