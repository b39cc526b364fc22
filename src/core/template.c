/* SPDX-License-Identifier: Apache-2.0 */
#include "core/template.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include "base/duration.h"
#include "base/text.h"
#include "core/webhook.h"
#include "proto/json.h"
#include "proto/timestamp.h"
#include "proto/url.h"

#define CHECK_MAX_BODY WEBHOOK_MAX_BODY
#define SHORT_ID       12 /* characters, as docker ps shows */
#define NAME_IN_WORDS  40 /* bytes of a wrong name that are repeated */

enum template_name {
	NAME_EVENT,
	NAME_TITLE,
	NAME_MESSAGE,
	NAME_MONITOR,
	NAME_RULE,
	NAME_CONTAINER,
	NAME_ID,
	NAME_SHORT_ID,
	NAME_IMAGE,
	NAME_RUNTIME,
	NAME_HOST,
	NAME_REASON,
	NAME_STEP,
	NAME_RESULT,
	NAME_DETAIL,
	NAME_OUTPUT,
	NAME_EXIT_CODE,
	NAME_AGE,
	NAME_AGE_SECONDS,
	NAME_ATTEMPT,
	NAME_MAX_ATTEMPTS,
	NAME_NEXT_SECONDS,
	NAME_STOP_TIMEOUT,
	NAME_HELD,
	NAME_TIME,
	NAME_VALUE,
	NAME_THRESHOLD,
	NAME_LEVEL,
	NAME_STATUS,
	NAME_STARTS_AT,
	NAME_GENERATOR_URL,
	N_NAMES,
	NAME_LABEL = N_NAMES, /* labels.*, */
	NAME_ANNOTATION,      /* annotations.* */
};

const char *const template_names[TEMPLATE_N_NAMES + 1] = {
	[NAME_EVENT] = "event",
	[NAME_TITLE] = "title",
	[NAME_MESSAGE] = "message",
	[NAME_MONITOR] = "monitor",
	[NAME_RULE] = "rule",
	[NAME_CONTAINER] = "container",
	[NAME_ID] = "id",
	[NAME_SHORT_ID] = "short_id",
	[NAME_IMAGE] = "image",
	[NAME_RUNTIME] = "runtime",
	[NAME_HOST] = "host",
	[NAME_REASON] = "reason",
	[NAME_STEP] = "step",
	[NAME_RESULT] = "result",
	[NAME_DETAIL] = "detail",
	[NAME_OUTPUT] = "output",
	[NAME_EXIT_CODE] = "exit_code",
	[NAME_AGE] = "age",
	[NAME_AGE_SECONDS] = "age_seconds",
	[NAME_ATTEMPT] = "attempt",
	[NAME_MAX_ATTEMPTS] = "max_attempts",
	[NAME_NEXT_SECONDS] = "next_seconds",
	[NAME_STOP_TIMEOUT] = "stop_timeout",
	[NAME_HELD] = "held",
	[NAME_TIME] = "time",
	[NAME_VALUE] = "value",
	[NAME_THRESHOLD] = "threshold",
	[NAME_LEVEL] = "level",
	[NAME_STATUS] = "status",
	[NAME_STARTS_AT] = "starts_at",
	[NAME_GENERATOR_URL] = "generator_url",
};

_Static_assert((int)N_NAMES == TEMPLATE_N_NAMES, "a name without a row");

/* A name of a template. */
struct found {
	enum template_name name;
	struct slice label; /* what stands behind labels. or annotations. */
};

/* --- values --------------------------------------------------------------- */

/* Room for the values that are made; a struct of its own for each rendering. */
union made {
	char title[NOTICE_TITLE_MAX];
	char words[NOTICE_WORDS_MAX];
	char span[DURATION_TEXT_MAX];
	char time[TIMESTAMP_TEXT_MAX];
};

