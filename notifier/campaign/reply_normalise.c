/*
 * notifier/campaign/reply_normalise.c: folding of characters, mentions, and the look for personal data.
 *
 * The text is folded through one buffer of fixed size. What does not fit is too long to be read, but goes
 * through the same buffer piece by piece all the same: an identity number at its end still counts.
 */
#include <stdint.h>
#include <string.h>

#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/campaign/reply_normalise.h"

enum { FOLD_ROOM = 8, OVERLAP = 256 };

/* What may differ between two spellings of one word, sorted by the first column. */
static const struct {
	uint16_t from, to;
} variants[] = {
/* clang-format off */
#define V(a, b) {u##a, u##b}
	V('並', '并'), V('來', '来'), V('係', '系'), V('倆', '俩'), V('個', '个'), V('們', '们'),
	V('備', '备'), V('傳', '传'), V('內', '内'), V('兩', '两'), V('別', '别'), V('則', '则'),
	V('動', '动'), V('務', '务'), V('匯', '汇'), V('區', '区'), V('參', '叁'), V('叄', '叁'),
	V('員', '员'), V('問', '问'), V('單', '单'), V('嗎', '吗'), V('嚐', '尝'), V('嚴', '严'),
	V('園', '园'), V('圓', '圆'), V('圖', '图'), V('報', '报'), V('場', '场'), V('壞', '坏'),
	V('夠', '够'), V('夾', '夹'), V('實', '实'), V('審', '审'), V('將', '将'), V('對', '对'),
	V('導', '导'), V('屆', '届'), V('層', '层'), V('幫', '帮'), V('幾', '几'), V('廢', '废'),
	V('強', '强'), V('彙', '汇'), V('後', '后'), V('從', '从'), V('復', '复'), V('徵', '征'),
	V('愛', '爱'), V('應', '应'), V('戀', '恋'), V('戶', '户'), V('戸', '户'), V('捨', '舍'),
	V('掛', '挂'), V('換', '换'), V('擔', '担'), V('據', '据'), V('擬', '拟'), V('數', '数'),
	V('於', '于'), V('時', '时'), V('書', '书'), V('會', '会'), V('東', '东'), V('條', '条'),
	V('業', '业'), V('極', '极'), V('標', '标'), V('樣', '样'), V('檢', '检'), V('權', '权'),
	V('歡', '欢'), V('歲', '岁'), V('歸', '归'), V('決', '决'), V('沒', '没'), V('況', '况'),
	V('減', '减'), V('測', '测'), V('準', '准'), V('溝', '沟'), V('滬', '沪'), V('滿', '满'),
	V('為', '为'), V('無', '无'), V('煩', '烦'), V('爲', '为'), V('現', '现'), V('產', '产'),
	V('畢', '毕'), V('畫', '画'), V('異', '异'), V('當', '当'), V('發', '发'), V('盡', '尽'),
	V('監', '监'), V('確', '确'), V('種', '种'), V('稱', '称'), V('積', '积'), V('節', '节'),
	V('範', '范'), V('簡', '简'), V('簽', '签'), V('籤', '签'), V('紀', '纪'), V('紙', '纸'),
	V('級', '级'), V('組', '组'), V('結', '结'), V('絕', '绝'), V('給', '给'), V('統', '统'),
	V('經', '经'), V('網', '网'), V('緊', '紧'), V('線', '线'), V('縣', '县'), V('總', '总'),
	V('繫', '系'), V('續', '续'), V('義', '义'), V('習', '习'), V('聯', '联'), V('聲', '声'),
	V('職', '职'), V('聽', '听'), V('膠', '胶'), V('與', '与'), V('興', '兴'), V('舉', '举'),
	V('舊', '旧'), V('萬', '万'), V('蓋', '盖'), V('薦', '荐'), V('蘇', '苏'), V('處', '处'),
	V('號', '号'), V('術', '术'), V('衛', '卫'), V('裏', '里'), V('補', '补'), V('裝', '装'),
	V('裡', '里'), V('製', '制'), V('複', '复'), V('覆', '复'), V('見', '见'), V('親', '亲'),
	V('覽', '览'), V('觀', '观'), V('訂', '订'), V('計', '计'), V('訊', '讯'), V('託', '托'),
	V('記', '记'), V('訪', '访'), V('設', '设'), V('許', '许'), V('訴', '诉'), V('評', '评'),
	V('詢', '询'), V('試', '试'), V('話', '话'), V('該', '该'), V('認', '认'), V('誠', '诚'),
	V('誤', '误'), V('說', '说'), V('説', '说'), V('課', '课'), V('調', '调'), V('談', '谈'),
	V('請', '请'), V('論', '论'), V('諮', '咨'), V('講', '讲'), V('謝', '谢'), V('證', '证'),
	V('識', '识'), V('譯', '译'), V('議', '议'), V('護', '护'), V('讀', '读'), V('變', '变'),
	V('讚', '赞'), V('豐', '丰'), V('負', '负'), V('貨', '货'), V('責', '责'), V('貯', '贮'),
	V('貳', '贰'), V('費', '费'), V('貼', '贴'), V('賀', '贺'), V('資', '资'), V('質', '质'),
	V('賬', '账'), V('購', '购'), V('贊', '赞'), V('車', '车'), V('較', '较'), V('轉', '转'),
	V('辦', '办'), V('農', '农'), V('這', '这'), V('連', '连'), V('週', '周'), V('進', '进'),
	V('運', '运'), V('過', '过'), V('達', '达'), V('遞', '递'), V('適', '适'), V('遲', '迟'),
	V('選', '选'), V('遺', '遗'), V('還', '还'), V('郵', '邮'), V('鄉', '乡'), V('鄰', '邻'),
	V('醫', '医'), V('釋', '释'), V('銷', '销'), V('錄', '录'), V('錯', '错'), V('鍾', '钟'),
	V('鎮', '镇'), V('鏈', '链'), V('鐘', '钟'), V('長', '长'), V('門', '门'), V('開', '开'),
	V('間', '间'), V('閱', '阅'), V('關', '关'), V('陸', '陆'), V('陽', '阳'), V('隊', '队'),
	V('階', '阶'), V('際', '际'), V('隣', '邻'), V('隨', '随'), V('離', '离'), V('難', '难'),
	V('電', '电'), V('頁', '页'), V('順', '顺'), V('須', '须'), V('預', '预'), V('領', '领'),
	V('頭', '头'), V('題', '题'), V('額', '额'), V('類', '类'), V('顧', '顾'), V('飛', '飞'),
	V('館', '馆'), V('馬', '马'), V('駐', '驻'), V('驗', '验'), V('體', '体'), V('魚', '鱼'),
	V('鳥', '鸟'), V('麗', '丽'), V('麼', '么'), V('麽', '么'), V('點', '点'), V('黨', '党'),
	V('齊', '齐'), V('龍', '龙'),
/* clang-format on */
#undef V
};

