/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/prometheus.h"

#include <errno.h>
#include <string.h>
#include "base/number.h"
#include "base/text.h"

/* apart from what json_scan itself says */
#define NOT_ANSWER (-EPROTO)
#define STOPPED    (-ECANCELED)
/* of all labels of one series */
#define MAX_SERIES_TEXT ((size_t)1 << 20)

/*
 * The depths of json_scan_token: arrays and objects around a token.
 *
 *     0 {  1 "data": {  2 "result": [  3 {  4 "metric": {  5 "job": "a"
 *                                           4 "value": [   5 1.5, "1"
 *                                      3 1.5, "1"
 */
enum depth { IN_ROOT = 1, IN_DATA, IN_RESULT, IN_SERIES, IN_PART };

enum status { STATUS_UNSAID, STATUS_SUCCESS, STATUS_ERROR };

/* What the value to come is, by the last key of its depth. */
enum key {
	KEY_OTHER,
	KEY_STATUS,
	KEY_DATA,
	KEY_ERROR_TYPE,
	KEY_ERROR,
	KEY_RESULT_TYPE,
	KEY_RESULT,
	KEY_METRIC,
	KEY_VALUE,
	KEY_HISTOGRAM,
};

static const struct {
	const char *name;
	unsigned depth;
	enum key key;
} keys[] = {
	{ "status", IN_ROOT, KEY_STATUS },
	{ "data", IN_ROOT, KEY_DATA },
	{ "errorType", IN_ROOT, KEY_ERROR_TYPE },
	{ "error", IN_ROOT, KEY_ERROR },
	{ "resultType", IN_DATA, KEY_RESULT_TYPE },
	{ "result", IN_DATA, KEY_RESULT },
	{ "metric", IN_SERIES, KEY_METRIC },
	{ "value", IN_SERIES, KEY_VALUE },
	{ "histogram", IN_SERIES, KEY_HISTOGRAM },
};

static enum key key_of(const struct json_scan_token *token)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].depth == token->depth &&
		    slice_is(token->text, keys[i].name))
			return keys[i].key;
	return KEY_OTHER;
}

static bool is_end(const struct json_scan_token *token)
{
	return token->kind == JSON_SCAN_OBJECT_END ||
	       token->kind == JSON_SCAN_ARRAY_END;
}

static void copy(char *out, size_t size, const struct json_scan_token *token)
{
	struct slice text = text_cut(token->text, size - 1);

	if (token->kind != JSON_SCAN_STRING)
		text.n = 0;
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
}

/* Something in the result is not as it has to be. What it means depends on the
 * rest: a matrix has other parts, and an error may have any. */
static void fail(struct prometheus_answer *answer, int outcome)
{
	if (!answer->failed)
		answer->failed = outcome;
}

/* --- one series, or the one value of a scalar ------------------------------ */

static void begin_series(struct prometheus_answer *answer)
{
	answer->has_metric = false;
	answer->has_value = false;
	answer->series_key = KEY_OTHER;
	answer->n_lengths = 0;
	buf_reset(&answer->text);
}

/* A label's name or its value; they take turns. */
static int add_text(struct prometheus_answer *answer,
                    const struct json_scan_token *token)
{
	if (token->kind != JSON_SCAN_KEY && token->kind != JSON_SCAN_STRING) {
		fail(answer, PROMETHEUS_E_NOT_ANSWER);
		return 0;
	}
	if (token->cut || answer->n_lengths == ARRAY_SIZE(answer->lengths) ||
	    token->text.n > MAX_SERIES_TEXT - answer->text.n) {
		fail(answer, PROMETHEUS_E_TOO_LARGE);
		return 0;
	}
	answer->lengths[answer->n_lengths++] = (uint32_t)token->text.n;
	return buf_append(&answer->text, token->text.p, token->text.n);
}

/* [time, "value"] */
static void add_to_pair(struct prometheus_answer *answer,
                        const struct json_scan_token *token)
{
	bool good = false;

	if (answer->n_pair == 0)
		good = token->kind == JSON_SCAN_NUMBER;
	if (answer->n_pair == 1)
		good = token->kind == JSON_SCAN_STRING && !token->cut &&
		       number_parse_double(token->text, &answer->value) == 0;
	answer->n_pair++;
	answer->has_value = good && answer->n_pair == 2;
	if (!good)
		fail(answer, PROMETHEUS_E_NOT_ANSWER);
}

