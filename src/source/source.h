/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source: where knowledge comes from. A source knows its subscribers only as
 * numbered subscriptions and what to look for; limits and actions are not its
 * business. It publishes one observation per subscription and reading, all of
 * one reading between a begin and an end, so that whoever listens can judge
 * them together (the storm guard needs that).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/log.h"
#include "base/macros.h"
#include "core/observation.h"
#include "core/sample.h"
#include "proto/url.h"

/* What every kind has in common; embedded first in each. */
struct source {
	const char *name; /* for log, metrics and API: no password in it */
};

/* Called from the loop. The callbacks may close the source, or ask it to look
 * again; they must not add subscriptions. */
struct source_listener {
	/* A reading is about to be published; all subscriptions follow. */
	void (*begin)(void *context, struct source *source,
	              const struct reading *reading);
	/* @subscription: the number given when it was added. */
	void (*observe)(void *context, struct source *source,
	                uint32_t subscription,
	                const struct observation *observation);
	void (*end)(void *context, struct source *source);
	void *context;
};

/*
 * The same of a source of values. What a value means, and which of several
 * series counts, is the listener's business.
 */
struct samples_listener {
	void (*begin)(void *context, struct source *source,
	              const struct reading *reading);
	/* @samples NULL: the source could not be read; else the series found,
	 * maybe none (@n 0), borrowed for the call. */
	void (*samples)(void *context, struct source *source,
	                uint32_t subscription, const struct sample *samples,
	                size_t n);
	void (*end)(void *context, struct source *source);
	void *context;
};

/* --- what those that ask over HTTP share ---------------------------------- */

/* The URL without user and password, to be freed with mem_free(); NULL if out
 * of memory. */
char *source_make_name(const struct url *url) MUST_CHECK;

/* What an exchange is called that failed with @code, a UV_E… or an
 * http_outcome; @status is that of the answer, 0 if none had begun. */
enum reading_result source_result_of(int code, unsigned status);

/* One line for each change of how readings go, whatever their number. */
struct source_log {
	const struct log *log; /* borrowed; may be NULL */
	const char *query;     /* what is asked of it, borrowed; NULL: all */

	/* private below */
	bool has_read;
	enum reading_result last;
};
void source_log_reading(struct source_log *log, const struct source *source,
                        const struct reading *reading);
