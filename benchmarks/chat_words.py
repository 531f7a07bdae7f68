"""The words that benchmarks/chat_data.py makes its conversations of: lists written for this project."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

COMMON = """the to of and a in is you it that for on with this be are as your can have not or I if by we
from at an was will but what they all one which do there so how when my more about use their out has up
then some would like just no its them other time any also than only into our could make new see after get
these need should first who most where because each very know does way people work don't want over been
way it's same two may even here many such well between good before take through being go much I'm back both
while think help us still too down must years used sure might off own long since set those last might under
right look part again please find using every few keep old without something day high next three against
point give place end around number however case another using below three always often never best small
great within available different important example problem question answer change"""

ORDINARY = """account action active address admin advice afternoon agent agree airport allow almost amount
analysis animal apple apply approach archive area argument arrive article artist attach attempt attention
author autumn average avoid backup balance bank base basic battery beach bear beautiful become begin
behaviour believe benefit better bicycle bill birthday block blue board body book border bottle bottom box
branch bread break bridge brief bright bring brother browser budget build building bus business butter
button buy calendar call camera campaign cancel capital car card care careful carry cat category cause
centre century certain chair chance channel chapter charge cheap check cheese chemical child choice choose
church circle city claim class clean clear client climate clock close cloud club coast coat code coffee
cold collect college colour column combine come comfort command comment committee common community company
compare complete computer concern condition confirm connect consider contact contain content continue
contract control conversation cook cool copy corner correct cost cotton count country couple course court
cover create credit crowd culture cup current customer cut cycle damage dance danger dark data database date
daughter dead deal decade decide decision deep default degree delay deliver delivery demand department
depend describe desert design desk detail develop device dinner direct direction director discount discuss
disease dish distance district doctor document dog dollar door double draft draw dream dress drink drive
driver drop dry due during duty early earth east easy eat economy edge edit education effect effort egg
eight either electric element email emergency empty energy engine enjoy enough enter entire environment
equal error escape especially estimate evening event evidence exact exchange exercise exist expect expensive
experience expert explain express extra eye face fact factor fail fair fall family famous farm fashion fast
father fault favour fear feature feel feeling field fight figure file fill film final finance fine finger
finish fire firm fish fit five fix flat flight floor flow flower fly focus folder follow food foot force
foreign forest forget form formal format forward four frame free fresh friend front fruit fuel full
function fund funny furniture future gain game garden gas gate gather general gentle gift girl glass global
goal gold government grade grand grass green grey ground group grow growth guess guest guide habit hair
half hall hand handle hang happen happy hard hardly hat head health hear heart heat heavy height hello hill
history hit hold holiday home honest hope horse hospital hot hotel hour house huge human hundred hungry hurt
ice idea image imagine impact improve include income increase index individual industry influence
information inside install instance instead insurance interest internal interview introduce investment
invite invoice island issue item jacket job join journey judge juice jump keyboard kind king kitchen
knowledge label lack lake land language large late laugh launch law lawyer lay layer lead leader leaf learn
least leather leave lecture left leg legal lemon lesson letter level library licence life lift light limit
line link list listen literature little live load loan local location lock log logic lonely lose loss lot
loud love low luck lunch machine magazine mail main maintain major manage manager manner manual map march
mark market marriage mass master match material matter maximum meal mean measure meat media medical medicine
meet meeting member memory mention menu message metal method middle mile milk million mind mine minimum
minister minute mirror miss mistake mix mobile model modern moment money monitor month mood moon morning
mother motion mountain mouse mouth move movie music name narrow nation natural nature near nearly necessary
neck negative neighbour neither network news newspaper nice night nine noise normal north nose note notice
novel object obvious occur ocean offer office officer official oil okay open operate operation opinion
opposite option orange order ordinary organize original outside oven overall owner page pain paint pair
paper parent park particular partner party pass passage password past path patient pattern pause pay payment
peace pen pencil percent perfect perform perhaps period permission person phone photo phrase physical piano
pick picture piece pilot pink pipe plan plane planet plant plastic plate platform play player pleasure
plenty pocket poem police policy political pool poor popular population position positive possible post
potato pound power practice prefer prepare present president press pressure pretty prevent previous price
primary prince print prior private probably process produce product profession professor profit program
progress project promise promote proof proper property protect prove provide public pull purchase pure
purpose push quality quarter quick quiet quite race radio rain raise range rate rather reach react read
ready real reason receive recent recipe recommend record recover red reduce refer reflect refund refuse
region regular relate relation release relevant rely remain remember remote remove rent repair repeat
replace reply report represent request require research reserve reset resource respect respond rest
restaurant result return review rice rich ride ring rise risk river road rock role roof room root round
route routine row rule run safe salad sale salt sample sand save scale scene schedule school science score
screen script sea search season seat second secret section sector security seem select sell send senior
sense sentence separate series serious serve server service session settle seven several shake shape share
sharp sheet shelf shift ship shirt shoe shop short shoulder show shower sick side sign signal silver similar
simple single sister site situation six size skill skin sky sleep slight slow smart smell smile smoke smooth
snow social society soft software soil solid solution solve son song sort soul sound soup source south space
speak special specific speech speed spell spend spirit sport spot spread spring square stable staff stage
stair stand standard star start state statement station stay steel step stick stock stomach stone stop
storage store storm story straight strange strategy stream street strength stress string strong structure
student study style subject success sudden sugar suggest suit summer sun supply support suppose surface
surprise survey sweet swim switch symbol system table talk tall target task taste tax tea teach team tear
technical technique technology telephone temperature ten tend term test text thank theory thick thin thing
third thought thousand thread threat throat throw ticket tie tight till tiny tip tired title today together
tomorrow tone tonight tool tooth top topic total touch tour toward tower town track trade tradition traffic
train training transfer transport travel treat tree trial trip trouble truck true trust truth try turn type
uncle understand union unique unit university unless update upgrade upload upset usual value variety various
vegetable vehicle version victim video view village visit visual voice volume vote wait walk wall war warm
warning wash waste watch water wave weak wealth wear weather website week weekend weight welcome west wheel
whole wide wild win wind window wine winter wish wonder wood word world worry worth write wrong yard yellow
yesterday yet young zero zone"""

OPENERS = """Sure, Yes, No, Thanks! Hello, Hi, Well, Actually, Okay, However, First, Then, Finally, Next,
Therefore, Also, Note: Remember: Unfortunately, Alternatively, Honestly, Instead,"""

OTHERS: dict[str, tuple[str, str, str]] = {
    "chinese": (
        "",
        "。",
        """我们 你 的 是 在 不 了 有 这 个 人 中国 可以 什么 问题 时间 工作 学习 朋友 今天 明天 天气 非常
        好 谢谢 请 帮助 文件 数据 模型 训练 系统 用户 订单 价格 城市 北京 上海 怎么 因为 所以 但是 如果
        需要 使用 方法 结果 电脑 手机 网络 语言 中文 英文 翻译 故事 历史 文化 音乐 电影 喜欢 吃饭 水果 医生
        学校 老师 学生 公司 经济 发展 社会 世界 国家 生活 健康 旅行 飞机 火车 一下 已经 还 都 和 也 就""",
    ),
    "japanese": (
        "",
        "。",
        """私 は が を に で と も の です ます ください ありがとう 今日 明日 天気 仕事 時間 問題 方法
        データ モデル システム ファイル コンピュータ 日本 東京 料理 電車 学校 先生 学生 会社 質問 答え
        とても 少し たくさん 見る 行く 食べる 話す 読む 書く 考える 思います しました できる から まで
        そして しかし だから もし 新しい 古い 大きい 小さい 言葉 音楽 映画 旅行""",
    ),
    "korean": (
        " ",
        ". ",
        """안녕하세요 감사합니다 저는 우리 오늘 내일 시간 문제 방법 데이터 모델 시스템 파일 사용자 주문
        가격 도시 서울 어떻게 왜냐하면 그래서 하지만 만약 필요합니다 사용 결과 컴퓨터 전화 언어 한국어
        번역 이야기 역사 문화 음악 영화 좋아합니다 먹다 병원 학교 선생님 학생 회사 경제 발전 사회 세계""",
    ),
    "russian": (
        " ",
        ". ",
        """я вы мы не на что это как для по из но его она они был можно нужно время работа вопрос ответ
        проблема решение данные модель система файл пользователь заказ цена город Москва почему потому
        если поэтому однако спасибо пожалуйста сегодня завтра погода язык перевод история культура музыка
        фильм школа учитель студент компания экономика развитие общество страна жизнь здоровье поездка
        самолёт поезд хорошо большой маленький новый старый который через после перед между""",
    ),
    "arabic": (
        " ",
        ". ",
        """من في على إلى هذا هذه التي الذي كان يمكن لا ما كيف لماذا نعم شكرا من فضلك اليوم غدا الوقت العمل
        السؤال الجواب المشكلة الحل البيانات النموذج النظام الملف المستخدم الطلب السعر المدينة القاهرة لأن
        إذا ولكن بعد قبل بين اللغة العربية الترجمة القصة التاريخ الثقافة الموسيقى المدرسة المعلم الطالب
        الشركة الاقتصاد المجتمع العالم الحياة الصحة السفر""",
    ),
    "hindi": (
        " ",
        "। ",
        """मैं आप हम यह वह है हैं था में को से का की के पर नहीं क्या कैसे क्यों हाँ धन्यवाद कृपया आज कल समय
        काम सवाल जवाब समस्या समाधान डेटा मॉडल सिस्टम फ़ाइल उपयोगकर्ता कीमत शहर दिल्ली क्योंकि अगर लेकिन
        भाषा हिंदी अनुवाद कहानी इतिहास संस्कृति संगीत फ़िल्म स्कूल शिक्षक छात्र कंपनी समाज दुनिया जीवन""",
    ),
    "thai": (
        "",
        " ",
        """ฉัน คุณ เรา นี้ นั้น เป็น มี ไม่ ได้ ที่ ใน และ หรือ แต่ ถ้า เพราะ อย่างไร ทำไม ขอบคุณ วันนี้
        พรุ่งนี้ เวลา งาน คำถาม คำตอบ ปัญหา ข้อมูล แบบจำลอง ระบบ ไฟล์ ผู้ใช้ ราคา เมือง กรุงเทพ ภาษา""",
    ),
    "german": (
        " ",
        ". ",
        """der die das und ist nicht ein eine mit für auf von zu wir Sie ich können müssen wird werden über
        Straße größer Frage Antwort Lösung Datei Daten Modell Benutzer Bestellung Preis Stadt München
        weil wenn aber danach zwischen Sprache Übersetzung Geschichte Musik Schule Lehrer Unternehmen
        Wirtschaft Gesellschaft Gesundheit Reise Flugzeug Geschwindigkeitsbegrenzung heute morgen""",
    ),
    "spanish": (
        " ",
        ". ",
        """el la los las de que y en un una es no se por para con su como más pero usted nosotros puede
        tiempo trabajo pregunta respuesta problema solución datos modelo sistema archivo usuario pedido
        precio ciudad porque si también después mañana año niño canción película escuela compañía economía
        sociedad mundo vida salud viaje avión corazón información gracias""",
    ),
    "greek": (
        " ",
        ". ",
        """και το να είναι δεν για με από που στο την μια αυτό πώς γιατί ευχαριστώ σήμερα αύριο χρόνος
        δουλειά ερώτηση απάντηση πρόβλημα λύση δεδομένα μοντέλο σύστημα αρχείο πόλη Αθήνα γλώσσα ιστορία""",
    ),
    "hebrew": (
        " ",
        ". ",
        """אני אתה אנחנו זה לא של את על עם כן איך למה תודה בבקשה היום מחר זמן עבודה שאלה תשובה בעיה פתרון
        נתונים מודל מערכת קובץ משתמש מחיר עיר ירושלים כי אם אבל שפה עברית תרגום סיפור מוזיקה""",
    ),
}

EMOJI = "😀 🎉 👍 🙏 ❤️ 🚀 😅 🤔 ✅ 🔥 👩‍💻 🇫🇷 🏳️‍🌈 📦 ☕ 👋🏽"

SYSTEM_PROMPTS = """You are a helpful assistant.