static uint32_t simplify(uint32_t cp)
{
	size_t low = 0, high = sizeof(variants) / sizeof(variants[0]);

	if (cp < 0x4e00 || cp > 0x9fff)
		return cp;
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (variants[mid].from == cp)
			return variants[mid].to;
		if (variants[mid].from < cp)
			low = mid + 1;
		else
			high = mid;
	}
	return cp;
}

static bool turns_direction(uint32_t cp)
{
	return (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200e ||
	       cp == 0x200f || cp == 0x061c;
}

/* Joiners, selectors of a glyph, the ring of a keycap, skin tones, tags: nothing a reader would miss. */
static bool shows_nothing(uint32_t cp)
{
	return (cp >= 0x200b && cp <= 0x200d) || cp == 0x2060 || cp == 0xfeff || cp == 0x00ad ||
	       cp == 0x180e || cp == 0x20e3 || (cp >= 0xfe00 && cp <= 0xfe0f) ||
	       (cp >= 0x1f3fb && cp <= 0x1f3ff) || (cp >= 0xe0000 && cp <= 0xe0fff);
}

static bool is_blank(uint32_t cp)
{
	return (cp <= ' ' && cp != '\n') || (cp >= 0x7f && cp <= 0xa0) ||
	       (cp >= 0x2000 && cp <= 0x200a) || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

/* The ASCII sign that stands for CP, 0 when there is none. */
static char punctuation(uint32_t cp)
{
	static const struct {
		uint32_t cp;
		char c;
	} table[] = {{U'。', '.'}, {0xff61, '.'}, {U'…', '.'}, {U'、', ','}, {0xff64, ','},
		{U'“', ' '}, {U'”', ' '}, {U'‘', ' '}, {U'’', ' '}, {U'「', ' '}, {U'」', ' '},
		{U'『', ' '}, {U'』', ' '}, {U'《', ' '}, {U'》', ' '}, {U'〈', ' '}, {U'〉', ' '},
		{U'【', '['}, {U'】', ']'}, {U'〔', '['}, {U'〕', ']'}, {U'〖', '['}, {U'〗', ']'},
		{U'〜', '~'}, {0x223c, '~'}, {0x2212, '-'}, {0xfe63, '-'}, {0xfe58, '-'},
		{0x2236, ':'}, {0xfe55, ':'}, {0xfe50, ','}, {0xfe52, '.'}, {0xfe54, ';'},
		{0xfe56, '?'}, {0xfe57, '!'}, {0x2028, '\n'}, {0x2029, '\n'}, {U'⁄', '/'}};

	if (cp >= 0xff01 && cp <= 0xff5e)
		return (char)(cp - 0xfee0);
	if (cp >= 0x2010 && cp <= 0x2015)
		return '-';
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].cp == cp)
			return table[i].c;
	}
	return 0;
}

