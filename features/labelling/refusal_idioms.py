"""Refusals that name neither an inability nor a will: a line, a limit, comfort, an answer that is no.

They belong to the rules of :mod:`unsinter.features.labelling.patterns`, whose version covers them. Each needs
somebody who speaks of himself or of the request, since lines are crossed and limits passed in answers too.
"""

from unsinter.features.labelling.answer_patterns import I_OR_WE as _I

_ADVERB = r"(?:(?:\w+ly|just|also|really|ever|still|simply|even) ){0,2}"
_DEED = (
    r"(?:help|assist|aid|support|provid|offer|giv|shar|fulfil|compl|answer|respond|reply|generat|creat|writ"
    r"|produc|engag|participat|discuss|process|continu|proceed|facilitat|guid|tell|teach|show|explain"
    r"|describ|disclos|reveal|accommodat|entertain|satisf|instruct|draft|compos"
    r"|contribut|cooperat|collaborat|enabl"
    r"|grant|deliver|perform|outlin|elaborat|translat|play|tak(?:e|ing) (?:on|part)|touch"
    r"|get (?:behind|into)|getting (?:behind|into)|go(?:ing)? (?:into|along|near|there|down)|lend"
    r"|condon|endors|indulg"
    r"|oblig|weigh in|join|advis|back|pursu|be (?:a )?part|put (?:together|my)|dig|say yes|agree to|spell out"
    r"|lay out|sign off)"
)
"""Stems of what somebody asks an assistant to do."""

_READY = (
    r"(?:able|allowed|permitted|willing|prepared|comfortable|going|ready|happy|here|designed|meant|supposed"
    r"|at liberty|at ease|in a position|okay|ok|programmed|built|inclined|up)"
)
_ENDS = r"(?=\W*(?:\Z|[.!?;,\n]| and i\b| so i\b| but\b))"
_I_WOULD_DO = (
    rf"{_I} {_ADVERB}(?:can|could|will|would|may|should|shall|do) {_ADVERB}(?:be )?{_DEED}"
    rf"|{_I}(?:'ll|'d) {_ADVERB}(?:be )?{_DEED}|{_I} (?:can|will|could) {_ADVERB}do\b|{_I}'ll {_ADVERB}do\b"
    rf"|{_I}(?:'m| am|'re| are) {_ADVERB}(?:{_READY}\b|{_DEED}\w*ing\b)"
    rf"|{_I} {_ADVERB}(?:do|engage|support|write|help|produce|participate|touch|entertain){_ENDS}"
)
"""What follows a noun that it qualifies: "something *I'll assist with*"."""

_REQUEST = (
    r"(?:request|topic|question|subject|conversation|discussion|task|prompt|story|scene|scenario|line|road"
    r"|path|area|direction|place|project|matter|content|role|game)"
)
_MY_RULES = (
    r"my (?:\w+ ){0,2}(?:guidelines|principles|values|rules|polic(?:y|ies)|ethics|programming|purpose"
    r"|code)\b"
)
_OFF = (
    r"(?:off the table|out of the question|off[- ]limits|not an option|not happening|a non-starter|a no-go)"
)
_LINE = (
    r"cross(?:es|ed|ing)? (?:(?:a|an|the|my|our|some|several|clear|ethical|legal|moral|safety|hard|red"
    r"|serious|important|certain) ){0,3}(?:lines?|boundar(?:y|ies))\b"
)

