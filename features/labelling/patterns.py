"""Patterns of the moves a response makes, from grammar: who speaks, which modal, which negation, which verb.

Every pattern runs on normalised text (lower case, straight apostrophes, quoted speech blanked), see
:mod:`unsinter.features.labelling.prose.text`. Raise ``RULES_VERSION`` whenever a pattern changes what it
matches.
"""

import re

from unsinter.features.labelling.answer_patterns import ADVERB as _ADVERB
from unsinter.features.labelling.answer_patterns import ANSWER_SOURCES, DOING
from unsinter.features.labelling.answer_patterns import I_OR_WE as _I
from unsinter.features.labelling.refusal_idioms import IDIOM_SOURCES

RULES_VERSION = "2026.11.5"

_I_AM = r"\b(?:i am|i'm|im|we are|we're|i remain|i was)"
_CANNOT = (
    rf"{_I} {_ADVERB}(?:cannot|can't|cant|can not|couldn't|could not|can {_ADVERB}not|may not|mustn't"
    rf"|must not|shouldn't|should not)"
)
_NOT_ABLE = (
    rf"{_I_AM} {_ADVERB}(?:unable|not {_ADVERB}(?:able|allowed|permitted|authori[sz]ed|equipped|capable"
    rf"|designed|programmed"
    r"|intended|supposed|meant|qualified|in a position))(?: to| of)?"
)
_DO_NOT = rf"{_I} {_ADVERB}(?:don't|do not|dont|did not|didn't|never)"
_WILL_NOT = (
    rf"(?:{_I} {_ADVERB}(?:won't|will {_ADVERB}not|will never)|{_I_AM} not (?:going"
    rf"|willing|prepared|inclined) to)"
)
_WOULD_NOT = rf"{_I} {_ADVERB}(?:wouldn't|would not|would never)"
"""With most verbs advice: what somebody would not do himself."""

IDIOM = (
    r"(?!help but\b|wait\b|stress\b|emphasi[sz]e\b|overstate\b|believe\b|imagine\b|thank\b|lie\b|judge\b"
    r"|sugar"
    r"|bore\b|keep you\b|take (?:long|much)\b|take up\b|spoil\b|repeat\b"
    r"|go into (?:too )?(?:much )?(?:more )?detail|hold back\b|recommend [^.!?\n]{0,30}\benough\b"
    r"|say enough|mind\b|blame\b|say enough\b|say for\b|forget\b|agree more\b)"
)
_ASSIST = (
    r"(?:help|assist|aid|provide|offer|give|share|fulfil\w*|comply|answer|respond|reply|generate|create"
    r"|write|produce|engage"
    r"|participate|discuss|complete|process|do (?:that|this|so|it)|continue|proceed|advise|facilitate"
    r"|guide|tell|teach|show"
    r"|explain|describe|disclose|reveal|make|comment|accommodate|entertain|carry|take part|be (?:a )?part"
    r"|be of|satisfy"
    r"|instruct|draft|compose|go along|go into|meet|act|role-?play|pretend|list|supply|walk|contribute"
    r"|cooperate|collaborate"
    r"|enable|handle|grant|honou?r|deliver|present|speak|talk|touch|execute|perform|plan|design|outline"
    r"|elaborate|translate"
    r"|joke|include|play|support you|be able to|send|publish|suggest|recommend)"
)
_MEANS = (
    r"(?: (?:the|any|an?|such|enough|sufficient|necessary|required|proper|legal|technical|physical))*"
    r" (?:ability|abilities|capability|capabilities|capacity|capacities|competence|means|power|authority"
    r"|authori[sz]ation|permission|option|right|expertise|qualifications?|training|tools|resources|way)"
    rf" (?:to|for|of) {_ADVERB}{_ASSIST}\b"
)
"""To have no means to help is to be unable to help, not to lack knowledge."""

