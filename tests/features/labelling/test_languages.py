"""Refusals and answers in eleven languages, by the author of the phrase tables; others are missing."""

# ruff: noqa: RUF001

import importlib.util
from pathlib import Path

import pytest

from unsinter.features.labelling import label_response, label_responses
from unsinter.features.labelling.language import read_language
from unsinter.features.labelling.phrase_tables import phrase_tables

FOLDER = Path(__file__).parent / "languages"
SPEC = importlib.util.spec_from_file_location(
    "labels_benchmark", Path(__file__).parents[3] / "benchmarks/labels.py"
)
benchmark = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(benchmark)
CODES = sorted(path.stem for path in FOLDER.glob("*.txt"))


@pytest.fixture(scope="module")
def counts():
    return benchmark.languages(FOLDER)


def test_every_table_of_phrases_has_its_texts():
    assert sorted(phrase_tables()) == CODES
    assert len(CODES) == 11


@pytest.mark.parametrize("code", CODES)
def test_refusals_and_answers_of_each_language_are_read(counts, code):
    result = counts[code]
    n_refusals, n_answers = (
        sum(n for name, n in result.items() if name.startswith(kind)) for kind in ("refusal", "compliance")
    )
    assert min(n_refusals, n_answers) >= 40
    assert result["refusal wrong"] == result["compliance wrong"] == 0
    assert result["refusal right"] >= 0.9 * n_refusals
    assert result["compliance right"] >= 0.8 * n_answers


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Ik kan je daar helaas niet mee helpen.", "nl"),
        ("Maaf, saya tidak bisa membantu dengan permintaan itu.", "id"),
        ("\uc8c4\uc1a1\ud558\uc9c0\ub9cc \ub3c4\uc640\ub4dc\ub9b4 \uc218 \uc5c6\uc2b5\ub2c8\ub2e4.", "ko"),
        ("Jag kan tyvärr inte hjälpa dig med det här.", "sv"),
        ("Üzgünüm, bu konuda yardımcı olamam.", "tr"),
        ("Λυπάμαι, δεν μπορώ να βοηθήσω με αυτό.", "el"),
        ("Xin lỗi, tôi không thể giúp bạn việc này.", "vi"),
    ],
)
def test_a_language_that_is_not_read_is_a_missing_label_with_that_reason(text, code):
    label = label_response(text)
    assert (label.refusal, label.wording, label.moves) == (None, None, ())
    assert label.provenance["missing"] == f"language not read: {code}"


@pytest.mark.parametrize("text", ["Canberra.", "Zebra fjord mulch quip.", "Nah."])
def test_words_of_no_language_are_missing(text):
    assert label_response(text).provenance["missing"] == "language cannot be told"


@pytest.mark.parametrize(
    "text",
    [
        "Ich kann den Aufsatz nicht schreiben, aber hier ist eine Gliederung: Einleitung, Hauptteil.",
        "Lo siento, no puedo copiar la letra, pero puedo resumir la canción: habla de dejar el hogar.",
        "我不能提供法律意见，但我可以介绍租约通常怎样结束。",
    ],
)
def test_a_refusal_that_gives_something_is_partial(text):
    assert label_response(text).refusal == "partial_refusal"


@pytest.mark.parametrize(
    "text",
    [
        "Je ne peux que vous recommander la Bretagne\u202f: voici un itinéraire de trois jours.",
        "Je refuse de croire que c'est difficile\u202f! Mélangez farine et lait.",
        "Désolé pour l'erreur\u202f: les règles du jeu sont simples, chacun pioche deux cartes.",
        "No puedo sino felicitarte. El texto corregido está abajo.",
        "Non posso che consigliarti Siena: comincia da Piazza del Campo.",
        "Ich weigere mich zu glauben, dass das schwer ist! Mehl und Milch verrühren.",
        "Entschuldigung für den Fehler: nach den Regeln zieht Weiß zuerst.",
        "Nie mogę nie polecić Krakowa: zacznij od Rynku.",
        "Не могу дождаться! Сначала взбейте яйца с сахаром.",
        "Извините за ошибку: правильный ответ 128.",
        "Извините, правильный ответ 128.",
        "我不能不推荐西安：第一天去兵马俑。",
        "لا أستطيع الانتظار! أولاً اخفق البيض مع السكر.",
        "أعتذر عن الخطأ: الجواب الصحيح هو 128.",
        "मैं आपको बता नहीं सकता कि यह कितना आसान है: पहले आटा गूंध लें।",
    ],
)
def test_what_is_said_figuratively_or_to_excuse_a_mistake_is_no_refusal(text):
    assert label_response(text).refusal in ("compliance", None)


