"""One machine of the test plant, as a process in its network namespace: `plant_machine.py plc|poll|attack ADDRESS LOG`.

`plc` serves Modbus/TCP with a register that anybody may write; `poll` reads it, as MES and historian do; `attack` writes it through one
session that it keeps. Both note every try in LOG, as `TIME ok VALUE` or `TIME no REASON`, and connect again when one ends.
"""

import asyncio
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

PORT = 502
READ, WRITE = 3, 6
SILENCE_S = 0.5


def exchange(session: socket.socket, number: int, function: int, value: int) -> int:
    """One Modbus request on register 0; the value in its answer. OSError where none comes."""
    session.sendall(struct.pack(">HHHBBHH", number & 0xFFFF, 0, 6, 1, function, 0, value))
    answer = session.recv(260)
    if not answer:
        raise ConnectionError("closed")
    (found,) = struct.unpack(">H", answer[-2:])
    return int(found)


def talk(address: str, log: Path, function: int, every_s: float) -> None:
    number, session = 0, None
    with log.open("w", buffering=1) as out:
        while True:
            number += 1
            try:
                if session is None:
                    session = socket.create_connection((address, PORT), SILENCE_S)
                    out.write(f"{time.time():.4f} session {session.getsockname()[1]}\n")
                value = exchange(session, number, function, 1 if function == READ else 666)
                out.write(f"{time.time():.4f} ok {value}\n")
            except OSError as error:
                out.write(f"{time.time():.4f} no {error}\n")
                if session is not None:
                    session.close()
                session = None
            time.sleep(every_s)


def serve(address: str) -> None:
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    async def run() -> None:
        device = SimDevice(id=1, simdata=[SimData(0, values=[7, 7], datatype=DataType.REGISTERS)])
        server: Any = ModbusTcpServer(device, address=(address, PORT))
        await server.serve_forever()

    asyncio.run(run())


if __name__ == "__main__":
    role, where, log_file = sys.argv[1:4]
    if role == "plc":
        serve(where)
    else:
        talk(where, Path(log_file), WRITE if role == "attack" else READ, 0.02)
