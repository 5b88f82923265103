"""Which sequences and fields each message type has, and what a field may say. 报文结构与栏位格式

Facts of ISO 15022, SWIFT Standards Release 2025, categories 5 and 9. A line is a sequence: its code in 16R, then its fields
in order. "!" must be there, "*" may be there more than once, letters after a number are the options allowed, ":SEME" is the
qualifier that a mandatory field must have, ">LINK" is where a sequence inside stands; those follow, indented.
"""

from typing import Final

_FIA: Final = "94B 22F* 12ABC* 11A 98A* 92A* 13AB* 17B* 90AB* 36BD* 35B* 70E"


def _settlement(*, confirms: bool, pays: bool) -> str:
    """MT 540 to 547 differ in few places: against payment or free, instruction or confirmation."""
    quantity, day = ("36BD:ESTT!*", "98ABCE:ESET!*") if confirms else ("36BD:SETT!*", "98ABCE:SETT!*")
    amount_day = "" if not confirms and not pays else " 98AC"
    return f"""
    GENL!       20C:SEME! 23G! 98ACE {"22FH*" if confirms else "99BC*"} >LINK
      LINK*{"!" if confirms else " "}     22F 13AB {"20CNU!" if confirms else "20CNU! 36BD"}
    TRADDET!    94BHL* {day} 90AB 99A 35B! >FIA 22F* {"" if confirms else "11A 25D* "}70E*
      FIA       {_FIA}
    FIAC!       {quantity} {"19A* " if confirms else ""}70D 13B* 95LPR* 97ABDE:SAFE!* 94BCFLT* >BREAK
      BREAK*    13B 36BD 98ACE 90AB 22F{"*" if confirms else ""}
    REPO        98ABC* 22F* 20C* 92AC* 99B* 19A* 70C
    SETDET!     22F:SETR!* >SETPRTY >CSHPRTY >AMT >NTWKFEE
      SETPRTY!* 95CDLPQRS!* 97ABD 98AC 20C 70CDE*
      CSHPRTY*  95LPQRS!* 97ADE* {"20C " if confirms else ""}70CE*
      AMT*{"!" if pays else " "}     17B* 19A!*{amount_day} 92B
      NTWKFEE   35B! 36D!
    OTHRPRTY*   95CLPQRS!* 97AD 70CDE* 20C
    """


STRUCTURES: Final = {
    "535": """
    GENL!       28E! 13AJ 20C:SEME! 23G! 98ACE:STAT!* 22F!* >LINK 95LPR* 97ABD:SAFE! 17B:ACTI!*
      LINK*     13AB 20C!
    SUBSAFE*    95LPR* 97ABD 94BCFLT* 17B >FIN
      FIN*      35B! >FIA 22H 90ABE 94BS 98AC 93BF:AGGR!* >SUBBAL 99A 19A* 92B 70E >BREAK
        FIA     94BD* 22F* 12ABC* 11A 98A* 92A* 13ABK* 17B* 90AB* 36BD* 35B* 70E
        SUBBAL* 93BCEF!* 22FH 94BCFLST* 90ABE 98AC 99A 19A* 92B 70C >BREAK
          BREAK* 13B 93BF 98ACE 90AB 22F 19A*
        BREAK*  13B 93BF 98ACE 90AB 22F 19A*
    ADDINFO*    95PQR* 19A* 70H
    """,
    "540": _settlement(confirms=False, pays=False),
    "541": _settlement(confirms=False, pays=True),
    "542": _settlement(confirms=False, pays=False),
    "543": _settlement(confirms=False, pays=True),
    "544": _settlement(confirms=True, pays=False),
    "545": _settlement(confirms=True, pays=True),
    "546": _settlement(confirms=True, pays=False),
    "547": _settlement(confirms=True, pays=True),
    "548": """
    GENL!       20C:SEME! 23G! 98ACE >LINK >STAT
      LINK!*    13AB 20CNU!
      STAT!*    25D! >REAS
        REAS*   24B! 70D
    SETTRAN     94BCFHLT* 35B! 36BD!* 19A* 95LPR* 97ABD! 22FH!* 98ABCE!* 70E >SETPRTY
      SETPRTY*  95CDLPQR!* 97ABD 20C
    PENA        69AB 22F! 95LP* >PENACUR 70E
      PENACUR   11A 98AC 95LPQR!* 22F! >PENACOUNT 70E
        PENACOUNT 95LPQR!* 22F! 19A! >PENDET 70E
          PENDET* 20C!* 22H!* 17B 25D 24B* 70D 19A! 99A! >CALDET >RELTRAN 70E
            CALDET* 98ACE! 17B >FIA 92AB* 19A* 70E
              FIA 35B! 12AC 17B* 90AB 94BLS* 98AC* 92AB* 70E
            RELTRAN 20CU!* >TRAN
              TRAN 22FH!* 98ABCE!* 97ABDE* 95LPQR* 36BD!* 19A* >STAT 70E
                STAT* 25D! >REAS
                  REAS* 24B! 70D
    ADDINFO*    95CLPQR*
    """,
}
"""The sequences of each message type in the 5 series. MT 940 has none: see FLAT."""