static int hand_over(struct prometheus_answer *answer)
{
	struct label labels[PROMETHEUS_MAX_LABELS];
	const char *p = buf_text(&answer->text);
	size_t n_labels = answer->n_lengths / 2;

	if (answer->failed)
		return 0;
	for (size_t i = 0; i < n_labels; i++) {
		labels[i].name = slice_make(p, answer->lengths[i * 2]);
		p += labels[i].name.n;
		labels[i].value = slice_make(p, answer->lengths[i * 2 + 1]);
		p += labels[i].value.n;
	}
	answer->stopped = answer->sample(answer->context, labels, n_labels,
	                                 answer->value);
	return answer->stopped ? STOPPED : 0;
}

/* --- tokens, by depth ------------------------------------------------------ */

static int on_root_token(struct prometheus_answer *answer,
                         const struct json_scan_token *token)
{
	switch (answer->key) {
	case KEY_STATUS:
		answer->status =
			slice_is(token->text, "success") ? STATUS_SUCCESS
			: slice_is(token->text, "error") ? STATUS_ERROR
							 : STATUS_UNSAID;
		break;
	case KEY_ERROR_TYPE:
		copy(answer->error_type, sizeof(answer->error_type), token);
		break;
	case KEY_ERROR:
		copy(answer->error, sizeof(answer->error), token);
		break;
	case KEY_DATA:
		if (token->kind != JSON_SCAN_OBJECT)
			answer->key = KEY_OTHER;
		break;
	default:
		break;
	}
	return 0;
}

static int on_data_token(struct prometheus_answer *answer,
                         const struct json_scan_token *token)
{
	if (answer->data_key == KEY_RESULT_TYPE)
		copy(answer->type, sizeof(answer->type), token);
	if (answer->data_key != KEY_RESULT)
		return 0;
	if (token->kind == JSON_SCAN_ARRAY && !answer->has_result) {
		answer->has_result = true;
		begin_series(answer);
		answer->n_pair = 0;
		return 0;
	}
	answer->data_key = KEY_OTHER;
	if (token->kind != JSON_SCAN_ARRAY_END)
		fail(answer, PROMETHEUS_E_NOT_ANSWER);
	else if (answer->is_pair && answer->has_value)
		return hand_over(answer);
	return 0;
}

static int on_result_token(struct prometheus_answer *answer,
                           const struct json_scan_token *token)
{
	if (token->kind == JSON_SCAN_OBJECT && !answer->is_pair) {
		answer->in_series = true;
		begin_series(answer);
	} else if (token->kind == JSON_SCAN_OBJECT_END && answer->in_series) {
		if (!answer->has_metric || !answer->has_value)
			fail(answer, PROMETHEUS_E_NOT_ANSWER);
		return hand_over(answer);
	} else if (answer->in_series) {
		fail(answer, PROMETHEUS_E_NOT_ANSWER);
	} else {
		answer->is_pair = true;
		add_to_pair(answer, token);
	}
	return 0;
}

static int on_series_token(struct prometheus_answer *answer,
                           const struct json_scan_token *token)
{
	bool again = false;

	if (is_end(token))
		return 0;
	switch (answer->series_key) {
	case KEY_METRIC:
		again = answer->has_metric || token->kind != JSON_SCAN_OBJECT;
		answer->has_metric = true;
		break;
	case KEY_VALUE:
		again = answer->has_value || token->kind != JSON_SCAN_ARRAY;
		answer->n_pair = 0;
		break;
	case KEY_HISTOGRAM:
		fail(answer, PROMETHEUS_E_HISTOGRAM);
		break;
	default:
		break;
	}
	if (again)
		fail(answer, PROMETHEUS_E_NOT_ANSWER);
	return 0;
}

static int on_part_token(struct prometheus_answer *answer,
                         const struct json_scan_token *token)
{
	if (answer->series_key == KEY_METRIC)
		return add_text(answer, token);
	if (answer->series_key == KEY_VALUE)
		add_to_pair(answer, token);
	return 0;
}

