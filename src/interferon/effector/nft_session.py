"""One long-lived `nft -j -i` over a pipe: a command is answered in a millisecond, where a process for each takes twenty. Called by `nft`.

Starts and stops that process; a line is one transaction, which the kernel takes in whole or not at all.
"""

import os
import select
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

TRIES: Final = 4  # of a question that changes nothing
ANSWER_S: Final = 10.0


class NftLost(Exception):
    """The process gave no answer: what was asked for may be done or not."""


class NftError(Exception):
    """nft said no, and nothing of the line was done. The text is its first line."""


class NftSession:
    """Started at the first question and again after it died. Thread-safe: one question at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = [*command, "nft", "-j", "-i"]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0

    def ask(self, line: str) -> str:
        """What nft printed for one line in its own language. NftError, NftLost."""
        if "\n" in line:
            raise NftError("a command is one line")
        with self._lock:
            try:
                text = self._exchange(line)
            except OSError as error:
                self._stop()
                raise NftLost(f"nft does not answer: {error.strerror or error}") from None
        if text.startswith("Error: "):
            raise NftError(text.partition("\n")[0].removeprefix("Error: "))
        return text

    def listed(self, line: str) -> list[dict[str, Any]]:
        """The objects that a `list` prints, without the metadata.

        A list changes nothing, so that it is asked again where nft broke: 1.0.6 now and then does so over the flags of a dormant table.
        """
        end, tries = time.monotonic() + ANSWER_S, TRIES
        while True:
            try:
                return self._listed(line)
            except NftLost:
                tries -= 1
                if not tries or time.monotonic() >= end:
                    raise

    def _listed(self, line: str) -> list[dict[str, Any]]:
        try:
            return msgspec.json.decode(self.ask(line), type=dict[str, list[dict[str, Any]]])["nftables"][1:]
        except (msgspec.MsgspecError, KeyError) as error:
            self.close()
            raise NftLost(f"nft printed what is not its JSON: {error}") from None

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _exchange(self, line: str) -> str:
        """nft prints nothing after a change that it took: a question about a table that cannot be there marks the end of its answer."""
        process = self._running()
        assert process.stdin
        assert process.stdout
        self._asked += 1
        mark = f"list table inet interferon_mark_{self._asked}"
        process.stdin.write(f"{line}\n{mark}\n".encode())
        text, end = b"", time.monotonic() + ANSWER_S
        echo = f"\n{mark}\n".encode()
        while not (echo in text and text.endswith(b"^\n")):
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))
            part = os.read(process.stdout.fileno(), 1 << 20) if ready else b""
            if not part:
                raise OSError(f"it ended or was silent for {ANSWER_S:g} s: {text[-200:].decode(errors='replace').strip()}")
            text += part
        body = text[: text.index(echo)].decode(errors="replace")
        return body[: body.rindex("Error: ")].strip()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._stop()
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program, its words from the effector's own file
                self._command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        process.kill()
        process.wait()