_ENDORSE = (
    r"(?:condone|endorse|promote|encourage|support|recommend|suggest|advocate|approve|justify|agree with"
    r"|validate|tolerate"
    r"|glorify|perpetuate|celebrate)"
)
_KNOW = (
    r"(?:access|know|see|verify|find|browse|predict|diagnose|determine|confirm|view|track|look up"
    r"|retrieve|recall|remember"
    r"|hear|feel|experience|have|identify|tell you (?:who|what|where|when|whether|if)|guarantee|assess"
    r"|locate|obtain|reach)"
)
_BAD = (
    r"(?:ethical|legal|appropriate|acceptable|right|ok|okay|morally|safe|respectful|advisable|recommended"
    r"|responsible|moral|healthy"
    r"|fair|permissible|justifiable|justified|humane|constructive|productive|helpful|lawful|a good idea"
    r"|good|kind|allowed|wise)"
)
_WRONG = (
    r"(?:illegal|unethical|immoral|unlawful|inappropriate|harmful|dangerous|offensive|discriminatory"
    r"|disrespectful|hateful"
    r"|unacceptable|criminal|wrong|abusive|cruel|irresponsible|inhumane|reprehensible|derogatory"
    r"|defamatory|a (?:serious )?crime"
    r"|against the law|malicious|fraudulent|exploitative|racist|sexist|hurtful|violat\w+|abhorrent"
    r"|deplorable|punishable)"
)
_OPENING = r"(?:(?<=\A)|(?<=[.!?:\n] )|(?<=\n))"

