"""The texts that the tokenizers of the golden models are trained on, and the pairs that are scored."""

CORPUS = """
The capital of the United States is Washington, D.C.; it is a federal district, and no state.
Carson City is the capital city of the American state of Nevada. At the census of 2010 it had 55,274 inhabitants.
Capital punishment has existed in the United States since before it was a country.
What is the capital of Nevada? Where does the river rise, and who owns the water?
A query is truncated to half of what the model reads; a document is read in windows, one after the other.
The engine encodes, scores and answers: the most urgent first, the least urgent last.
Numbers such as 1,234.56 or 3.14159, marks such as (these) [or] {those}, and CAPITALS belong to any text.
Berlin ist die Hauptstadt der Bundesrepublik Deutschland; schöne Grüße aus Köln und Straßburg.
Wie hoch ist der höchste Berg, und wie heißt das Tal davor? Über allen Gipfeln ist Ruh.
La capitale de la France est Paris ; où se trouve l'élève, et à quelle heure commence le cours ?
La capital de España es Madrid. ¿Cuántos niños hay en el año? El corazón de la montaña.
Москва является столицей России. Река течёт на юг, и город стоит на холме.
Αθήνα είναι η πρωτεύουσα της Ελλάδας.
القاهرة هي عاصمة مصر. ירושלים היא עיר עתיקה.
दिल्ली भारत की राजधानी है। กรุงเทพเป็นเมืองหลวงของไทย
東京は日本の首都です。京都は昔の都でした。
北京是中国的首都。上海是最大的城市。
서울은 대한민국의 수도입니다.
Emoji say it shorter 😀 🎉 👍, flags 🇩🇪 🇯🇵 and families 👩‍👩‍👧‍👦 are made of several.
def main(): return [x ** 2 for x in range(10) if x % 2 == 0]  # code, with    spaces
""".strip().splitlines()

_QUERY = "What is the capital of Nevada?"
_STORY = " ".join(CORPUS[:7])

PAIRS = [
    (_QUERY, "Carson City is the capital city of Nevada."),
    (_QUERY, "Washington is a federal district."),
    (_QUERY, "Nothing of the kind."),
    (_QUERY, ""),
    (_QUERY, " "),
    (_QUERY, "\n\t \r\n\u00a0\u3000 "),
    ("x", "y"),
    ("Hauptstadt", "Berlin ist die Hauptstadt."),
    ("élève à Köln", "Ou\u0300 est l'e\u0301le\u0300ve ? A\u0308 \u0301\u0301"),
    ("столица", "Москва, Россия"),
    ("東京", "東京は日本の首都です。"),
    ("عاصمة", "القاهرة עיר दिल्ली ไทย"),
    ("😀", "🎉 👩‍👩‍👧‍👦 🇩🇪"),
    ("control", "\x00\x01\x1b[31mred\x1b[0m\x7f\u200b\ufeff\u202e end"),
    ("private \ue000", "\U0010ffff \ufffd ﬁ ① ﷺ \uff21"),
    ("specials", "[CLS] [SEP] [PAD] </s> <s> <pad> a <mask> [MASK] b"),
    ("   spaces   around   ", "  many    spaces\n\nand lines  "),
    ("numbers", "1,234.56 + 7e-3 = $9 (50%)"),
    ("MiXeD CaSe", "UPPER lower ÄÖÜ straße"),
    ("word", "w" * 2000),
    ("far behind", " " * 3000 + "Carson City"),
    ("far behind", "It is" + "\n" * 2000 + "Carson City " + "\t" * 2000),
    (_QUERY, _STORY),
    (_QUERY, " ".join(CORPUS) * 2),
    (_STORY, "Carson City"),
    (_STORY, _STORY),
    ("首都", "北京是中国的首都。上海是最大的城市。" * 90),
    ("emoji", "😀🎉👍🇯🇵" * 300),
]
"""Most fit the golden models' context in one window, whatever the family; the last ones do not."""

DOCUMENT_TOKENS = 150
"""Kept of each document; no multiple of any window, and less than the longest document has."""
