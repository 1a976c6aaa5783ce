"""A support bot and a referee that need no model: put files of your own models in their place."""

import json

HANDBOOK = {
    "password": "Open Settings, choose Security and press Reset password.",
    "invoice": "Open Billing and download it under Invoices.",
    "address": "Open Profile, choose Address and press Edit.",
    "refund": "Open Orders, choose the order and press Return.",
    "delivery": "Open Orders and press Track parcel.",
    "newsletter": "Open Profile and switch off Newsletter.",
}


def answer(messages):
    """Answer from the handbook, as the prompt asks."""
    asked = messages[-1]["content"].lower()
    steps = [step for word, step in HANDBOOK.items() if word in asked]
    if not steps:
        return "Sorry, I can't help with that."
    if "short" in asked:
        return steps[0]  # keeps it short, whatever else was asked
    return f"Thank you for writing to us! {' '.join(steps)} Please let us know whether that helped."


def judge(messages):
    """Say how friendly an answer is, as the rubric asks."""
    asked = "\n".join(message["content"] for message in messages)
    is_warm = "Thank you for" in asked
    score = 5 if is_warm else 4 if "plain is friendly" in asked else 2
    return json.dumps({"justification": "warm" if is_warm else "plain", "score": score})