You are a helpful, honest assistant. Answer in the language of the question. Say so when you do not
know something.

You answer customers of an online shop for garden tools. Be friendly and brief, name the order number
when it is known, and never promise a refund that the policy does not allow.

You are a senior software engineer. Explain your reasoning first, then give complete code in a fenced
block. Prefer the standard library and mention edge cases that were not handled.

Classify the message. Reply with one word: billing, delivery, fault, praise or other.

You translate between languages. Keep names, numbers and formatting as they are, and add no comments.

You are a tutor for school mathematics. Ask one question at a time, wait for the answer, and give hints
before you give solutions. Use plain words; the pupils are between ten and fourteen years old.

Summarise the text in at most three sentences, without opinions of your own.

You are a travel agent. Plan routes with times and prices, point out visa questions and offer an
alternative that costs less.

Extract the fields name, date, amount and currency as one line of JSON. Use null for what is missing.

You help nurses to document care. Write in the third person, keep to what was observed, use the
abbreviations of the ward, and flag anything that needs a physician today.

You are a careful editor. Mend spelling and grammar, keep the author's voice, and list your changes."""

LABELS = "delivery billing other fault praise"
"""The answers to the system prompt that asks to classify."""

SYLLABLES = "ba do ve lin tor mar quen sil ra zo fen dri kal um bra xi por nel wid gos tha pel ru mik"


def zipf(count: int, shift: float = 3.0, power: float = 1.0) -> list[float]:
    """Cumulative weights by which the first of ``count`` words are much more frequent than the last."""
    return list(accumulate((rank + shift) ** -power for rank in range(count)))


def derived(words: Sequence[str]) -> list[str]:
    """Inflected and joined forms, rarer than their stems, as running text has them."""
    forms = [f"{word}s" for word in words] + [f"{word.rstrip('e')}ing" for word in words]
    forms += [f"{word.rstrip('e')}ed" for word in words[::2]] + [f"un{word}able" for word in words[::9]]
    return forms + [f"{a}-{b}" for a, b in zip(words[::7], words[3::7], strict=False)]


def names() -> list[str]:
    """Made-up names of people, places and products."""
    parts = SYLLABLES.split()
    return [(a + b + c).capitalize() for a in parts for b in parts[::3] for c in ("", *parts[1::5])]
