/* SPDX-License-Identifier: Apache-2.0 */
/* routes_private: what routes.c and answer.c share. */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "registry/http/routes.h"

struct registry_http {
	struct registry *registry;
	struct arena arena;  /* the tree */
	struct place *root;  /* of paths, by their parts */
	struct list parts;   /* registry_http_part */
	struct list pending; /* edits */
	uv_timer_t end;      /* never runs: its close comes from the loop */
	bool closing;
	void (*closed)(void *context);
	void *context;
};

/* Something ended; if it was the last, the close goes on. */
void registry_http_maybe_closed(struct registry_http *http);

/* --- pages (answer.c) ------------------------------------------------------ */

struct page {
	uint64_t number; /* from 1 */
	uint64_t size;   /* of one */
	uint64_t count;  /* of all pages */
};

/* Which one is asked for; false: answered 400. */
bool page_read(struct registry_call *call, struct page *page);
/* @results: the array as JSON; borrowed. */
void page_answer(struct registry_call *call, const struct page *page,
                 const struct buf *results);
