"""What a benchmark cannot tell, each limit with its number."""

from collections.abc import Mapping

BRANDS = 30
"""Unseen brands below which the card says how few they are."""


def limits(facts: Mapping) -> list[str]:
    """Sentences for the card, from what `benchmark.json` holds."""
    parts, gallery = facts["statistics"], facts["gallery"]
    queries = sum(one["queries"] for one in parts.values())
    suffice = sum(one["words"]["long"]["from_30_to_60"] for one in parts.values())
    told = ["Queries are written by rule from attributes: no shopper typed them, and their grammar is a list of words."]
    if suffice < queries:
        told.append(
            f"{suffice:,} of {queries:,} long queries have 30 to 60 words; of the others the catalogue states no more, "
            "and they were not filled up."
        )
    told.append(
        "Titles hold many of the words that queries are made of, so BM25 over titles scores high; the corpus is "
        "embedded by its pictures alone."
    )
    if not facts.get("judged"):
        told.append(
            "Answers follow from what the catalogue says of its products. What it says wrongly or leaves out is wrong "
            "here: nobody has judged a pool of results yet (weft pool, weft judge, weft build --judgements)."
        )
    told.append(
        "Left out are products that 8 words cannot single out, or whose words fit another's title: what remains is "
        "easier to tell apart than the whole catalogue is."
    )
    for name, one in parts.items():
        if name.endswith("zero-shot") and one["brands"] < BRANDS:
            told.append(
                f"{name}: its {one['queries']:,} queries are of {one['brands']} unseen brands; queries of a brand "
                "stand or fall together, and so the score is one on these brands."
            )
    if gallery["products"] < gallery["of"]:
        share = f"{gallery['products']:,} of {gallery['of']:,} products"
        told.append(f"The gallery is {share}, and so easier than the whole catalogue.")
    if gallery["more_pictures_left_out"]:
        told.append(f"{gallery['more_pictures_left_out']:,} products have more pictures than the one that is shown.")
    if seen := gallery["open_to_training"]:
        told.append(
            f"Products that are right, or have a duplicate, and were open to the shop's own training: {seen:,}."
        )
    return told
