"""A Parquet file that ends the process which reads it."""

import base64

ABORTS = base64.b85decode(
    "P(e~L6#x|~6+A2z1Qh@k1{DSz7zhCX00000000;W0RR910000076K>;0RR91000007zhCX00000000pY0000ewJ-"
    "f36{!FK0ssI21ONj700096009610000002KfgAQdt!6$BLk6$TXs95w(b0b&>dVG$7k001bpFa018fdBvk000040RaF20AT?"
    "D003eY1Q}d402l^yV`yb<VHE@bHDee8X=D`w6$VT^0000r1Q-"
    "NtX>)WH0ss{RB?1@+Wo%__Wo~o;6$~W;7zS{1Z*6dNB>+qu0000M1Q{F|EG7UP6$BY21^^j20%>FfY-"
    "w|J2W4z!ZDnqB6$};x7N`Lhx&bB#JQxT8000000000O2mt^90000002Tr$2mt^90000002l}X000000000H5daw+6#x|g6#@"
    "V}DJBE}8AbvC00IC2044w&6$}|A1^^it25@q3ZE$oI3>E|yS{7_3!T~%s04M=s7y)4s5daw+6#x|g6#@V}76cgv872S(0000"
    "Mf&vx<CSDe%0str=aA9(Bb!BudV{mXSVRCYBcOZ6Ua&u{KZXhx?E-)@J87v$C02}}S05Smp08l|vF#"
)
"""A changed footer, over which Arrow 26 ends the whole process."""