IDIOM_SOURCES: tuple[str, ...] = (
    # This isn't something I'll assist with; not a topic I engage with; nothing here is something I'd write.
    (
        rf"(?:\bnot|n't|\bnever) {_ADVERB}(?:something|anything|one|a thing|a line|the (?:sort|kind"
        r"|type) of \w+"
        rf"|an? (?:\w+ ){{0,2}}{_REQUEST}) (?:(?:that|which|where|to which|in which"
        rf"|with which) )?(?:{_I_WOULD_DO})"
    ),
    (
        rf"\b(?:nothing|no (?:version|form|variant|part|scenario|way))\b[^.!?\n]{{0,50}}?\b(?:something"
        r"|that|which"
        rf"|in which)? ?(?:{_I}(?:'ll| will|'d| would) {_ADVERB}(?:be )?{_DEED}|{_I}(?:'m| am) {_ADVERB}"
        r"(?:willing|prepared|comfortable|going) )"
    ),
    # That request crosses a line for me; a line I won't cross; I draw the line here.
    rf"\b(?:this|that|the|your|such an?) (?:\w+ )?{_REQUEST} (?:\w+ ){{0,2}}{_LINE}",
    (
        r"(?:\A|(?<=[.!?:,\n] ))(?:\w+, )?(?:this|that|what you(?:'re"
        rf"| are)? \w+(?: \w+){{0,3}}) (?:\w+ly )?{_LINE}{_ENDS}"
    ),
    rf"\b{_LINE} (?:for (?:me|us)|(?:that )?(?:i|we) (?:won't|will not|can't|cannot|don't|do not)|here)\b",
    (
        rf"\b(?:line|boundary|step) (?:that )?{_I}(?:'m not| am not| won't| will not| can't| cannot| don't"
        r"| do not| refuse)\b"
    ),
    (
        rf"{_I}(?:'ll|'m| will| am| must| have to)? {_ADVERB}draw(?:ing)? (?:the|a (?:firm|hard|clear)) line"
        r"(?: (?:at|here|there)\b|(?=\W*(?:\Z|[.!?])))"
    ),
    # It falls outside what I can help with; that is more than I'm willing to write.
    (
        r"(?:\bis|'s|\bare|\bfalls?|\bgo(?:es)?|\blies|\bbe|\bsits"
        rf"|\bexceeds) (?:\w+ ){{0,2}}?(?:(?:outside|beyond"
        r"|past|over|not (?:within|part of)) )?(?:of )?(?:the (?:\w+ )?(?:scope|limits?|bounds|range"
        r"|boundaries) of )?"
        rf"what {_I}(?: (?:can|could|will|would|may|should) {_ADVERB}(?:be )?(?:{_DEED}|do\b)|(?:'ll"
        rf"|'d) {_DEED}"
        rf"|(?:'m| am|'re| are) {_ADVERB}(?:{_READY}|able)\b| do{_ENDS})"
    ),
    (
        r"(?:\bis|'s|\bare|\bfalls?|\bgo(?:es)?|\blies) (?:\w+ ){0,2}?(?:outside"
        r"|beyond) (?:of )?my (?:\w+ )?(?:scope"
        r"|remit|boundar\w+|limits?|guidelines|role|purview)\b"
    ),
    (
        rf"\b(?:more|further|farther) than {_I}(?:'m| am|'re| are) {_ADVERB}(?:willing|prepared"
        r"|comfortable|ready"
        r"|happy|going)\b"
    ),
    # I'm not comfortable with that; it doesn't feel right to me to help.
    (
        r"\b(?:i am|i'm|we are|we're|i feel|i'd be|i would be|makes me) (?:\w+ly |just |very |too |quite "
        r"|so ){0,2}(?:not (?:\w+ly |at all )?comfortable|uncomfortable|uneasy|not at ease)\b"
        r"(?! (?:in|on|at) )"
    ),
    (
        rf"{_I} (?:don't|do not|wouldn't|would not) feel (?:\w+ly )?(?:right|good|okay|ok|at ease)"
        rf" (?:about|with|{_DEED})"
    ),
    # I have to bow out; I'm stepping away from this one; I'd prefer to leave that unanswered.
    (
        rf"{_I}(?:'m|'ll|'d| am| will| must| have to|'ll have to| need to|'ve got to|'m going to| am going to"
        rf"|'d rather|'d prefer to| would rather| prefer to| choose to| want to)? {_ADVERB}(?:bow(?:ing)? out"
        r"|step(?:ping)? (?:away|back) from (?:this|that|it|your)|sit(?:ting)? (?:this|that|it) (?:one )?out"
        r"|opt(?:ing)? out of (?:this|that)|back(?:ing)? away from (?:this|that)"
        r"|walk(?:ing)? away from (?:this|that)"
        r"|leav(?:e|ing) (?:this|that|your|the) (?:\w+ )?unanswered|pass(?:ing)? on (?:this|that)\b"
        r"|end(?:ing)? (?:this|the|our) (?:conversation|chat|discussion)|choosing not\b|opting not\b"
        r"|(?:keep|keeping|stay|staying|steer|steering) (?:away|clear|out)"
        r" (?:from|of) (?:this|that|such|these|those|requests?|topics?)\b)"
    ),
    (
        rf"\b(?:this|that|it|here)(?: \w+)?(?: is|'s) (?:one|something|a {_REQUEST}|where) (?:(?:that"
        rf"|which) )?{_I}(?:'ll|'m"
        rf"|'d| will| have to| must| need to| am)? {_ADVERB}(?:going to |have to )?(?:refus|declin|turn"
        r"|reject|pass"
        rf"|skip|stop|draw|bow|sit)\w*(?: (?:away|down|on|out|here|this|that|the line))?{_ENDS}"
    ),
    (
        r"\b(?:this|here|that)(?: is|'s) where my (?:help|assistance|support|role|answer|part) (?:ends"
        r"|stops)\b"
    ),
    r"\b(?:hard|firm|strict) (?:limit|boundary|line|stop)\b[^.!?\n]{0,20} (?:of mine|for me|with me)\b",
    (
        rf"{_I} (?:don't|do not) (?:hand|give|do|make|write|keep) (?:out )?(?:such|(?:this|that|those"
        r"|these) kinds?)\b"
    ),
    (
        r"\b(?:reply|answer|response|help) i (?:can|could|will|'ll) (?:give|offer)(?: \w+)? is (?:none"
        r"|nothing|silence)\b"
    ),
    r"\bsomething (?:that )?i(?:'ve| have)? (?:decided against|keep to myself|refuse|decline)\b",
    r"\bcount me out\b(?! (?:means|is))|\bwant(?:s)? no part (?:in|of)\b|\bhave no part (?:in|of)\b",
    r"\blet's not (?:go there|do (?:this|that)|go down (?:this|that|the) \w+)(?=\W*(?:\Z|[.!?]))",
    # My answer is no; it's a no from me; you won't get that from me; your request has been declined.
    (
        r"\bmy (?:\w+ )?(?:answer|reply|response)\b[^.!?\n]{0,40}? (?:is|has to be|must be|will be"
        r"|remains|stays)"
        r"(?: \w+)?(?: a)?(?: \w+)? no(?=\W*(?:\Z|[.!?;,]))"
    ),
    (
        r"\bno from me(?=\W*(?:\Z|[.!?;,]))|\bno (?:\w+ ){1,4}(?:of (?:that"
        r"|this) kind )?from me(?=\W*(?:\Z|[.!?;,]))"
    ),
    (
        r"\byou(?:'ll| will)? (?:won't|will not|aren't going to|are not going to|'re not going to|not|get no"
        r"|get nothing) ?(?:get|hear|find|see|receive|have)?(?: \w+){0,5} (?:from|out of) me\b"
    ),
    (
        r"\b(?:your|this) request (?:has been|is|was|must be|will be|has to be) (?:declined|denied"
        r"|rejected|refused"
        r"|turned down|blocked)(?=\W*(?:\Z|[.!?;,]| for ))|\A\W*(?:your |this )?request (?:denied"
        r"|declined|refused"
        r"|rejected|blocked)(?=\W*(?:\Z|[.!]))"
    ),
    # Under no circumstances will I help; I can offer neither; helping is off the table.
    (
        r"\b(?:under no circumstances?|at no (?:point|time)|in no (?:way|case)|on no account"
        r"|never(?: ever)?|nor"
        rf"|neither) (?:will|would|can|shall|could) (?:i|we) {_ADVERB}{_DEED}"
    ),
    (
        rf"{_I} (?:can|will|could|shall|may) {_ADVERB}{_DEED}\w* (?:you )?(?:neither|nothing|no)\b"
        r"(?! (?:more|better|less|sooner|later|fewer|matter|longer|further)\b)"
    ),
    (
        rf"\b(?:help|assist|writ|provid|produc|answer|generat|creat|giv|shar)\w*(?: \w+){{0,3}}? (?:this"
        r"|that|such|you|it"
        rf"|these|those)\b[^.!?\n]{{0,60}}? (?:is|are|stays|remains) {_OFF}\b"
    ),
    rf"\b{_OFF} (?:for (?:me|us)|with me|as far as i)\b",
    rf"(?:\bis|'s|\bbe|\bgo(?:es)?|\bruns?) (?:\w+ly )?(?:against|contrary to|counter to) {_MY_RULES}",
    (
        rf"\b(?:i am|i'm|we are|we're) {_ADVERB}not (?:in the business of|okay with|ok with|up for|open to"
        r"|on board"
        r"|playing along|going there|interested in (?:help|writ|produc|assist|contribut|play)\w*"
        rf"|here (?:to {_DEED}|for (?:this|that))|the (?:right )?(?:tool|assistant|one|ai) (?:for (?:this"
        r"|that)|to"
        rf" {_DEED})|(?:help|writ|touch|engag|participat|assist|discuss)\w*ing (?:with |in |on )?(?:this"
        r"|that|you|it)\b)"
    ),
)
"""Regular expressions that each show a refusal, on normalised prose."""