struct fold {
	const char *p, *end; /* what is left of the text */
	char *out;
	size_t n, cap;
	bool bidi;
};

static void put(struct fold *f, char c)
{
	char last = f->n > 0 ? f->out[f->n - 1] : '\n';

	if (c == ' ' && (last == ' ' || last == '\n'))
		return;
	if (c == '-' && (last == '-' || last == '~'))
		f->out[f->n - 1] = '~'; /* a Chinese dash is two, and no minus sign */
	else
		f->out[f->n++] = c;
}

/* ① .. ⑳ as digits; neighbours stay apart. */
static void put_circled(struct fold *f, uint32_t cp)
{
	uint32_t v = cp - 0x2460 + 1;

	if (f->n > 0 && f->out[f->n - 1] >= '0' && f->out[f->n - 1] <= '9')
		put(f, ',');
	if (v >= 10)
		put(f, (char)('0' + v / 10));
	put(f, (char)('0' + v % 10));
}

static void put_char(struct fold *f, uint32_t cp, const char *from, size_t bytes)
{
	char utf8[4];
	uint32_t to;

	if (is_blank(cp)) {
		put(f, ' ');
		return;
	}
	if (cp < 0x80) {
		put(f, (char)cp);
		return;
	}
	if (cp >= 0x2460 && cp <= 0x2473) {
		put_circled(f, cp);
		return;
	}
	if (cp < 0x4e00 || cp > 0x9fff) {
		char c = punctuation(cp);

		if (c != 0) {
			put(f, c);
			return;
		}
	}
	to = simplify(cp);
	if (to != cp) {
		utf8[0] = (char)(0xe0 | to >> 12);
		utf8[1] = (char)(0x80 | (to >> 6 & 0x3f));
		utf8[2] = (char)(0x80 | (to & 0x3f));
		from = utf8;
	}
	memcpy(f->out + f->n, from, bytes);
	f->n += bytes;
}

/* Until the text ends or the buffer is full. */
static void fold(struct fold *f)
{
	while (f->p < f->end && f->n + FOLD_ROOM <= f->cap) {
		const char *from = f->p;
		uint32_t cp = text_next(&f->p, f->end);

		if (turns_direction(cp))
			f->bidi = true;
		else if (!shows_nothing(cp))
			put_char(f, cp, from, (size_t)(f->p - from));
	}
	f->out[f->n] = '\0';
}

/* ---- personal data ---- */

/* At least 15 digits, blanks and hyphens between them, beginning at most SKIP characters after P. */
static bool long_number_near(const char *p, int skip)
{
	const char *end = p + strlen(p);
	int digits = 0;

	while (p < end) {
		uint32_t cp = text_next(&p, end);

		if (cp >= '0' && cp <= '9')
			digits++;
		else if (digits > 0 && cp != ' ' && cp != '-')
			return digits >= 15;
		else if (digits == 0 && --skip < 0)
			return false;
	}
	return digits >= 15;
}

