/* SPDX-License-Identifier: Apache-2.0 */
#include "core/notice.h"

#include <inttypes.h>
#include <string.h>
#include "base/buf.h"
#include "base/duration.h"
#include "base/macros.h"
#include "base/text.h"
#include "core/step.h"

#define WORDS_ROOM  16384 /* while they are put together */
#define WORDS_VALUE 1024  /* bytes of one value */

static const char *const event_names[N_NOTICE_EVENTS] = {
	[NOTICE_BOUNCED] = "bounced", [NOTICE_RECOVERED] = "recovered",
	[NOTICE_GAVE_UP] = "gave_up", [NOTICE_STORM] = "storm",
	[NOTICE_TEST] = "test",       [NOTICE_STEP] = "step",
};

const char *notice_event_name(enum notice_event event)
{
	return event_names[event];
}

const char *notice_subject(const struct notice *notice)
{
	return notice->container[0] ? notice->container : notice->monitor;
}

/* What was done to it, in the past tense. */
static const char *done_words(const char *step)
{
	static const char *const words[N_STEP_KINDS] = {
		[STEP_RESTART] = "restarted",
		[STEP_STOP] = "stopped",
		[STEP_START] = "started",
		[STEP_KILL] = "killed",
		[STEP_EXEC] = "ran a command in",
		[STEP_RUN] = "ran a command for",
		[STEP_LOG] = "logged",
		[STEP_REMOVE] = "removed",
		[STEP_WEBHOOK] = "called a webhook for",
	};

	for (int i = 0; i < N_STEP_KINDS; i++)
		if (strcmp(step, step_kind_name((enum step_kind)i)) == 0)
			return words[i];
	return "bounced";
}

static void put_text(struct buf *buf, const char *value)
{
	text_append_clean(buf, text_cut(slice_from(value), WORDS_VALUE), false);
}

/* Words, and to whom they apply. */
static void put_with(struct buf *buf, const char *words,
                     const struct notice *notice)
{
	put_text(buf, words);
	(void)buf_putc(buf, ' ');
	put_text(buf, notice_subject(notice));
}

static void put_attempt(struct buf *buf, const struct notice *notice)
{
	if (notice->attempt == 0)
		return;
	(void)buf_printf(buf, " (attempt %" PRIu32, notice->attempt);
	if (notice->max_attempts)
		(void)buf_printf(buf, " of %" PRIu32, notice->max_attempts);
	(void)buf_putc(buf, ')');
}

static void put_next(struct buf *buf, const struct notice *notice)
{
	char span[DURATION_TEXT_MAX];

	if (notice->next_ms)
		(void)buf_printf(buf, "; next try in %s",
		                 duration_format(notice->next_ms, span));
}

/* ": why", in front of the rest. */
static void put_reason(struct buf *buf, const struct notice *notice)
{
	if (!notice->reason[0])
		return;
	(void)buf_puts(buf, ": ");
	put_text(buf, notice->reason);
}

static void put_bounced(struct buf *buf, const struct notice *notice)
{
	bool ok = strcmp(notice->result, step_result_name(STEP_OK)) == 0;

	if (ok || !notice->result[0]) {
		put_with(buf, done_words(notice->step), notice);
	} else {
		(void)buf_puts(buf, strcmp(notice->result,
		                           step_result_name(STEP_DRY_RUN)) == 0
		                            ? "would "
		                            : "could not ");
		put_with(buf, notice->step[0] ? notice->step : "bounce",
		         notice);
	}
	put_reason(buf, notice);
	if (!ok && notice->detail[0]) {
		(void)buf_puts(buf, "; ");
		put_text(buf, notice->detail);
	}
	put_attempt(buf, notice);
	put_next(buf, notice);
}

static void put_gave_up(struct buf *buf, const struct notice *notice)
{
	put_with(buf, "gave up on", notice);
	if (notice->attempt)
		(void)buf_printf(buf, " after %" PRIu32 " attempt%s",
		                 notice->attempt,
		                 notice->attempt == 1 ? "" : "s");
	put_reason(buf, notice);
	put_next(buf, notice);
}

static void put_storm(struct buf *buf, const struct notice *notice)
{
	put_with(buf, "a storm holds back", notice);
	if (notice->n_held > 1)
		(void)buf_printf(buf, " and %" PRIu32 " more",
		                 notice->n_held - 1);
	put_reason(buf, notice);
}

static void put_words(struct buf *buf, const struct notice *notice)
{
	char span[DURATION_TEXT_MAX];

	switch (notice->event) {
	case NOTICE_BOUNCED:
		put_bounced(buf, notice);
		return;
	case NOTICE_RECOVERED:
		put_text(buf, notice_subject(notice));
		(void)buf_puts(buf, " has recovered");
		if (notice->age_ms)
			(void)buf_printf(buf, " after %s",
			                 duration_format(notice->age_ms, span));
		put_attempt(buf, notice);
		return;
	case NOTICE_GAVE_UP:
		put_gave_up(buf, notice);
		return;
	case NOTICE_STORM:
		put_storm(buf, notice);
		return;
	case NOTICE_TEST:
		(void)buf_puts(buf, "a test: notifications arrive");
		return;
	case NOTICE_STEP:
	case N_NOTICE_EVENTS:
		break;
	}
	put_text(buf, notice_subject(notice));
	put_reason(buf, notice);
	put_attempt(buf, notice);
}

static void copy_text(struct buf *from, char *out, size_t size)
{
	struct slice text = text_cut(buf_slice(from), size - 1);

	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	buf_fini(from);
}

void notice_words(const struct notice *notice, char *out)
{
	struct buf buf;

	buf_init(&buf, WORDS_ROOM);
	put_words(&buf, notice);
	copy_text(&buf, out, NOTICE_WORDS_MAX);
}

void notice_title(const struct notice *notice, char *out)
{
	struct buf buf;

	buf_init(&buf, WORDS_ROOM);
	if (notice->host[0]) {
		put_text(&buf, notice->host);
		(void)buf_puts(&buf, ": ");
	}
	if (notice->event == NOTICE_GAVE_UP) {
		put_with(&buf, "gave up on", notice);
	} else if (notice->event == NOTICE_STORM) {
		(void)buf_puts(&buf, "a storm holds bounces back");
	} else if (notice->event == NOTICE_TEST) {
		(void)buf_puts(&buf, "a test of Bouncer");
	} else {
		put_text(&buf, notice_subject(notice));
		(void)buf_puts(
			&buf, notice->event == NOTICE_BOUNCED     ? " bounced"
			      : notice->event == NOTICE_RECOVERED ? " recovered"
								  : "");
	}
	copy_text(&buf, out, NOTICE_TITLE_MAX);
}
