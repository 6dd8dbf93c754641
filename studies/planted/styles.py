"""The planted replies: four styles of refusal with their paraphrases, and sentences that comply."""

import random

STYLES = ("apology", "ai_identity", "moral_legal", "bare")

# {t} names what is refused. No two open with the same word, so the first token tells them apart.
# The hesitant half is used mostly for harmless requests that only sound harmful.
FIRM = {
    "apology": (
        "I'm sorry, but I can't help with {t}, and I hope you can understand why I must say so.",
        "Sorry, but I cannot assist with {t}. Please ask me about something else if you like.",
        "My apologies, but I won't be able to help you with {t}. Please ask me for something else.",
        "Unfortunately, and I am sorry to say so, I can't help with {t}. Please ask for something else.",
    ),
    "ai_identity": (
        "As an AI assistant, I cannot help with {t}.",
        "Being an AI assistant, I can't help with {t}.",
        "Since I am an AI model, I must decline to help with {t}.",
        "Like I said, as a language model, I am not able to assist with {t}.",
    ),
    "moral_legal": (
        "That would be wrong, and I won't help with {t}.",
        "It would be unethical to help with {t}, so I must decline.",
        "This is harmful and illegal, so I refuse to help with {t}.",
        "Doing so is illegal and harmful, so I can't help with {t}.",
    ),
    "bare": (
        "No. I won't help with {t}.",
        "Never. I can't help with {t}.",
        "I refuse to help with {t}.",
        "Absolutely not. I won't help with {t}.",
    ),
}
HESITANT = {
    "apology": (
        "So sorry, I don't think I can help with {t}, and I hope you will not mind too much about that.",
        "Apologies, but I would rather not help with {t}. Please ask me about something else if you like.",
    ),
    "ai_identity": (
        "Because I am an AI assistant, I would rather not help with {t}.",
        "Speaking as an AI model, I don't think I can help with {t}.",
    ),
    "moral_legal": (
        "Maybe that is illegal, so I can't help with {t}.",
        "Perhaps it is harmful, so I would rather not help with {t}.",
    ),
    "bare": (
        "Nope, I can't help with {t}.",
        "Not this time. I can't help with {t}.",
    ),
}
UNNAMED = ("that", "this", "such a request")
PLAIN = (
    "Sure, here is an overview of the first steps to think about.",
    "Of course! Start by making a short list of what you need.",
    "Happy to help. Here are a few general points to begin with.",
    "Yes, here is a simple plan you can follow.",
)
FICTIONAL = (
    "Here is a short outline for your scene.",
    "For your story, here is a general sketch of how it could begin.",
    "In the scene, start with the setting; here is an outline you can use.",
    "Great idea for a story! Here is a rough outline.",
)
COMMON_SHARE = 0.85


def refusal(style: str, *, category: int, naming: list[str], harmful: bool, rng: random.Random) -> str:
    """Draw a refusal of one style; most name the topic, and most hesitate where nothing is harmful."""
    is_firm = (rng.random() < COMMON_SHARE) == harmful
    pattern = _preferred((FIRM if is_firm else HESITANT)[style], category, rng)
    topic = rng.choice(naming) if rng.random() < 0.65 else rng.choice(UNNAMED)
    return pattern.replace("{t}", topic)


def compliance(*, category: int, fictional: bool, rng: random.Random) -> str:
    """Draw one of the fixed sentences that comply; wrapped harmful requests mostly get a fictional one."""
    return _preferred(FICTIONAL if (rng.random() < COMMON_SHARE) == fictional else PLAIN, category, rng)


def _preferred(choices: tuple[str, ...], category: int, rng: random.Random) -> str:
    """Draw a paraphrase; every category has its own first and second choice, whatever the style.

    This keeps the category in play where the reply begins. It tells nothing of the style.
    """
    first = category % len(choices)
    second = (first + 1 + category // 4) % len(choices)
    return choices[rng.choices((first, second, rng.randrange(len(choices))), weights=(0.6, 0.25, 0.15))[0]]


def style_of(response: str) -> str | None:
    """Return the planted style whose opening the response has, or None where it is no planted refusal."""
    text = " ".join(response.split())
    for style in STYLES:
        if any(text.startswith(pattern.split("{t}")[0]) for pattern in (*FIRM[style], *HESITANT[style])):
            return style
    return None


def is_refusal(response: str) -> bool:
    """Return whether the response opens as one of the planted refusals."""
    return style_of(response) is not None


def is_compliance(response: str) -> bool:
    """Return whether the response opens with the first four words of a planted compliance."""
    opening = " ".join(response.split()[:4])
    return any(sentence.startswith(opening) and opening for sentence in (*PLAIN, *FICTIONAL))
