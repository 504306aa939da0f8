"""The actions that ship with the product, one file each. `ACTIONS` is the table the runtime and the plugin loader start from."""

from typing import Final

from interferon.act.protocol import Action
from interferon.actions import (
    cut_conduit,
    disable_client,
    disable_identity,
    fail_over,
    freeze_process,
    hold_transaction,
    isolate_asset,
    isolate_zone,
    kill_process,
    lock_writes,
    notify_partner,
    open_ticket,
    revoke_sessions,
    roll_back_config,
    roll_back_setpoint,
    send_message,
)

_MODULES = (
    *(isolate_asset, isolate_zone, cut_conduit, fail_over, disable_identity, hold_transaction, disable_client, revoke_sessions),
    *(lock_writes, roll_back_setpoint, roll_back_config, freeze_process, kill_process, open_ticket, send_message, notify_partner),
)

ACTIONS: Final[dict[str, Action]] = {module.ACTION.name: module.ACTION for module in _MODULES}