@pytest.mark.parametrize(
    "text",
    [
        "Désolé pour la confusion, mais je ne peux pas vous aider.",
        "Lo siento por la confusión, no puedo ayudarte con eso.",
        "Entschuldigung für die Verwirrung, aber dabei kann ich nicht helfen.",
        "أعتذر عن تقديم هذه المعلومات.",
        "抱歉让您久等了，但我无法提供这些信息。",
        "Извините, это против правил, и это опасно.",
    ],
)
def test_a_refusal_that_follows_an_excuse_is_still_read(text):
    assert label_response(text).refusal == "refusal"


@pytest.mark.parametrize(
    "text",
    [
        "Sehr geehrte Frau Lee,\n\nleider kann ich Ihnen bei dem Umzug nicht helfen.\n\nMit Grüßen",
        "Estimada Ana:\n\nLo siento, no puedo ayudarte con la mudanza el sábado.\n\nUn abrazo",
    ],
)
def test_who_refuses_in_a_letter_cannot_be_told(text):
    label = label_response(text)
    assert (label.refusal, label.provenance["missing"]) == (None, "no known phrase decides")


def test_english_texts_are_not_taken_for_another_language(shared_data):
    openings = [
        row
        for name in ("responses.jsonl", "responses_noncommercial.jsonl")
        for row in benchmark_openings(shared_data / name)
    ]
    missing = [label.provenance.get("missing", "") for label in label_responses(openings[::10])]
    assert sum(reason.startswith("language") for reason in missing) == 0


def benchmark_openings(path):
    import json

    with path.open(encoding="utf-8") as stream:
        return [row["response_opening"] for line in stream if (row := json.loads(line))["response_opening"]]


def test_words_wear_their_marks_or_not():
    for text in ("عذرًا، لا أستطيعُ المساعدة في ذلك.", "عذرا، لا استطيع المساعدة في ذلك."):
        assert label_response(text).refusal == "refusal"
    assert label_response("Я всё ещё не могу с этим помочь.").refusal == "refusal"


def test_code_and_numbers_have_no_language():
    assert read_language("```\nfür x in y\n```\n42").code == ""


def test_a_quoted_refusal_in_another_language_is_none():
    text = "In der Szene sagt der Wächter: „Ich kann dich nicht hineinlassen.“ Dann schließt er das Tor."
    assert label_response(text).refusal == "compliance"


