/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source: where knowledge comes from. A source knows its subscribers only as
 * numbered subscriptions and what to look for; limits and actions are not its
 * business. It publishes one observation per subscription and reading, all of
 * one reading between a begin and an end, so that whoever listens can judge
 * them together (the storm guard needs that).
 */
#pragma once

#include <stdint.h>
#include "core/observation.h"
#include "core/sample.h"

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
