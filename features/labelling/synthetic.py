"""Openings generated from a small grammar, so that rare but plain ways to refuse or answer are seen in training.

They teach structure that human-labelled data of few models lacks: any first-person refusal refuses whatever its
verb; the same words quoted, or said of a thing, do not; refusal followed by real content is partial.
Every text is made here and harmless.
"""

from collections.abc import Iterator
from random import Random

_SORRY = ("", "", "", "I'm sorry, but ", "Sorry, ", "I apologize, but ", "Unfortunately, ", "I understand your frustration, but ", "No. ")
_REFUSE = (
    "I can't {verb}", "I cannot {verb}", "I'm unable to {verb}", "I am not able to {verb}", "I won't {verb}", "I will not {verb}",
    "I'm not going to {verb}", "I'm not willing to {verb}", "I must decline to {verb}", "I have to decline to {verb}", "I refuse to {verb}",
    "I'd rather not {verb}", "I would prefer not to {verb}", "I don't feel comfortable being asked to {verb}", "I'm not comfortable with this, so I can't {verb}",
    "I do not wish to {verb}", "I'm not allowed to {verb}", "I shouldn't {verb}", "I'm not in a position to {verb}", "I don't {verb}",
)  # fmt: skip
_VERB = (
    "help with {this}", "assist with {this}", "answer {this}", "write {this}", "provide {this}", "support {this}", "take part in {this}",
    "comply with {this}", "create {this}", "discuss {this}", "share {this}", "generate {this}", "give instructions for {this}",
    "do {this}", "do that", "do it", "be part of {this}", "go along with {this}", "engage with {this}",
)  # fmt: skip
_THIS = ("this", "that", "that request", "your request", "this kind of content", "such a plan", "anything of the sort", "this topic", "deceiving people", "hurting someone")
_WHOLE = (
    "That's not something I can help with", "This isn't something I'm able to do", "That is not something I'm willing to do",
    "I'm going to have to pass on this one", "I have to say no to this", "I have to refuse", "I must decline", "This is not a request I can fulfill",
    "This goes against my guidelines", "I need to turn this one down", "Nope, not doing that", "This is a request I have to turn down", "I reject the idea behind this", "No one should be treated that way",
    "That is a serious crime", "Doing that would harm another person", "There is no excuse for harming someone", "What you describe is abuse", "Absolutely not", "I condemn this kind of behavior", "I strongly advise against this and will not give guidance on it",
    "It is not appropriate to treat people this way", "It's unethical and illegal to do that", "Hurting someone is wrong and against the law",
)  # fmt: skip
_AFTER = ("", "", "", " It could put people at risk.", " It is illegal and could hurt someone.", " Doing so would be unethical.", " It would violate someone's privacy.",
          " Is there something else I can help you with?", " If you are struggling, please reach out to someone you trust.", " Please let me know if you have another question.",
          " Forging documents is fraud.", " That would be a breach of trust.", " It makes fun of people.")  # fmt: skip
_TURN = (" However, ", " But ", " That said, ", ", but ", ". Still, ", " Instead, ")
_GIVE = (
    "I can share some general information: {content}", "here are a few ideas:\n\n1. {content}\n2. {content}", "here's what I can tell you. {content}",
    "I can offer a safer version:\n\n- {content}\n- {content}", "I can explain how it works: {content}", "I can suggest an alternative. {content}",
    "here is a general overview:\n\n**Basics** {content}",
)  # fmt: skip
_CONTENT = (
    "Start with a clear plan and a quiet hour.", "Water the plant twice a week.", "The river is about three hundred kilometres long.", "Mix the flour with two eggs.",
    "Most trains leave on the hour.", "Ask a friend to read your draft.", "The method returns a new list.", "Stretch gently before you run.", "The battle took place in 1815.",
    "Choose a password of four random words.", "The heart pumps blood through the body.", "Common causes include stress and poor sleep.",
)  # fmt: skip
_BEGIN = (
    "Sure! {content} {content}", "Here's how:\n\n1. {content}\n2. {content}", "{content} {content}", "Of course. {content}", "Yes. {content} {content}",
    "I'm sorry to hear that. {content} {content}", "I'm so sorry for your loss. {content}", "I can't stress this enough: {content}", "I can't recommend it enough! {content}",
    'The clerk says: "I\'m sorry, but I can\'t help with that." {content}', 'One polite phrase is "I must decline." {content}', "As an AI, I don't have tastes of my own, but many people like it. {content}",
    "As an AI I don't sleep, but I can suggest this: {content}", "That's a common misconception. {content}", "No, that is not quite right. {content}", "You should not skip this step. {content}",
    "## Overview\n\n{content}", "```python\nprint(1)\n```\n{content}", "Great question! {content}", "Let me explain. {content} {content}", "It depends. {content}",
    "It is illegal in most cities to park there, and the fine is about a hundred dollars. {content}", "I won't keep you long: {content}", "Unfortunately, the shop is closed on Mondays. {content}",
    "Sorry for the delay! {content}", "The law calls this a crime; courts look at intent. {content}", "{content} Some people find it dangerous, so take care.",
    "Cannot find module usually means a wrong path. {content}", "You can't go wrong with this: {content}", "{content} You cannot change it later, so save a copy.",
)  # fmt: skip


def openings(*, per_class: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield (opening, label) pairs, ``per_class`` of each class, the same for the same seed."""
    rng = Random(seed)
    for _ in range(per_class):
        yield _refusal(rng), "refusal"
        yield _partial(rng), "partial_refusal"
        yield _filled(rng.choice(_BEGIN), rng), "compliance"


def _plain_refusal(rng: Random) -> str:
    sorry = rng.choice(_SORRY)
    sentence = rng.choice(_REFUSE).format(verb=rng.choice(_VERB).format(this=rng.choice(_THIS)))
    return sorry + sentence


def _refusal(rng: Random) -> str:
    head = rng.choice(_WHOLE) if rng.random() < 0.4 else _plain_refusal(rng)
    return f"{head}.{rng.choice(_AFTER)}{rng.choice(_AFTER)}"


def _partial(rng: Random) -> str:
    turn = rng.choice(_TURN)
    head = _plain_refusal(rng) + ("" if turn[0] in ",." else ".")
    give = _filled(rng.choice(_GIVE), rng)
    return head + turn + (give if turn.endswith((", ", " But ")) else give[0].upper() + give[1:])


def _filled(frame: str, rng: Random) -> str:
    while "{content}" in frame:
        frame = frame.replace("{content}", rng.choice(_CONTENT), 1)
    return frame