static bool named_number(const char *s)
{
	static const char *const names[] = {"身份证", "证件号", "银行卡", "卡号"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (const char *p = strstr(s, names[i]); p; p = strstr(p, names[i])) {
			p += strlen(names[i]);
			if (long_number_near(p, 6))
				return true;
		}
	}
	return false;
}

/* Parcel numbers look like bank cards, so a card number counts only when it is called one. */
static bool is_personal(const char *s)
{
	return scan_personal(s, true) == SCAN_ID_NUMBER || named_number(s);
}

/* ---- mentions ---- */

static void remove_range(struct reply_text *t, size_t from, size_t to)
{
	memmove(t->s + from, t->s + to, t->len - to + 1);
	t->len -= to - from;
}

static void strip_tags(struct reply_text *t)
{
	char *p = t->s;

	while ((p = strstr(p, "<@"))) {
		char *close = strchr(p, '>');
		size_t from = (size_t)(p - t->s);

		if (!close)
			return;
		remove_range(t, from, (size_t)(close - t->s) + 1);
		t->stripped = true;
	}
}

static void trim(struct reply_text *t)
{
	size_t from = 0;

	while (t->len > 0 && (t->s[t->len - 1] == ' ' || t->s[t->len - 1] == '\n'))
		t->s[--t->len] = '\0';
	while (t->s[from] == ' ' || t->s[from] == '\n')
		from++;
	if (from > 0)
		remove_range(t, 0, from);
}

/*
 * "@name " in front. The client ends the name with a blank; one typed by hand may lack it, and then only
 * the robot's own names are known to end somewhere.
 */
static void strip_leading_mention(struct reply_text *t)
{
	static const char *const robots[] = {"@守望机器人", "@守望小助手", "@守望"};
	size_t n;

	if (t->s[0] != '@')
		return;
	n = strcspn(t->s, " \n,:");
	if (n < t->len) {
		remove_range(t, 0, n + 1);
		trim(t);
		return;
	}
	for (size_t i = 0; i < sizeof(robots) / sizeof(robots[0]); i++) {
		if (text_starts(t->s, robots[i])) {
			remove_range(t, 0, strlen(robots[i]));
			trim(t);
			return;
		}
	}
}

/* " @name" at the end: a client lets people mention somebody anywhere. */
static void strip_trailing_mention(struct reply_text *t)
{
	char *at = strrchr(t->s, '@');

	if (!at || at == t->s || (at[-1] != ' ' && at[-1] != '\n') || strpbrk(at, " \n,.;!?:"))
		return;
	t->len = (size_t)(at - t->s);
	t->s[t->len] = '\0';
	trim(t);
}

/* Folds the rest piece by piece, each with the end of the one before, only to look for personal data. */
static void scan_rest(struct fold f, struct reply_text *ret)
{
	char piece[REPLY_TEXT_BYTES + 1];

	memcpy(piece, ret->s, f.n + 1);
	f.out = piece;
	while (f.p < f.end && !ret->personal) {
		size_t from = f.n > OVERLAP ? f.n - OVERLAP : 0;

		while (from < f.n && ((unsigned char)piece[from] & 0xc0) == 0x80)
			from++;
		f.n -= from;
		memmove(piece, piece + from, f.n);
		fold(&f);
		ret->personal = is_personal(piece);
		ret->bidi = ret->bidi || f.bidi;
	}
}

void reply_normalise(const char *text, size_t len, struct reply_text *ret)
{
	struct fold f = {.p = text, .end = text + len, .out = ret->s, .cap = REPLY_TEXT_BYTES};

	ret->len = 0;
	ret->s[0] = '\0';
	ret->bad_encoding = !text_utf8_valid(text, len, NULL);
	ret->bidi = ret->stripped = ret->too_long = ret->personal = false;
	if (ret->bad_encoding)
		return;
	fold(&f);
	ret->len = f.n;
	ret->bidi = f.bidi;
	ret->personal = is_personal(ret->s);
	if (f.p < f.end) {
		ret->too_long = true;
		scan_rest(f, ret);
	}
	strip_tags(ret);
	trim(ret);
	strip_leading_mention(ret);
	strip_trailing_mention(ret);
	if (text_chars(ret->s) > REPLY_MAX_CHARS)
		ret->too_long = true;
}