static int on_key(struct prometheus_answer *answer,
                  const struct json_scan_token *token)
{
	switch (token->depth) {
	case IN_ROOT:
		answer->key = key_of(token);
		return 0;
	case IN_DATA:
		answer->data_key = key_of(token);
		return 0;
	case IN_SERIES:
		if (answer->data_key == KEY_RESULT && answer->in_series)
			answer->series_key = key_of(token);
		return 0;
	default:
		break;
	}
	/* only the labels have others */
	return token->depth == IN_PART && answer->data_key == KEY_RESULT &&
	                       answer->series_key == KEY_METRIC
	               ? add_text(answer, token)
	               : 0;
}

static int on_token(void *context, const struct json_scan_token *token)
{
	struct prometheus_answer *answer = context;

	if (token->depth == 0)
		return token->kind == JSON_SCAN_OBJECT ||
		                       token->kind == JSON_SCAN_OBJECT_END
		               ? 0
		               : NOT_ANSWER;
	if (token->depth > IN_ROOT && answer->key != KEY_DATA)
		return 0;
	if (token->depth > IN_DATA && answer->data_key != KEY_RESULT)
		return 0;
	if (token->kind == JSON_SCAN_KEY)
		return on_key(answer, token);
	switch (token->depth) {
	case IN_ROOT:
		return on_root_token(answer, token);
	case IN_DATA:
		return on_data_token(answer, token);
	case IN_RESULT:
		return on_result_token(answer, token);
	case IN_SERIES:
		return answer->in_series ? on_series_token(answer, token) : 0;
	case IN_PART:
		return answer->in_series ? on_part_token(answer, token) : 0;
	default:
		return 0;
	}
}

/* --- the document ---------------------------------------------------------- */

void prometheus_answer_init(struct prometheus_answer *answer,
                            prometheus_sample_cb sample, void *context)
{
	*answer = (struct prometheus_answer){ .sample = sample,
		                              .context = context };
	buf_init(&answer->text, MAX_SERIES_TEXT);
	json_scan_init(&answer->json, PROMETHEUS_MAX_TEXT, on_token, answer);
}

void prometheus_answer_fini(struct prometheus_answer *answer)
{
	json_scan_fini(&answer->json);
	buf_fini(&answer->text);
}

void prometheus_answer_reset(struct prometheus_answer *answer)
{
	json_scan_reset(&answer->json);
	answer->type[0] = '\0';
	answer->error_type[0] = '\0';
	answer->error[0] = '\0';
	answer->status = STATUS_UNSAID;
	answer->key = KEY_OTHER;
	answer->data_key = KEY_OTHER;
	answer->has_result = false;
	answer->in_series = false;
	answer->is_pair = false;
	answer->failed = 0;
	begin_series(answer);
}

static int outcome_of(const struct prometheus_answer *answer, int r)
{
	switch (r) {
	case JSON_SCAN_E_SYNTAX:
	case JSON_SCAN_E_TOO_DEEP:
		return PROMETHEUS_E_NOT_JSON;
	case JSON_SCAN_E_TRUNCATED:
		return PROMETHEUS_E_TRUNCATED;
	case NOT_ANSWER:
		return PROMETHEUS_E_NOT_ANSWER;
	case STOPPED:
		return answer->stopped;
	default:
		return r;
	}
}

int prometheus_answer_feed(struct prometheus_answer *answer, struct slice bytes)
{
	return outcome_of(answer, json_scan_feed(&answer->json, bytes));
}

/* The document is whole: what is it? */
static int judge(const struct prometheus_answer *answer)
{
	bool is_vector = strcmp(answer->type, "vector") == 0;
	bool is_scalar = strcmp(answer->type, "scalar") == 0;

	if (answer->status == STATUS_ERROR)
		return PROMETHEUS_E_ERROR;
	if (answer->status != STATUS_SUCCESS || !answer->has_result ||
	    !answer->type[0])
		return PROMETHEUS_E_NOT_ANSWER;
	if (!is_vector && !is_scalar)
		return PROMETHEUS_E_TYPE;
	if (answer->failed)
		return answer->failed;
	if (is_vector ? answer->is_pair
	              : !answer->is_pair || !answer->has_value)
		return PROMETHEUS_E_NOT_ANSWER;
	return 0;
}

int prometheus_answer_finish(struct prometheus_answer *answer)
{
	int r = json_scan_finish(&answer->json);

	return r == 0 ? judge(answer) : outcome_of(answer, r);
}
