"""The screen *Plan*: what closing things would come to, before anything is closed. Looks only: nothing is carried out or kept on record.

The question stands in the address, so that the page works without script and can be sent to somebody. The closure table answers at once;
the plan and the trade-off are computed by `planner`, and the page asks again until they are there.
"""

from functools import partial
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response

from interferon.flow.plan import Plan
from interferon.flow.plan_table import TABLES, as_csv
from interferon.flow.problem import Snapshot
from interferon.model.errors import InputError
from interferon.web import curve, maps, whatif
from interferon.web.gate import Refused
from interferon.web.pages import Pages
from interferon.web.planner import Planner, Sheet
from interferon.web.whatif import Asked

WAIT_S: Final = 2.0  # for the plan, before the page says that it is being computed
AGAIN_S: Final = 2  # until the page asks again
ORDERS: Final = 12  # shown at first
BUSY: Final = "Another what-if is being computed; one is computed at a time."

Close = Annotated[list[str], Query(default_factory=list)]


class WhatIf:
    def __init__(self, pages: Pages, planner: Planner, wait_s: float = WAIT_S) -> None:
        self.pages = pages
        self._planner, self._wait_s = planner, wait_s

    def page(self, request: Request, close: Close, until: str = "", every: bool = False) -> Response:
        visitor = self.pages.gate.enter(request, "view")
        network = self.pages.source.network
        snapshot = self._planner.snapshot()
        asked = self._asked(close, until, snapshot)
        sheet = self._sheet(asked, snapshot) if asked.closed else None
        facts: dict[str, Any] = {
            "asked": asked,
            "groups": whatif.groups(network, asked.closed),
            "sheet": sheet,
            "busy": BUSY if asked.closed and sheet is None else "",
            "again": AGAIN_S,
            "every": every,
            "start": (snapshot if sheet is None else sheet.snapshot).now,
            "atonce": self.pages.source.closure(asked.closed) if asked.closed else None,
            "usual": self.pages.source.closure(()),
            **self._found(asked, sheet),
        }
        response = self.pages.show(request, visitor, "whatif.html", 503 if facts["busy"] else 200, here="/whatif", **facts)
        if facts["busy"]:
            response.headers["retry-after"] = str(AGAIN_S)
        return response

    def _found(self, asked: Asked, sheet: Sheet | None) -> dict[str, Any]:
        """What there is by now. Whether that is all is asked first: what comes meanwhile would else be missed for good."""
        done = sheet is None or sheet.done.is_set()
        if sheet is None or sheet.plan is None:
            return {"done": done, "plan": None}
        drawn = None if sheet.curve is None else curve.drawn(sheet.curve, asked.until)
        return {"done": done, "curve": drawn, **self._told(asked, sheet.plan)}

    def _told(self, asked: Asked, plan: Plan) -> dict[str, Any]:
        network = self.pages.source.network
        flows = whatif.lane_flows(plan, network.settings.horizon_days)
        known = dict(whatif.taken(network, asked, plan.time))
        return {
            "plan": plan,
            "affected": whatif.affected(plan),
            "first": ORDERS,
            "counts": whatif.counts(plan),
            "lanes": maps.marked_lanes(network, known, flows),
            "taken": known,
        }

    def lanes_json(
        self,
        request: Request,
        side: Literal["before", "after"],
        close: Close,
        until: str = "",
    ) -> Response:
        """The goods on each lane, before the closure or under the plan."""
        self.pages.gate.enter(request, "view")
        asked, plan = self._plan(close, until)
        network = self.pages.source.network
        flows = whatif.lane_flows(plan, network.settings.horizon_days)
        known = dict(whatif.taken(network, asked, plan.time)) if side == "after" else {}
        drawn = maps.drawn_lanes(network, known, flows if side == "after" else whatif.unchanged(flows))
        return Response(msgspec.json.encode(drawn), media_type="application/json")

    def rows_csv(self, request: Request, table: str, close: Close, until: str = "") -> Response:
        """All orders, shipments, transfers or production of the plan."""
        self.pages.gate.enter(request, "view")
        if table not in TABLES:
            raise Refused(404, f"There is no table {table} of a plan; there are {', '.join(TABLES)}.")
        _, plan = self._plan(close, until)
        name = {"content-disposition": f'attachment; filename="{table}.csv"'}
        return Response(as_csv(getattr(plan, table), TABLES[table]), media_type="text/csv", headers=name)

    def _asked(self, close: list[str], until: str, snapshot: Snapshot) -> Asked:
        try:
            return whatif.asked(self.pages.source.network, close, until, snapshot.now)
        except InputError as error:
            raise Refused(400, str(error)) from None

    def _sheet(self, asked: Asked, snapshot: Snapshot) -> Sheet | None:
        source = self.pages.source
        suspicion = whatif.suspicion(source.network, asked.closed, source.now())
        question = Sheet(source.network, snapshot, asked.closed, asked.until_h, suspicion)
        return self._planner.sheet(question, self._wait_s)

    def _plan(self, close: list[str], until: str) -> tuple[Asked, Plan]:
        """The question and its plan, or a refusal that says why there is none, or none yet."""
        snapshot = self._planner.snapshot()
        asked = self._asked(close, until, snapshot)
        if not asked.closed:
            raise Refused(400, "name what is closed: close=zone:ID, close=node:ID")
        sheet = self._sheet(asked, snapshot)
        if sheet is None or not sheet.planned.is_set():
            raise Refused(503, BUSY if sheet is None else "The plan is being computed; ask again in a moment.")
        if sheet.plan is None:
            raise Refused(409, sheet.refusal)
        return asked, sheet.plan

    def router(self) -> APIRouter:
        router = APIRouter()
        add = partial(router.add_api_route, methods=["GET"], response_model=None)
        add("/whatif", self.page)
        add("/whatif/lanes.json", self.lanes_json)
        add("/whatif/{table}.csv", self.rows_csv)
        return router