_SOURCES: dict[str, str] = {
    "apology": (
        rf"{_I_AM} (?:\w+ly |so |very )?(?:sorry|afraid)\b(?! to (?:hear|learn|read)| for your| that you"
        rf"| you're| you are| you feel"
        r"| you have| about your)|\A\W*(?:so |very |oh,? )?(?:sorry|apologies)\b(?! to hear"
        r"| for your loss)|\bmy (?:sincere(?:st)? )?apologies\b"
        rf"|{_I} (?:\w+ )?apologi[sz]e\b|\bplease (?:forgive|excuse|accept my)\b|\bunfortunately\b"
        rf"|\bregret(?:tably|fully)?\b"
    ),
    "sympathy": (
        rf"{_I_AM} (?:\w+ly |so |very )?sorry (?:to (?:hear|learn|read)|for your|that you|you're|you are"
        rf"|you feel|you have|about your)"
        rf"|{_I} (?:\w+ )?(?:understand|realize|hear|see|appreciate|recogni[sz]e|get) (?:that |how |why "
        rf"|your |you\b)"
        r"|\bunderstandable\b|\bsounds like you\b|\bmust be (?:\w+ly )?(?:hard|difficult|painful|tough)"
    ),
    "inability": (
        rf"(?:{_CANNOT}|{_NOT_ABLE}) {_ADVERB}{IDIOM}{_ASSIST}\b"
        rf"|{_OPENING}\W*(?:sorry,? )?(?:but )?(?:(?:can't|cannot|unable to|not able to"
        rf"|won't) {_ASSIST}\b|no can do)"
        rf"|\b(?:can't|cannot|unable to|not able to) (?:help|assist|comply|fulfil\w*|support"
        rf"|provide) (?:you )?(?:with|in|that|this|your|any)\b"
        r"|(?:\bnot|n't|\bbeyond|\boutside|\bnothing)\b[^.!?\n]{0,30}\b(?:i can|i could|i'm able"
        r"|i am able|i should|we can) (?:\w+ly )?(?:to )?"
        rf"(?:\w+ )?(?:{_ASSIST}|do)\b"
        r"|\b(?:this|that|your|the) (?:request|question|content|prompt|topic) (?:cannot|can't|can not) be\b"
        rf"|(?:{_DO_NOT} (?:\w+ly )?(?:have|possess)"
        rf"|{_I} (?:\w+ly )?(?:have no|have not|haven't|lack)){_MEANS}"
    ),
    "inability_other": (
        rf"(?:{_CANNOT}|{_NOT_ABLE})(?! {_ADVERB}{IDIOM}(?:{_ASSIST}|{_KNOW}"
        rf"|{_ENDORSE})\b) {_ADVERB}{IDIOM}"
    ),
    "no_endorsement": (
        rf"(?:{_CANNOT}|{_NOT_ABLE}|{_DO_NOT}|{_WILL_NOT}|{_WOULD_NOT}) {_ADVERB}{IDIOM}{_ENDORSE}\b"
        rf"|{_I} (?:\w+ly )?(?:condemn|disagree|oppose|reject|denounce|discourage"
        rf"|(?:\w+ly )?advise against|urge you not|object)\b"
        r"|\b(?:do|does|did) not (?:\w+ly )?(?:condone|endorse|promote|support) (?:or|any|the|violence"
        r"|such|this|that|harm)"
    ),
    "decline": (
        rf"{_WILL_NOT} {_ADVERB}{IDIOM}(?!have\b|be surprised|worry\b|miss\b|know\b|bother\b|need\b"
        r"|say (?:it's|it is|that it|this is|they|there)\b|claim\b|deny\b|promise\b|rule out\b)"
        rf"|{_WOULD_NOT} {_ADVERB}(?:want to {_ASSIST}|feel (?:\w+ )?(?:comfortable|right)|be (?:able|willing"
        r"|comfortable|appropriate|right)|help|assist|provide|write|support|encourage|engage|participate|share"
        r"|generate|produce|create|discuss|comply|condone|promote)\b"
        rf"|{_I}(?:'ll| will| must| have to| need to| am going to|'m going to|'m gonna|'d| would| should"
        rf"|'ve got to)?(?: have to)? {_ADVERB}(?:like to |choose to )?"
        r"(?:(?:decline|refuse)(?!d)|refrain|abstain"
        r"|pass\b(?! (?:along|it|them|the|your|on (?:the|your|my|a)\b))"
        r"|say no|reject this|withhold|draw the line|steer clear"
        r"|stop (?:here|there))"
        rf"|{_I}(?:'ve| have) (?:to )?(?:declined|refused)\b"
        rf"|{_I}(?:'d| would)? (?:rather|prefer|choose|chose) (?:to )?not\b(?! (?:is|means) )"
        rf"|{_DO_NOT} (?:want|wish|feel (?:\w+ly )?(?:comfortable|right)|intend) "
        rf"|{_DO_NOT} (?!(?:usual|normal|general|typical|real)ly |often |always ){_ADVERB}{_ASSIST}\b"
        r"|\b(?:decline|refuse) to (?:help|assist|answer|provide|engage|write|participate|do)\b"
        rf"|{_I} (?:must|have to|need to) (?:be clear|stop you|draw)\b|\b(?:hard|firm) (?:no|pass)\b"
        rf"|\bturn (?:this|that|it|you|your \w+)(?: one)? down\b|{_I} (?:\w+ ){{0,3}}turn down\b"
        r"|\A\W*(?:nope|no way\b(?! (?:a?round|to|of|back|out|through|past)\b)|hell no"
        rf"|not (?:doing|happening|going to happen))\b|{'|'.join(IDIOM_SOURCES)}"
    ),
    "knowledge_limit": (
        rf"(?:{_CANNOT}|{_NOT_ABLE}) {_ADVERB}{_KNOW}\b"
        rf"|{_DO_NOT} (?:\w+ly )?(?:have|hold|possess|know|store|recall|retain)\b(?!{_MEANS})"
        rf"|{_I_AM} not (?:aware"
        rf"|sure|certain|familiar|privy)\b"
        rf"|{_I} (?:\w+ly )?(?:have no|lack|haven't|have not)\b(?!{_MEANS})"
        r"|\bnot (?:publicly|readily) (?:available"
        rf"|known|disclosed)\b"
        r"|\b(?:my|the) (?:knowledge|training data|training) (?:cutoff|only|is limited|does not|doesn't"
        r"|was)\b|\breal-?time (?:data|information|access)\b"
    ),
    "no_opinion": (
        rf"{_DO_NOT} (?:have|have have|hold|possess|form) (?:any )?(?:personal|feelings|emotions|opinions"
        rf"|beliefs|political|preferences|a (?:body|physical|personal))"
        r"|\bneutral (?:stance|position)\b"
    ),
    "ai_identity": (
        r"\bas an? (?:\w+ ){0,3}(?:ai|artificial intelligence|language model|llm|chatbot|assistant"
        r"|digital assistant|machine)\b"
        r"|\b(?:i am|i'm|being) (?:just |only |merely |simply )?an? (?:\w+ ){0,4}(?:ai"
        r"|artificial intelligence|language model|chatbot|assistant|machine|computer program|virtual)\b"
        r"|\b(?:developed|created|trained|made|built) by (?:\w+)\b(?=[^.!?\n]{0,20}(?:,| i | to ))"
    ),
    "policy": (
        r"\b(?:my|our|the|these|content|usage|safety|ethical|community|openai's|company"
        r"|strict) (?:\w+ ){0,2}(?:guidelines?|polic(?:y|ies)|programming|principles|values|terms"
        r"|standards|rules|safeguards|restrictions|boundaries)\b"
        rf"|\b(?:programmed|designed|trained|instructed|required|here(?!{DOING})) (?:\w+ )?to"
        r" (?:\w+ ){0,4}(?:respect"
        r"|promote|follow|provide|be|prioriti[sz]e|avoid|help|assist|adhere|prevent|ensure|refuse|not)\b"
        r"|\bgoes? against\b|\bmy (?:purpose|goal|role|responsibility|aim|intention) (?:is|as)\b"
        r"|\b(?:violates?|violation of|in violation)\b|\bterms of (?:service|use)\b"
    ),
    "moral_legal": (
        rf"(?:\bnot|\bnever|n't|\bneither)(?: \w+,?){{0,3}}? {_BAD}\b"
        rf"|\b(?:is|are|be|was|were|'s|considered|and|or|both|it's|that's) (?:\w+ly |also |both "
        rf"|considered |very |a |an ){{0,3}}{_WRONG}\b"
        r"|\b(?:serious|criminal) (?:crime|offen[cs]e|legal)\b|\bviolat(?:es?|ion|ing)\b|\bno (?:moral"
        r"|ethical|legal) (?:justification|basis)\b"
        r"|\b(?:unethical|illegal|immoral|harmful|dangerous|hateful|discriminatory) (?:and|or|activit\w+"
        r"|behaviou?r|action\w*|content|act\w*|practice\w*|stereotype\w*)\b"
        r"|\b(?:never|not) (?:the answer|the solution|a solution|acceptable|okay|justified|an option)\b"
    ),
    "not_recommended": (
        r"\b(?:not|never|n't|strongly|highly) (?:\w+ly )?(?:advis(?:e|able|ed)|recommend(?:ed)?"
        r"|encouraged|discouraged?|wise|a good idea|safe)\b"
    ),
    "respect_norm": (
        r"\bimportant to (?:always )?(?:respect|treat|promote|prioriti[sz]e|recogni[sz]e|consider"
        r"|remember|note|understand|approach|avoid|seek|be|acknowledge|maintain|foster|address)\b"
        r"|\b(?:everyone|everybody|every (?:human|person|individual)|all (?:people|individuals|living"
        r"|humans|human beings)|individuals) (?:\w+ )?(?:deserves?|should|has|have|are|must|regardless)\b"
        r"|\bregardless of (?:their|his|her|race|age|gender|religion|who)\b|\b(?:dignity|equality"
        r"|inclusiv\w+|consent|empathy|compassion)\b"
    ),
    "correction": (
        r"\b(?:there (?:is|are|was|were|'s)|there's) (?:absolutely |simply |currently )?no(?:t a| such|ne"
        r"| \w+){0,1}(?: \w+){0,2} (?:evidence|reason|basis|justification|benefits?|truth|way|such|proof"
        r"|record|fact|factual|support)\b"
        r"|\bnot (?:\w+ly )?(?:accurate|true|correct|possible|factual\w*|coherent|meaningful|valid"
        r"|a valid|the case|real|based on|supported|capable|right|better|weaker|inferior|superior)\b"
        r"|\b(?:misconception|myth|false|inaccurate|untrue|baseless|unfounded|incorrect|flawed"
        r"|nonsensical|hypothetical|fictional|imaginary|stereotyp\w+|generali[sz]\w+|mischaracteri\w+"
        r"|conspiracy)\b"
        r"|\b(?:assumption|premise|question itself|the idea that|the notion that|the claim that"
        r"|contrary to|clarify that|point out that|does(?:n't| not) exist|do(?:n't| not) exist)\b"
        r"|\bi (?:don't|do not) (?:think|believe) (?:it's|it is|that|this|there)\b"
    ),
    "negated_claim": (
        r"\A\W*(?:no\b[,.!]|absolutely not|definitely not|of course not|(?!(?:i|we|as|i'm|sorry"
        r"|unfortunately|while)\b)(?:[^\s.!?,]+ ){1,9}(?:is|are|was|were|should|do|does|did|can|could|has"
        r"|have|will|would) (?:\w+ )?(?:not|never)\b)"
        r"|\A\W*(?!(?:i|we|as|i'm|sorry|unfortunately|while)\b)(?:[^\s.!?,]+ ){1,9}(?:isn't|aren't|wasn't"
        r"|weren't|shouldn't|don't|doesn't|didn't|can't|cannot|won't)\b|\A\W*there (?:is|are|was|were) no\b"
    ),
}

MOVES: dict[str, re.Pattern[str]] = {
    name: re.compile(source) for name, source in (_SOURCES | ANSWER_SOURCES).items()
}
"""Pattern of each move, in the order features are numbered."""

LAYOUT_MOVES = frozenset({"list", "heading", "code"})
"""Moves of layout, looked for in the text with its markdown, not in prose."""
