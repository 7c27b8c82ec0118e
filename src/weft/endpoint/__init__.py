"""Any OpenAI-compatible endpoint: many questions at once, paid once, within limits and a budget.

ledger = Ledger(price_in=0.15, price_out=0.60, budget=5.0)
for request, answer in complete(requests, Endpoint(url, model, key), Path("answers.jsonl"), ledger):
    ...
"""

from weft.endpoint.asked import Asked
from weft.endpoint.client import Client, Endpoint, Useless
from weft.endpoint.complete import answered, complete
from weft.endpoint.journal import Journal
from weft.endpoint.ledger import Estimate, Ledger, estimate
from weft.endpoint.wire import Answer, Request, picture

__all__ = [
    "Answer", "Asked", "Client", "Endpoint", "Estimate", "Journal", "Ledger", "Request", "Useless", "answered",
    "complete", "estimate", "picture",
]  # fmt: skip