static const char *text_value(const struct notice *notice,
                              enum template_name name, union made *made)
{
	const char *const members[N_NAMES] = {
		[NAME_EVENT] = notice_event_name(notice->event),
		[NAME_MONITOR] = notice->monitor,
		[NAME_RULE] = notice->rule,
		[NAME_CONTAINER] = notice->container,
		[NAME_ID] = notice->id,
		[NAME_SHORT_ID] = notice->id,
		[NAME_IMAGE] = notice->image,
		[NAME_RUNTIME] = notice->runtime,
		[NAME_HOST] = notice->host,
		[NAME_REASON] = notice->reason,
		[NAME_STEP] = notice->step,
		[NAME_RESULT] = notice->result,
		[NAME_DETAIL] = notice->detail,
		[NAME_OUTPUT] = notice->output,
		[NAME_VALUE] = notice->value,
		[NAME_THRESHOLD] = notice->threshold,
		[NAME_LEVEL] = notice->level,
		[NAME_STATUS] = notice->status,
		[NAME_STARTS_AT] = notice->starts_at,
		[NAME_GENERATOR_URL] = notice->generator_url,
	};

	if (name == NAME_TITLE) {
		notice_title(notice, made->title);
		return made->title;
	}
	if (name == NAME_MESSAGE) {
		notice_words(notice, made->words);
		return made->words;
	}
	if (name == NAME_AGE)
		return duration_format(notice->age_ms, made->span);
	if (name == NAME_TIME)
		return timestamp_format(notice->wall_ms, made->time);
	return members[name];
}

/* False: it is no number. */
static bool number_value(const struct notice *notice, enum template_name name,
                         int64_t *valuep)
{
	const int64_t values[N_NAMES] = {
		[NAME_EXIT_CODE] = notice->exit_code,
		[NAME_AGE_SECONDS] = (int64_t)(notice->age_ms / 1000),
		[NAME_ATTEMPT] = notice->attempt,
		[NAME_MAX_ATTEMPTS] = notice->max_attempts,
		[NAME_NEXT_SECONDS] = (int64_t)((notice->next_ms + 999) / 1000),
		[NAME_STOP_TIMEOUT] = notice->stop_timeout_ms < 0
		                              ? -1
		                              : notice->stop_timeout_ms / 1000,
		[NAME_HELD] = notice->n_held,
	};

	*valuep = values[name];
	return name == NAME_EXIT_CODE || name == NAME_AGE_SECONDS ||
	       name == NAME_ATTEMPT || name == NAME_MAX_ATTEMPTS ||
	       name == NAME_NEXT_SECONDS || name == NAME_STOP_TIMEOUT ||
	       name == NAME_HELD;
}

static void put_text(struct buf *out, enum template_kind kind,
                     struct slice text)
{
	text = text_cut(text, TEMPLATE_MAX_VALUE);
	switch (kind) {
	case TEMPLATE_PLAIN:
	case TEMPLATE_LINE:
		text_append_clean(out, text, kind == TEMPLATE_PLAIN);
		return;
	case TEMPLATE_JSON:
		text_escape_json(out, text);
		return;
	case TEMPLATE_URL:
		text_escape_url(out, text);
		return;
	}
}

/* Of the label called @name; empty if there is none. One without a name stands
 * for all, in samples. */
static struct slice label_value(const struct label *labels, size_t n,
                                struct slice name)
{
	for (size_t i = 0; i < n; i++) {
		if (!labels[i].name.p || slice_equal(labels[i].name, name))
			return labels[i].value;
	}
	return slice_from("");
}

static void put_value(struct buf *out, enum template_kind kind,
                      const struct notice *notice, struct found found)
{
	enum template_name name = found.name;
	union made made;
	int64_t number;

	if (name == NAME_LABEL)
		put_text(out, kind,
		         label_value(notice->labels, notice->n_labels,
		                     found.label));
	else if (name == NAME_ANNOTATION)
		put_text(out, kind,
		         label_value(notice->annotations, notice->n_annotations,
		                     found.label));
	else if (number_value(notice, name, &number))
		(void)buf_printf(out, "%" PRId64, number);
	else if (name == NAME_SHORT_ID)
		put_text(out, kind, text_cut(slice_from(notice->id), SHORT_ID));
	else
		put_text(out, kind,
		         slice_from(text_value(notice, name, &made)));
}

/* --- reading --------------------------------------------------------------- */

/* One piece of a template: text, or a name in braces. */
struct piece {
	struct slice text; /* as written */
	struct slice name; /* between the braces; p NULL: none */
	bool open;         /* braces that are not closed */
};