FLAT: Final = {"940": "20! 21 25P! 28C! 60FM! 61* 62FM! 64 65* 86"}
"""A message without sequences: its fields in order. "25P" is 25 or 25P; 61 and 86 alternate."""

FORMATS: Final = {
    "11A": ":4!c//3!a",
    "12A": ":4!c/[8c]/30x",
    "12B": ":4!c/[8c]/4!c",
    "12C": ":4!c//6!c",
    "13A": ":4!c//3!c",
    "13B": ":4!c/[8c]/30x",
    "13J": ":4!c//5!c",
    "13K": ":4!c//3!c/15d",
    "17B": ":4!c//1!a",
    "19A": ":4!c//[N]3!a15d",
    "20C": ":4!c//16r",
    "20N": ":4!c//35x",
    "20U": ":4!c//52x",
    "22F": ":4!c/[8c]/4!c",
    "22H": ":4!c//4!c",
    "23G": "4!c[/4!c]",
    "24B": ":4!c/[8c]/4!c",
    "25D": ":4!c/[8c]/4!c",
    "28E": "5n/4!c",
    "36B": ":4!c//4!c/15d",
    "36D": ":4!c//4!c/30d",
    "69A": ":4!c//8!D/8!D",
    "69B": ":4!c//8!D6!T/8!D6!T",
    "70C": ":4!c//4*35x",
    "70D": ":4!c//6*35x",
    "70E": ":4!c//10*35x",
    "70H": ":4!c//2500z",
    "90A": ":4!c//4!c/[N]15d",
    "90B": ":4!c//4!c/3!a15d",
    "90E": ":4!c//4!c",
    "92A": ":4!c//[N]15d",
    "92B": ":4!c//3!a/3!a/15d",
    "92C": ":4!c/[8c]/24x",
    "93B": ":4!c/[8c]/4!c/[N]15d",
    "93C": ":4!c//4!c/4!c/[N]15d",
    "93E": ":4!c//4!c/4!c/[N]30d",
    "93F": ":4!c/[8c]/4!c/[N]30d",
    "94B": ":4!c/[8c]/4!c[/30x]",
    "94C": ":4!c//2!a",
    "94D": ":4!c//[2!a]/35x",
    "94F": ":4!c//4!c/BIC",
    "94H": ":4!c//BIC",
    "94L": ":4!c//18!c2!n",
    "94S": ":4!c/[8c]/4!c[/140x]",
    "94T": ":4!c//9!x",
    "95C": ":4!c//2!a",
    "95D": ":4!c//9!x",
    "95L": ":4!c//18!c2!n",
    "95P": ":4!c//BIC",
    "95Q": ":4!c//4*35x",
    "95R": ":4!c/8c/34x",
    "95S": ":4!c/[8c]/4!c/2!a/30x",
    "97A": ":4!c//35x",
    "97B": ":4!c/[8c]/4!c/35x",
    "97D": ":4!c/[8c]/140x",
    "97E": ":4!c//34x",
    "98A": ":4!c//8!D",
    "98B": ":4!c/[8c]/4!c",
    "98C": ":4!c//8!D6!T",
    "98E": ":4!c//8!D6!T[,3n][/[N]2!n[2!n]]",
    "99A": ":4!c//[N]3!n",
    "99B": ":4!c//3!n",
    "99C": ":4!c//6!n",
    "20": "16r",
    "21": "16r",
    "25": "35x",
    "25P": "35x$BIC",
    "28C": "5n[/5n]",
    "60F": "S6!d3!a15d",
    "60M": "S6!d3!a15d",
    "62F": "S6!d3!a15d",
    "62M": "S6!d3!a15d",
    "64": "S6!d3!a15d",
    "65": "S6!d3!a15d",
    "86": "6*65z",
}
"""The format of each field, in the notation of the SWIFT handbook. Beside its letters: r is a reference, x without a slash at
its ends or two in a row; D a date YYYYMMDD; d of fixed length a date YYMMDD; T a time; S a mark of debit or credit.
35B and 61 have rules of their own in `validate`."""
