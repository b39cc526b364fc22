/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template: text with `{{ name }}` in it. The names are the facts of a notice
 * (template_names); a name that does not exist is an error of the
 * configuration, not a hole in a message.
 *
 * How a value is written follows from the kind of text: in JSON it is escaped
 * for the inside of a string, in a URL percent-encoded, in plain text bare.
 * `labels.NAME` and `annotations.NAME` are those of a series or an alert, by
 * any name; what it has not is empty. There is no logic and no shell in it. Numbers (exit_code, attempt, …_seconds)
 * are written as such, so that in JSON they may stand without quotes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "core/notice.h"

#define TEMPLATE_MAX_VALUE 4096 /* bytes of one value; cut beyond */

enum template_kind {
	TEMPLATE_PLAIN, /* of several lines; UTF-8 */
	TEMPLATE_LINE,  /* the same on one line: the value of a header */
	TEMPLATE_JSON,
	TEMPLATE_URL, /* a whole URL: names only behind its host */
};

/*
 * template_check() - can @text be rendered?
 *
 * 0, or -EINVAL with words: which name, where, and the nearest known one. For
 * TEMPLATE_JSON the whole, filled with samples, must be a JSON document, and
 * for TEMPLATE_URL one that can be called. -ENOMEM.
 */
int template_check(struct slice text, enum template_kind kind,
                   struct err *err) MUST_CHECK;

/* What beside the facts of every notice a monitor has to tell. */
enum template_facts {
	TEMPLATE_VALUE = 1 << 0, /* value, threshold, level, labels.* */
	TEMPLATE_ALERT = 1 << 1, /* value, status, labels.*, annotations.*,
	                            starts_at, generator_url */
	TEMPLATE_ALL = TEMPLATE_VALUE | TEMPLATE_ALERT,
};

/* The same for the notices of one monitor, which has only @facts (a set of
 * the above): a name that is of others is an error, too. template_check() is
 * for what is told of any monitor: there such a name is empty. */
int template_check_for(struct slice text, enum template_kind kind,
                       unsigned facts, struct err *err) MUST_CHECK;

/* Is there a name in it? */
bool template_has_names(struct slice text);

/* Appends the text with the notice's values; what is no known name stays as it
 * is written. A failure stays in @out->failed. */
void template_render(struct slice text, enum template_kind kind,
                     const struct notice *notice, struct buf *out);

/* All names but labels.* and annotations.*, for help and documentation; ended by NULL. */
#define TEMPLATE_N_NAMES 31
extern const char *const template_names[TEMPLATE_N_NAMES + 1];