static struct piece next_piece(struct slice text)
{
	struct piece piece = { .text = text };
	const char *begin = text.n ? memmem(text.p, text.n, "{{", 2) : NULL;
	const char *end;

	if (!begin)
		return piece;
	if (begin > text.p) {
		piece.text.n = (size_t)(begin - text.p);
		return piece;
	}
	end = memmem(text.p + 2, text.n - 2, "}}", 2);
	piece.open = !end;
	if (!end)
		return piece;
	piece.text.n = (size_t)(end + 2 - text.p);
	piece.name =
		slice_trim(slice_make(text.p + 2, (size_t)(end - text.p) - 2));
	return piece;
}

static bool find_label(struct slice text, const char *prefix,
                       enum template_name name, struct found *found)
{
	size_t n = strlen(prefix);

	if (text.n <= n || memcmp(text.p, prefix, n) != 0)
		return false;
	*found = (struct found){ name, slice_skip(text, n) };
	return true;
}

static bool find_name(struct slice text, struct found *found)
{
	for (int i = 0; i < N_NAMES; i++) {
		if (!slice_is(text, template_names[i]))
			continue;
		*found = (struct found){ .name = (enum template_name)i };
		return true;
	}
	return find_label(text, "labels.", NAME_LABEL, found) ||
	       find_label(text, "annotations.", NAME_ANNOTATION, found);
}

bool template_has_names(struct slice text)
{
	return text.n && memmem(text.p, text.n, "{{", 2) != NULL;
}

void template_render(struct slice text, enum template_kind kind,
                     const struct notice *notice, struct buf *out)
{
	while (text.n && !out->failed) {
		struct piece piece = next_piece(text);
		struct found found;

		if (piece.name.p && find_name(piece.name, &found))
			put_value(out, kind, notice, found);
		else
			(void)buf_append(out, piece.text.p, piece.text.n);
		text = slice_skip(text, piece.text.n);
	}
}

/* --- checking --------------------------------------------------------------- */

/* The lowest, usual and highest that a notice can have. The text is such that
 * it is only JSON inside of quotes. */
static const struct notice *sample(size_t at)
{
	static const struct label hostile = { { NULL, 0 }, { "a\"b\\c", 5 } };
#define TEXTS(text)                                                           \
	.monitor = (text), .rule = (text), .container = (text), .id = (text), \
	.image = (text), .runtime = (text), .host = (text), .reason = (text), \
	.step = (text), .result = (text), .detail = (text), .output = (text), \
	.value = (text), .threshold = (text), .level = (text),                \
	.status = (text), .starts_at = (text), .generator_url = (text)
	static const struct notice samples[] = {
		{ TEXTS(""), .exit_code = -1 },
		{ TEXTS("a\"b\\c"), .event = NOTICE_TEST, .exit_code = 1,
		  .age_ms = 61000, .attempt = 2, .max_attempts = 5,
		  .labels = &hostile, .n_labels = 1, .annotations = &hostile,
		  .n_annotations = 1, .next_ms = 30000, .n_held = 3,
		  .wall_ms = 1700000000000 },
		{ TEXTS("z"), .event = NOTICE_STORM, .exit_code = INT64_MAX,
		  .age_ms = UINT64_MAX, .attempt = UINT32_MAX,
		  .max_attempts = UINT32_MAX, .next_ms = UINT64_MAX - 999,
		  .n_held = UINT32_MAX, .wall_ms = INT64_MAX },
	};
#undef TEXTS

	return at < ARRAY_SIZE(samples) ? &samples[at] : NULL;
}

static int check_json(struct slice text, struct err *err)
{
	struct json_t *root = NULL;
	int r = json_parse(text, &root, err);

	json_free(root);
	if (r == -EINVAL)
		err_wrap(err, "not JSON when it is filled in; text must "
		              "stand in quotes");
	return r;
}

static int check_url(struct slice text, struct err *err)
{
	struct slice target;
	struct url url;

	return url_parse_target(text, &url, &target, err);
}

/* The rendered samples, as a whole. */
static int check_filled(struct slice text, enum template_kind kind,
                        struct err *err)
{
	const struct notice *notice;
	struct buf buf;
	int r = 0;

