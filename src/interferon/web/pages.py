"""The screens that are looked at: Now, Incident, Plan, Zone, Pattern of life, and the JSON their drawings read. Changes nothing."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from starlette.templating import Jinja2Templates

from interferon.web import maps, tables, whatif, words
from interferon.web.figures import filters
from interferon.web.gate import Gate, Refused, Visitor
from interferon.web.view import Band, Source

ALL_CHARTS = 16  # of one entity's page
CHARTS = 4  # drawn on an incident's page; more would bury the first


class Pages:
    """Renders pages for a visitor. `changes` uses it to show a page again with the reason of a refusal."""

    def __init__(self, source: Source, gate: Gate, templates: Jinja2Templates) -> None:
        self.source = source
        self.gate = gate
        self.templates = templates
        self.timezone = ""

    def show(self, request: Request, visitor: Visitor, template: str, status: int = 200, **facts: Any) -> Response:
        """The page with what every page tells: who is here, what time it is, whether anything is carried out."""
        network = self.source.network
        if network.settings.timezone != self.timezone:
            self.timezone = network.settings.timezone
            self.templates.env.filters.update(filters(self.timezone))
        verbs = {verb for verb in ("approve", "veto", "verdict", "undo", "stop") if self.gate.may(visitor, verb)}
        context = {"visitor": visitor, "verbs": verbs, "network": network, "here": request.url.path, **facts}
        if "now" not in context and visitor.person:
            context["now"] = self.source.now()
        response = self.templates.TemplateResponse(request, template, context, status_code=status)
        self.gate.remember(request, response, visitor.session)
        return response

    def now(self, request: Request) -> Response:
        visitor = self.gate.enter(request, "view")
        network, now = self.source.network, self.source.now()
        return self.show(
            request,
            visitor,
            "now.html",
            now=now,
            cases=tables.cases(now),
            held=tables.in_force(now),
            back=tables.back(now),
            unusual=tables.out_of_order(network, now),
            zones=maps.zone_marks(network, now),
            lanes=maps.lane_marks(network, now),
        )

    def incident(self, request: Request, name: str, status: int = 200, refusal: str = "") -> Response:
        visitor = self.gate.enter(request, "view")
        view = self.source.incident(name)
        if view is None:
            raise Refused(404, f"There is no incident {name}.")
        bands = self._bands(view.bands[:CHARTS])
        return self.show(request, visitor, "incident.html", status, here=f"/incident/{name}", view=view, bands=bands, refusal=refusal)

    def _bands(self, wanted: Sequence[tuple[str, str]]) -> list[tuple[Band, tuple[tables.Excursion, ...], tuple[tables.Reading, ...]]]:
        found = (self.source.band(entity, signal) for entity, signal in wanted)
        return [(band, tables.excursions(band), tables.readings(band)) for band in found if band is not None]

    def life(self, request: Request, entity: str, status: int = 200, refusal: str = "") -> Response:
        visitor = self.gate.enter(request, "view")
        view = self.source.life(entity)
        if view is None:
            raise Refused(404, f"Nothing is known by {entity}.")
        asset = self.source.network.assets.get(entity.removeprefix("asset:")) if entity.startswith("asset:") else None
        facts: dict[str, Any] = {"view": view, "asset": asset, "refusal": refusal}
        bands = self._bands([(entity, signal) for signal in view.bands[:ALL_CHARTS]])
        return self.show(request, visitor, "life.html", status, here=f"/life/{entity}", bands=bands, **facts)

    def plan(self, request: Request, name: str, status: int = 200, refusal: str = "") -> Response:
        visitor = self.gate.enter(request, "view")
        view = self.source.plan(name)
        if view is None:
            raise Refused(404, f"There is no plan {name}.")
        chosen = view.decision.plan.alternatives[view.decision.alternative]
        rows = tables.choices(view.decision)
        facts: dict[str, Any] = {"view": view, "choices": rows, "chosen": chosen}
        facts["held"] = next((one.held for one in self.source.approvals() if one.decision.plan.id == name), "")
        facts["whatif"] = whatif.of_actions(chosen.actions, view.decision.plan.ttl_s, self.source.network)
        return self.show(request, visitor, "plan.html", status, here=f"/plan/{name}", refusal=refusal, **facts)

    def zone(self, request: Request, name: str) -> Response:
        visitor = self.gate.enter(request, "view")
        network, now = self.source.network, self.source.now()
        if name not in network.zones:
            raise Refused(404, f"There is no zone {name}.")
        known = maps.states(now)
        assets = sorted((network.assets[asset] for asset in network.assets_in[name]), key=lambda row: f"asset:{row.id}" not in known)
        conduits = [network.conduits[conduit] for conduit in network.conduits_of[name]]
        facts: dict[str, Any] = {"zone": network.zones[name], "mark": maps.zone_marks(network, now)[f"zone:{name}"], "states": known}
        return self.show(request, visitor, "zone.html", now=now, assets=assets, conduits=conduits, **facts)

    def flows(self, request: Request, said: str = "") -> Response:
        visitor = self.gate.enter(request, "view")
        view = self.source.flows()
        good = {each.feed.name for each in view.feeds if tables.well(each)}
        return self.show(request, visitor, "flows.html", here="/flows", view=view, good=good, said=said)

    def approvals(self, request: Request, status: int = 200, refusal: str = "") -> Response:
        visitor = self.gate.enter(request, "view")
        autonomy = self.source.autonomy()
        facts = {"waiting": self.source.approvals(), "stopped": autonomy.stopped or autonomy.beyond, "refusal": refusal}
        return self.show(request, visitor, "approvals.html", status, here="/approvals", **facts)

    def autonomy(self, request: Request, status: int = 200, refusal: str = "") -> Response:
        visitor = self.gate.enter(request, "view")
        facts = {"view": self.source.autonomy(), "levels": words.AUTONOMY, "refusal": refusal}
        return self.show(request, visitor, "autonomy.html", status, here="/autonomy", **facts)

    def network_json(self, request: Request, width: Annotated[float, Query(ge=100, le=8000)] = 1000.0) -> Response:
        self.gate.enter(request, "view")
        return _json(maps.network_map(self.source.network, self.source.now(), width))

    def lanes_json(self, request: Request) -> Response:
        self.gate.enter(request, "view")
        return _json(maps.lane_map(self.source.network, self.source.now()))

    def band_json(self, request: Request, entity: str, signal: str) -> Response:
        self.gate.enter(request, "view")
        band: Band | None = self.source.band(entity, signal)
        if band is None:
            raise Refused(404, f"There is no chart of {signal} on {entity}.")
        return _json(band)

    def router(self) -> APIRouter:
        router = APIRouter()
        add = partial(router.add_api_route, methods=["GET"], response_model=None)
        add("/", self.now)
        add("/incident/{name}", self.incident_page)
        add("/plan/{name}", self.plan_page)
        add("/zone/{name}", self.zone)
        add("/flows", self.flows_page)
        add("/approvals", self.approvals_page)
        add("/autonomy", self.autonomy_page)
        add("/life/{entity:path}", self.life_page)
        add("/map/network.json", self.network_json)
        add("/map/lanes.json", self.lanes_json)
        add("/band.json", self.band_json)
        return router

    def incident_page(self, request: Request, name: str) -> Response:
        return self.incident(request, name)

    def approvals_page(self, request: Request) -> Response:
        return self.approvals(request)

    def autonomy_page(self, request: Request) -> Response:
        return self.autonomy(request)

    def flows_page(self, request: Request) -> Response:
        return self.flows(request)

    def life_page(self, request: Request, entity: str) -> Response:
        return self.life(request, entity)

    def plan_page(self, request: Request, name: str) -> Response:
        return self.plan(request, name)


def _json(value: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
