"""One HTTP POST to a signing service, bounded in time and size whatever the other end does."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

__all__ = ["BoundedAnswer", "NoAnswer", "bounded_post"]

#: Largest answer that is read, in bytes; a signature or a public key takes a hundredth of it.
MAX_ANSWER = 65_536


class NoAnswer(Exception):
    """Nothing usable came back. The text says why and shows nothing of what was sent."""


@dataclass(frozen=True)
class BoundedAnswer:
    """Status, headers and at most MAX_ANSWER bytes."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def bounded_post(url: str, headers: Mapping[str, str], body: bytes, *, seconds: float) -> BoundedAnswer:
    """The answer within `seconds` in all. NoAnswer otherwise; redirects are answers, and none is followed."""
    # Proxies and .netrc of the environment must not see or change what is signed.
    client = httpx2.Client(timeout=seconds, trust_env=False, follow_redirects=False)
    arrived: queue.SimpleQueue[BoundedAnswer | NoAnswer] = queue.SimpleQueue()

    def work() -> None:
        try:
            arrived.put(_asked(client, url, headers, body))
        except NoAnswer as error:
            arrived.put(error)
        except httpx2.TimeoutException:
            arrived.put(NoAnswer(f"no answer within {seconds:g} s"))
        # RuntimeError: the client was closed below while it still read.
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, RuntimeError) as error:
            arrived.put(NoAnswer(f"not reachable ({type(error).__name__})"))

    # A thread of its own: an answer that drips a byte now and then outlasts every read timeout.
    threading.Thread(target=work, name="signing service", daemon=True).start()
    try:
        answer = arrived.get(timeout=seconds)
    except queue.Empty:
        answer = NoAnswer(f"no answer within {seconds:g} s")
    finally:
        client.close()
    if isinstance(answer, NoAnswer):
        raise answer
    return answer


def _asked(client: httpx2.Client, url: str, headers: Mapping[str, str], body: bytes) -> BoundedAnswer:
    # No encoding, and raw bytes: a small answer must not unfold into a large one.
    plain = {**headers, "Accept-Encoding": "identity"}
    with client.stream("POST", url, content=body, headers=plain) as response:
        data = b""
        for chunk in response.iter_raw():
            data += chunk
            if len(data) > MAX_ANSWER:
                raise NoAnswer(f"the answer is larger than {MAX_ANSWER} bytes")
        return BoundedAnswer(response.status_code, list(response.headers.items()), data)