	buf_init(&buf, CHECK_MAX_BODY);
	for (size_t i = 0; r == 0 && (notice = sample(i)) != NULL; i++) {
		buf_reset(&buf);
		template_render(text, kind, notice, &buf);
		if (buf.failed == -E2BIG)
			r = err_set(err, -EINVAL, "longer than %u bytes",
			            CHECK_MAX_BODY);
		else if (buf.failed)
			r = err_set(err, buf.failed, "out of memory");
		else if (kind == TEMPLATE_JSON)
			r = check_json(buf_slice(&buf), err);
		else if (kind == TEMPLATE_URL)
			r = check_url(buf_slice(&buf), err);
	}
	buf_fini(&buf);
	return r;
}

/* Which facts a name is of; 0: every monitor has it. */
static const unsigned facts_of[] = {
	[NAME_THRESHOLD] = TEMPLATE_VALUE,
	[NAME_LEVEL] = TEMPLATE_VALUE,
	[NAME_VALUE] = TEMPLATE_ALL,
	[NAME_LABEL] = TEMPLATE_ALL,
	[NAME_STATUS] = TEMPLATE_ALERT,
	[NAME_STARTS_AT] = TEMPLATE_ALERT,
	[NAME_GENERATOR_URL] = TEMPLATE_ALERT,
	[NAME_ANNOTATION] = TEMPLATE_ALERT,
};

static int check_facts(struct found found, struct slice name, size_t at,
                       unsigned facts, struct err *err)
{
	unsigned wanted = facts_of[found.name];
	struct slice shown = text_cut(name, NAME_IN_WORDS);

	if (wanted == 0 || (wanted & facts))
		return 0;
	return err_set(err, -EINVAL,
	               "{{ " SLICE_FMT " }} at character %zu is of monitors "
	               "that watch %s only",
	               SLICE_ARG(shown), at,
	               wanted == TEMPLATE_ALL     ? "metrics or alerts"
	               : wanted == TEMPLATE_VALUE ? "metrics"
	                                          : "alerts");
}

static int check_name(struct piece piece, size_t at, unsigned facts,
                      struct err *err)
{
	const char *nearest;
	struct found found;
	struct buf shown;
	int r;

	if (piece.open)
		return err_set(err, -EINVAL,
		               "{{ at character %zu is not closed by }}", at);
	if (!piece.name.p)
		return 0;
	if (find_name(piece.name, &found))
		return check_facts(found, piece.name, at, facts, err);
	nearest = text_nearest(piece.name, template_names, N_NAMES);
	buf_init(&shown, 4 * NAME_IN_WORDS);
	text_escape_plain(&shown, text_cut(piece.name, NAME_IN_WORDS));
	r = err_set(err, -EINVAL,
	            "{{ %s }} at character %zu is not known%s%s%s",
	            buf_text(&shown), at, nearest ? "; did you mean {{ " : "",
	            nearest ? nearest : "", nearest ? " }}?" : "");
	buf_fini(&shown);
	return r;
}

/* Where names may begin to stand in it. */
static size_t origin_length(struct slice url)
{
	const char *colon = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
	size_t at = colon ? (size_t)(colon - url.p) + 3 : 0;

	while (at < url.n && !strchr("/?", url.p[at]))
		at++;
	return at;
}

int template_check_for(struct slice text, enum template_kind kind,
                       unsigned facts, struct err *err)
{
	size_t origin = kind == TEMPLATE_URL ? origin_length(text) : 0;
	size_t at = 0;

	if (text.n && memchr(text.p, '\0', text.n))
		return err_set(err, -EINVAL, "contains a NUL byte");
	while (at < text.n) {
		struct piece piece = next_piece(slice_skip(text, at));
		int r = check_name(piece, at + 1, facts, err);

		if (r < 0)
			return r;
		if (piece.name.p && at < origin)
			return err_set(err, -EINVAL,
			               "{{ }} may stand behind the host only");
		at += piece.text.n;
	}
	return check_filled(text, kind, err);
}

int template_check(struct slice text, enum template_kind kind, struct err *err)
{
	return template_check_for(text, kind, TEMPLATE_ALL, err);
}
