"""Patterns of the moves that lead on: to another topic, to help, to content, to the answer itself.

They belong to the rules of :mod:`unsinter.features.labelling.patterns`, whose version covers them.
"""

ADVERB = r"(?:(?:\w+ly|also|just|even|therefore|still|in good conscience|not in a position to),? ){0,3}"
I_OR_WE = r"\b(?:i|we)"

DOING = (
    r" to (?:help|assist|guide|support|walk) you (?:(?:to|in|with|through|by|as you) )?"
    r"(?!(?:\w+ )?(?:(?:an?|some|any|your|the|in) )?(?:stay|staying|be|being|remain|keep|safe|safely|positive"
    r"|healthy|legal|ethical|other|better|help|support|questions?|requests?|quer\w+|concerns?|needs?)\b)"
    r"(?:your\b|\w+ing\b|create|write|make|build|develop|plan|find|learn|understand|solve|prepare|get|improve"
    r"|design|draft|choose|cook|bake|set up|start|organi[sz]e|answer|explore|come up)"
)
"""To be here to help someone do what they named is to begin with it, not to say what else one is here for."""

ANSWER_SOURCES: dict[str, str] = {
    "redirect": (
        r"\binstead\b|\brather than\b|\balternative\w*\b|\b(?:i|we)(?:'d| would| can| could"
        r"| might)? (?:\w+ly )?(?:suggest|recommend|encourage|urge|advise|invite) (?!or\b|and\b)"
        r"|\b(?:let's|let us) (?:\w+ )?(?:focus|talk|explore|discuss|find|keep|instead)\b"
        r"|\bconsider (?:\w+ing|other|the|alternat)"
        r"|\b(?:focus|concentrate) on\b|\bit(?:'s| is) (?:\w+ )?(?:best|better|recommended|advisable"
        r"|essential|crucial|always) (?:\w+ )?to\b"
    ),
    "offer_other": (
        r"\b(?:if you (?:have|need|would like|'d like|want|are looking|'re looking)"
        r"|is there)[^.!?\n]{0,40}\b(?:questions?|topics?|assistance|help|else|other|information"
        r"|concerns?|different|support|happy)\b"
        rf"|\b(?:happy|glad|here(?!{DOING})|love|free|delighted|willing|pleased) to (?:help|assist"
        r"|answer|discuss"
        r"|talk|ask|provide|explore|support|share|offer|chat|listen)\b"
        r"|\bfeel free to\b|\blet me know\b|\bhow (?:else )?(?:can|may) i (?:help|assist)\b"
    ),
    "safety_resource": (
        r"\b(?:hotline|helpline|lifeline|988|911|emergency services|crisis (?:line|text|support|center)"
        r"|law enforcement|the police|authorities|mental health|counsel(?:or|ling)|therapist|trusted)\b"
        r"|\b(?:seek|get|contact|consult|reach out|speak|talk|turn|call"
        r"|see)\b[^.!?\n]{0,30}\b(?:professional|help|support|doctor|lawyer|attorney|veterinarian|advisor"
        r"|expert|specialist|physician|pharmacist)\b"
    ),
    "question_back": (
        r"\b(?:could|can|would|may|might|do|did|are|have|is|what|why|how|which)\b [^.!?\n]{0,20}\b(?:you"
        r"|your|i)\b[^.!?\n]{0,100}\?"
    ),
    "disclaimer": (
        r"\b(?:please )?(?:note|remember|keep in mind|be aware|bear in mind|caution|warning)\b(?: that"
        r"|:)?|\b(?:i am|i'm) not an? (?:\w+ )?(?:doctor|lawyer|professional|expert|attorney|therapist"
        r"|medical)\b"
        r"|\bnot (?:intended as |a substitute|constitute )|\bfor (?:educational|informational"
        r"|entertainment) purposes\b|\b(?:must|should|would like to|want to) (?:emphasi[sz]e|stress|note"
        r"|point out|clarify|caution|warn|remind)\b"
    ),
    "contrast": (
        r"(?<!sorry, )(?<!sorry )(?<!apologi[sz]e, )(?<!apologies, )(?<!unfortunately, )\b(?:but|however"
        r"|that said|that being said|with that said|nevertheless|nonetheless|although|though|yet|still"
        r"|on the other hand)\b"
    ),
    "offer_content": (
        rf"{I_OR_WE} (?:can|could|will|'ll|may|am able to|would be happy to|'d be happy to) {ADVERB}(?:help"
        rf"|provide|offer|give|share|explain|tell|suggest|walk|show|discuss|try|describe|outline|assist"
        rf"|point|do)\b(?! not)"
        r"|\bi'(?:ll|d|d be) (?:\w+ )?(?:help|provide|offer|give|share|explain|tell|suggest|walk|show|try"
        r"|happy)\b|\bhere(?:'s| is| are| comes)\b|\bbelow (?:is|are)\b"
        rf"|\bhere{DOING}"
        r"|\b(?:let me|allow me to) (?:help|explain|show|walk|share|give|tell|break)\b|\bfollowing\b"
        r"|\bwhat (?:i|you) can (?:do|share|offer|tell|say)\b|\bin general\b"
    ),
    "answer_start": (
        r"\A\W*(?:sure|certainly|of course|absolutely(?! not)|definitely(?! not)|yes|yep"
        r"|great (?:question|idea|choice)|good question|okay|ok\b|happy to|gladly|no problem|here(?:'s"
        r"| is| are)|below|step|first(?:ly)?\b|to (?!be\b)\w+"
        r"|title|dear|subject|once upon|the (?:following|answer|best|most|process|term|phrase|main|first"
        r"|easiest)|there (?:are|is) (?:several|many|a number|a few|various|some|numerous|different"
        r"|multiple|two|three|four|five|plenty|lots)|you (?:can|could|should|may|might|will))"
    ),
    "definition": (
        r"\A\W*(?:[^\s.!?]+ ){0,7}(?:is|are|was|were|refers? to|(?<!the )(?<!any )(?<!no )means|involves?"
        r"|includes?) (?:an? |the "
        r"|one |when|where|any|to\b|often|typically|generally|commonly|usually|known)"
    ),
    "steps": (
        r"\b(?:steps?|tips|ways|methods|options|suggestions|reasons|strategies|techniques|things|factors"
        r"|ideas|examples|instructions|recipe|guide)\b[^.!?\n]{0,60}(?::|you (?:can|could|should|may"
        r"|might))|\b(?:follow these|step 1|step one)\b"
    ),
    "list": r"(?:^|\n)[ \t]*(?:\d{1,2}[.)]|[-*\u2022\u2013+])[ \t]+\S",
    "heading": r"(?:^|\n)[ \t]*(?:#{1,6} |\*\*[^*\n]{2,80}\*\*)",
    "code": r"```|(?:^|\n)(?:import |def |class |#include|<html|select )|`[^`\n]+`",
}
"""Regular expression of each move, by name."""
