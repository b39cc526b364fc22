/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prober: makes the health checks of one engine's containers that have none
 * of the engine's: those that a rule has a probe for, and instances of LXD and
 * Incus that carry one in their keys (core/probe_keys.h).
 *
 *   what the engine says ──▶ prober_see() ──▶ the same, with the health
 *   of a container               │             that our checks found
 *                                ▼
 *                         checks, each in its time ──▶ changed()
 *
 * It stands in front of whoever puts together what is known (source/
 * containers): each description passes through prober_see(), which begins and
 * ends checks by it and fills the health in; a change of health is told by
 * changed(), upon which the container should be looked at again.
 *
 * At most PROBER_MAX_CHECKS run at once, the others wait for their turn; of
 * one container never two. A check that could not be made (the engine is
 * away, the container was just stopped) says nothing about its health.
 */
#pragma once

#include <uv.h>
#include "base/log.h"
#include "base/macros.h"
#include "core/container.h"
#include "core/container_event.h"
#include "core/container_table.h"
#include "io/http_client.h"
#include "runtime/runtime.h"

#define PROBER_MAX_CHECKS 64

struct prober;

struct prober_options {
	uv_loop_t *loop;
	struct runtime *runtime;    /* borrowed until closed, as the others */
	struct http_client *client; /* NULL: no checks by HTTP */
	const struct log *log;
	const char *name;    /* of the source, in messages */
	const char *self_id; /* the bouncer's own container, ""; copied */
	uint64_t seed;
	/* From the loop. */
	void (*changed)(void *context, const char *id,
	                enum container_health health);
	void *context;
};

/* NULL if memory is out. What the options point to is borrowed. */
struct prober *prober_new(const struct prober_options *options) MUST_CHECK;

/* @query is borrowed; those that watch health count. 0 or -ENOMEM. */
int prober_subscribe(struct prober *prober,
                     const struct containers_query *query) MUST_CHECK;

/* Fills in what the checks of this container found, if it has some. Text is
 * borrowed until the next call of anything here. */
void prober_see(struct prober *prober, struct container *container);
/* Before whoever else hears of it. */
void prober_event(struct prober *prober, const struct runtime_event *event);
/* All that are there are seen between the two; who was not, is gone, if the
 * list was whole. */
void prober_list_begin(struct prober *prober);
void prober_list_end(struct prober *prober, bool whole);

size_t prober_count(const struct prober *prober); /* containers checked */

/* Cancels and frees; @closed is called once, from the loop. */
void prober_close(struct prober *prober, void (*closed)(void *context),
                  void *context);
