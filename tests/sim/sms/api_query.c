/* tests/sim/sms/api_query.c: QuerySendDetails: what is known of the messages of one number on one day (document 102352). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/num.h"
#include "tests/sim/sms/api.h"

enum { MAX_PAGE_SIZE = 50, MAX_PAGE = 100000, DAYS_BACK = 30 };

/* "20220818" */
static bool parse_day(const char *s, struct civil *ret)
{
	char day[11];

	if (strlen(s) != 8)
		return false;
	snprintf(day, sizeof(day), "%.4s-%.2s-%.2s", s, s + 4, s + 6);
	return civil_parse(day, ret) == 0;
}

static json_t *detail(const struct sms *m, uint64_t number)
{
	static const int status[] = {
		[SMS_WAITING] = 1, [SMS_DELIVERED] = 3, [SMS_FAILED] = 2, [SMS_RECEIVED] = 3};
	char digits[24], sent[32], received[32] = "";
	json_t *d;

	snprintf(digits, sizeof(digits), "%" PRIu64, number);
	if (m->state != SMS_WAITING)
		(void)sim_time(m->done_ms, received);
	d = json_pack("{s:s, s:i, s:s, s:s, s:O, s:s, s:s}", "PhoneNum", digits, "SendStatus",
		status[m->state], "ErrCode", m->code ? m->code : "", "TemplateCode",
		m->sending->template_code, "Content", m->text, "SendDate", sim_time(m->at_ms, sent),
		"OutId", m->sending->out_id);
	if (d && *received)
		json_object_set_new(d, "ReceiveDate", json_string(received));
	return d;
}

struct query {
	uint64_t number;
	struct civil day;
	int64_t page_size, page;
	const char *biz_id; /* "": any */
};

static bool read_query(struct api_call *c, struct query *ret)
{
	const char *number = api_param(c, "PhoneNumber");

	ret->number = phone_parse(number, strlen(number));
	ret->biz_id = api_param(c, "BizId");
	if (ret->number == 0) {
		api_fail(c, "isv.MOBILE_NUMBER_ILLEGAL", "手机号码格式错误");
		return false;
	}
	if (!parse_day(api_param(c, "SendDate"), &ret->day) ||
		civil_diff(civil_of_ms(sim_now_ms(c->sim)), ret->day) > DAYS_BACK ||
		num_parse(api_param(c, "PageSize"), 1, MAX_PAGE_SIZE, &ret->page_size) < 0 ||
		num_parse(api_param(c, "CurrentPage"), 1, MAX_PAGE, &ret->page) < 0) {
		api_fail(c, "isv.INVALID_PARAMETERS", "参数异常");
		return false;
	}
	return true;
}

void api_query_details(struct api_call *c)
{
	const struct phones *p = &c->sim->phones;
	const struct phone *ph;
	struct query q;
	json_t *list = json_array();
	char total[24];
	int64_t n = 0;

	if (!read_query(c, &q)) {
		json_decref(list);
		return;
	}
	ph = phones_find(p, q.number);
	for (const struct sms *m = ph ? phones_sms(p, ph->last_seq) : NULL; m;
		m = phones_sms(p, m->before)) {
		if (!m->sending || civil_cmp(civil_of_ms(m->at_ms), q.day) != 0 ||
			(*q.biz_id && strcmp(q.biz_id, m->sending->biz_id) != 0))
			continue;
		if (n >= (q.page - 1) * q.page_size && n < q.page * q.page_size)
			json_array_append_new(list, detail(m, q.number));
		n++;
	}
	snprintf(total, sizeof(total), "%" PRId64, n);
	api_ok(c, json_pack("{s:s, s:{s:o}}", "TotalCount", total, "SmsSendDetailDTOs",
			  "SmsSendDetailDTO", list));
}
