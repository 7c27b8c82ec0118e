"""A load generator in a process of its own: so many clients ask, each as soon as it was answered; prints JSON.

    python bench/load.py URL CLIENTS REQUESTS FIRST

Every request is a text that was never asked before (numbered from FIRST), or the service would remember it.
"""

import asyncio
import json
import sys
import time

import httpx

WORDS = ("red", "navy", "wool", "linen", "long", "short", "dress", "coat", "skirt", "for", "summer", "winter")


def text(number: int) -> str:
    """Six words and the number in words of its own, so that no two are equal."""
    spelled = [WORDS[int(digit)] for digit in str(number)]
    return " ".join([*spelled, *(WORDS[(number * 7 + place) % len(WORDS)] for place in range(6))])


async def main(url: str, clients: int, requests: int, first: int) -> dict:
    numbers = iter(range(first, first + requests))
    seconds, codes = [], []
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(limits=limits, timeout=120) as client:

        async def ask() -> None:
            for number in numbers:
                start = time.perf_counter()
                answer = await client.post(url, json={"input": text(number), "encoding_format": "base64"})
                seconds.append(time.perf_counter() - start)
                codes.append(answer.status_code)

        start = time.perf_counter()
        await asyncio.gather(*(ask() for _ in range(clients)))
        took = time.perf_counter() - start
    return {"took": took, "seconds": seconds, "codes": codes}


if __name__ == "__main__":
    address, *counts = sys.argv[1:]
    print(json.dumps(asyncio.run(main(address, *map(int, counts)))))