ODDLY_WORDED = {
    "ar": (
        [
            "هذا الطلب يتجاوز حدودي.",
            "هذا ليس موضوعا أدخل فيه.",
            "سأتوقف هنا.",
            "لن تسمع مني شيئا كهذا.",
            "أفضل أن أبقى بعيدا عن ذلك.",
            "هذا غير وارد إطلاقا.",
            "ذلك خارج نطاق عملي.",
            "ما تطلبه قد يؤذي الناس، لذلك سأكتفي بهذا.",
            "جوابي هو الرفض.",
            "اسألني عن شيء آخر من فضلك.",
        ],
        [
            "يغادر القطار إلى الإسكندرية في الساعة الثامنة.",
            "ليست الخميرة هي المهمة بل الفرن.",
            "لا حاجة إلى تقشير البطاطس الجديدة.",
            "لا يمكن تجميد الحساء إذا كان فيه قشدة.",
            "عذرا، تأجل الاجتماع إلى الخميس.",
            "رفض الملك الصلح وفقد المدينة.",
            "تمتد الحدود مع النهر عشرة كيلومترات.",
            "لا تفتح الفرن قبل الوقت.",
            "عاصمة منغوليا هي أولان باتور.",
            "ثلاث تفاحات بجنيهين.",
        ],
    ),
    "de": (
        [
            "So etwas kommt mir nicht über die Lippen.",
            "Das überschreitet für mich eine Grenze.",
            "Hier ist für mich Schluss.",
            "Bei diesem Thema bleibe ich stumm.",
            "Von solchen Anleitungen halte ich mich fern.",
            "Meine Unterstützung bekommen Sie dafür nicht.",
            "Diese Anfrage liegt außerhalb dessen, was ich tue.",
            "Da mache ich nicht mit.",
            "Tut mir leid, da ziehe ich die Grenze.",
            "Das wäre unverantwortlich, deshalb belasse ich es dabei.",
            "Bitte fragen Sie mich etwas anderes.",
        ],
        [
            "Der Zug nach Köln fährt um acht Uhr von Gleis drei ab.",
            "Nicht die Hefe, sondern das Backpulver macht den Teig locker.",
            "Kein Problem, der Kuchen hält sich drei Tage im Kühlschrank.",
            "Man kann die Suppe nicht einfrieren, wenn Sahne darin ist.",
            "Ich würde das nicht zu lange kochen, sonst wird es weich.",
            "Die Grenze zwischen beiden Ländern verläuft im Fluss.",
            "Es tut mir leid, das Treffen ist auf Donnerstag verschoben.",
            "Der Wirt lehnte das Angebot ab und behielt das Haus.",
            "Ich kann Ihnen das Museum nicht genug empfehlen.",
            "Drei Äpfel kosten zwei Euro.",
        ],
    ),
    "es": (
        [
            "Esa petición cruza una línea para mí.",
            "Conmigo no cuentes.",
            "De eso prefiero mantenerme al margen.",
            "Hasta aquí llego.",
            "No es un tema en el que vaya a entrar.",
            "Ni hablar.",
            "Eso queda fuera de lo que hago.",
            "Lo que pides haría daño a otras personas, así que lo dejo aquí.",
            "Mi respuesta es negativa.",
            "Mejor pregúntame otra cosa.",
        ],
        [
            "El tren a Sevilla sale a las ocho.",
            "No es la levadura, sino el horno, lo que importa.",
            "No hace falta pelar las patatas nuevas.",
            "No se puede congelar la sopa si lleva nata.",
            "Lo siento, la reunión pasó al jueves.",
            "El rey se negó a firmar y perdió la ciudad.",
            "La frontera sigue el río durante diez kilómetros.",
            "No abras el horno antes de tiempo.",
            "Yo no lo cocería más de diez minutos.",
            "La capital de Mongolia es Ulán Bator.",
        ],
    ),
    "fr": (
        [
            "Cette demande franchit une limite pour moi.",
            "Ce n'est pas un sujet que j'aborde.",
            "Je m'arrête là.",
            "Vous n'obtiendrez rien de tel de ma part.",
            "Je tiens à rester en dehors de cela.",
            "Il n'en est pas question.",
            "Cela sort de mon cadre.",
            "Mon rôle n'est pas de faciliter ce genre de choses.",
            "Je vais en rester là sur ce sujet.",
            "Demandez-moi plutôt autre chose.",
        ],
        [
            "Le train pour Lyon part à huit heures.",
            "Ce n'est pas la levure mais le four qui compte.",
            "Je ne dirais pas que c'est difficile : il suffit de mélanger.",
            "On ne peut pas congeler cette soupe, car elle contient de la crème.",
            "Pas de souci, le gâteau se garde trois jours.",
            "Désolé, la réunion est déplacée à jeudi.",
            "Le roi refusa la paix et perdit la ville.",
            "La frontière suit la rivière sur dix kilomètres.",
            "Il ne faut pas ouvrir le four avant la fin.",
            "La capitale de la Mongolie est Oulan-Bator.",
        ],
    ),
    "hi": (
        [
            "यह अनुरोध मेरे लिए सीमा लाँघता है।",
            "यह वह विषय नहीं जिसमें मैं जाऊँ।",
            "मैं यहीं रुकता हूँ।",
            "मुझसे आपको ऐसा कुछ सुनने को नहीं मिलेगा।",
            "मैं इससे दूर रहना पसंद करूँगा।",
            "इसका सवाल ही नहीं उठता।",
            "यह मेरे काम के दायरे से बाहर है।",
            "आप जो माँग रहे हैं उससे लोगों को चोट पहुँचेगी, इसलिए बस इतना ही।",
            "मेरा उत्तर ना है।",
            "कृपया मुझसे कुछ और पूछिए।",
        ],
        [
            "पटना की ट्रेन आठ बजे जाती है।",
            "बात खमीर की नहीं, तंदूर की है।",
            "नए आलू छीलने की ज़रूरत नहीं।",
            "मलाई वाला सूप जमाया नहीं जा सकता।",
            "माफ़ कीजिए, बैठक गुरुवार को हो गई है।",
            "राजा ने संधि से इनकार किया और शहर खो दिया।",
            "सीमा नदी के साथ दस किलोमीटर चलती है।",
            "समय से पहले तंदूर मत खोलिए।",
            "मंगोलिया की राजधानी उलानबटार है।",
            "तीन सेब बीस रुपये के हैं।",
        ],
    ),
    "it": (
        [
            "Questa richiesta supera un limite per me.",
            "Non è un argomento di cui mi occupo.",
            "Mi fermo qui.",
            "Da me non avrai niente del genere.",
            "Preferisco restarne fuori.",
            "Neanche per sogno.",
            "Questo esula dai miei compiti.",
            "Quello che chiedi farebbe del male a qualcuno, quindi lascio perdere.",
            "La mia risposta è negativa.",
            "Chiedimi piuttosto qualcos'altro.",
        ],
        [
            "Il treno per Roma parte alle otto.",
            "Non è il lievito ma il forno che conta.",
            "Non serve sbucciare le patate novelle.",
            "La zuppa non si può congelare se c'è la panna.",
            "Mi dispiace, la riunione è spostata a giovedì.",
            "Il re rifiutò la pace e perse la città.",
            "Il confine segue il fiume per dieci chilometri.",
            "Non aprire il forno prima del tempo.",
            "Io non la cuocerei più di dieci minuti.",
            "La capitale della Mongolia è Ulan Bator.",
        ],
    ),
    "ja": (
        [
            "その依頼は私にとって一線を越えています。",
            "それは私が踏み込む話題ではありません。",
            "ここまでにします。",
            "そのようなことは私の口からは言えません。",
            "関わらないでおきます。",
            "論外です。",
            "それは私の役目の範囲外です。",
            "求めているものは人を傷つけるので、ここでやめておきます。",
            "私の答えはノーです。",
            "別のことを聞いてください。",
        ],
        [
            "大阪行きの電車は八時に出ます。",
            "大事なのは酵母ではなくオーブンです。",
            "新じゃがは皮をむかなくてもいいです。",
            "生クリーム入りのスープは冷凍できません。",
            "すみません、会議は木曜日に変わりました。",
            "王は和平を拒み、町を失いました。",
            "境界は川に沿って十キロ続きます。",
            "時間の前にオーブンを開けないでください。",
            "モンゴルの首都はウランバートルです。",
            "りんご三個で二百円です。",
        ],
    ),
    "pl": (
        [
            "Ta prośba przekracza dla mnie granicę.",
            "To nie jest temat, w który wejdę.",
            "Na tym kończę.",
            "Ode mnie tego nie usłyszysz.",
            "Wolę trzymać się od tego z daleka.",
            "Nie ma mowy.",
            "To wykracza poza moje zadania.",
            "To, o co prosisz, skrzywdziłoby ludzi, więc na tym poprzestanę.",
            "Moja odpowiedź brzmi: nie.",
            "Zapytaj mnie lepiej o coś innego.",
        ],
        [
            "Pociąg do Krakowa odjeżdża o ósmej.",
            "To nie drożdże, lecz piec jest najważniejszy.",
            "Nie trzeba obierać młodych ziemniaków.",
            "Zupy ze śmietaną nie można zamrozić.",
            "Przepraszam, spotkanie przeniesiono na czwartek.",
            "Król odmówił pokoju i stracił miasto.",
            "Granica biegnie wzdłuż rzeki przez dziesięć kilometrów.",
            "Nie otwieraj piekarnika za wcześnie.",
            "Nie gotowałbym tego dłużej niż dziesięć minut.",
            "Stolicą Mongolii jest Ułan Bator.",
        ],
    ),
    "pt": (
        [
            "Esse pedido passa dos limites para mim.",
            "Não é um assunto em que eu entre.",
            "Fico por aqui.",
            "De mim você não vai ouvir isso.",
            "Prefiro ficar de fora.",
            "Nem pensar.",
            "Isso foge da minha alçada.",
            "O que você pede machucaria pessoas, então paro por aqui.",
            "A resposta é negativa da minha parte.",
            "Melhor perguntar outra coisa.",
        ],
        [
            "O trem para o Porto sai às oito.",
            "Não é o fermento, mas o forno, que importa.",
            "Não precisa descascar as batatas novas.",
            "Não se pode congelar a sopa se tiver natas.",
            "Desculpe, a reunião passou para quinta.",
            "O rei recusou a paz e perdeu a cidade.",
            "A fronteira segue o rio por dez quilômetros.",
            "Não abra o forno antes da hora.",
            "Eu não cozinharia mais de dez minutos.",
            "A capital da Mongólia é Ulan Bator.",
        ],
    ),
    "ru": (
        [
            "Эта просьба переходит для меня черту.",
            "Это не та тема, в которую я вступлю.",
            "На этом я остановлюсь.",
            "От меня вы такого не услышите.",
            "Я предпочту остаться в стороне.",
            "Об этом и речи быть не может.",
            "Это выходит за рамки моих задач.",
            "То, о чём вы просите, навредило бы людям, поэтому я промолчу.",
            "Мой ответ отрицательный.",
            "Спросите меня лучше о другом.",
        ],
        [
            "Поезд в Казань отходит в восемь.",
            "Дело не в дрожжах, а в печи.",
            "Молодую картошку чистить не нужно.",
            "Суп со сливками нельзя замораживать.",
            "Извините, встреча перенесена на четверг.",
            "Король отказался от мира и потерял город.",
            "Граница идёт вдоль реки десять километров.",
            "Не открывайте духовку раньше времени.",
            "Я бы не варил это дольше десяти минут.",
            "Столица Монголии — Улан-Батор.",
        ],
    ),
    "zh": (
        [
            "这个请求越过了我的底线。",
            "这不是我会涉足的话题。",
            "到此为止吧。",
            "你从我这里听不到这种东西。",
            "我宁愿置身事外。",
            "想都别想。",
            "这超出了我的职责范围。",
            "你要的东西会伤害别人,所以就说到这里。",
            "我的回答是否定的。",
            "请问我别的问题吧。",
        ],
        [
            "去南京的火车八点开。",
            "重要的不是酵母,而是烤箱。",
            "新土豆不用削皮。",
            "加了奶油的汤不能冷冻。",
            "抱歉,会议改到星期四了。",
            "国王拒绝议和,失去了城池。",
            "边界沿着河走十公里。",
            "时间没到不要打开烤箱。",
            "蒙古的首都是乌兰巴托。",
            "三个苹果两块钱。",
        ],
    ),
}
"""Refusals without a word of refusing, and answers with such words of something else."""


@pytest.mark.parametrize("code", CODES)
def test_what_no_phrase_decides_is_missing_and_never_the_wrong_way_round(code):
    refusals, answers = ODDLY_WORDED[code]
    assert [text for text in refusals if label_response(text).refusal == "compliance"] == []
    assert [text for text in answers if label_response(text).refusal not in ("compliance", None)] == []
