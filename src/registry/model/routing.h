/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routing: which notifiers are told of the alerts of a message, and of each
 * that is not, why.
 *
 * Each alert is looked at by itself: its labels `service` and `project` name
 * objects (what an alert lacks is taken from what all have in common, so a
 * message that is grouped in any way will do). Told are the notifiers of
 * those, and those that belong to neither: they hear of everything. A project
 * that does not belong to the service that is named is somebody's mistake:
 * then neither is told. A notifier gets those alerts that its filters let
 * through, all together; of several with the same receiver the first gets
 * what all would. What a rule drops (registry/model/drop_rules.h) nobody is
 * offered.
 *
 * Pure. What a routing has lies in its arena, in the message and in the model.
 */
#pragma once

#include "base/arena.h"
#include "base/json_writer.h"
#include "base/list.h"
#include "proto/alertmanager.h"
#include "registry/model/drop_rules.h"
#include "registry/model/model.h"

enum route_verdict {
	ROUTE_TOLD,
	ROUTE_DISABLED,
	ROUTE_FILTERED, /* no alert passes its filters */
	ROUTE_SAME,     /* another has the same receiver and is told */
};

/* One notifier that was looked at. */
struct route {
	const struct object *notifier;
	enum route_verdict verdict;
	const struct route *same; /* of ROUTE_SAME */
	uint8_t *alerts;          /* a bit for each that it is told of */
	uint32_t n_alerts;        /* how many those are */
	uint32_t n_offered;       /* how many it might have been told of */
	const char *why;          /* in words: "its filter severity=…" */
	/* private */
	struct route_filter *filters;
	struct list node;
};

/* What the labels of some alerts named. */
struct route_place {
	struct slice service, project;       /* labels; n is 0: none */
	const struct object *service_object; /* NULL: there is none … */
	const struct object *project_object; /* … of that name */
	bool service_was, project_was;       /* it had that name before */
	bool mismatch; /* the project is not the service's */
	uint32_t n_alerts;
	/* private */
	struct list node;
	struct route_alert *first, **last;
};

/* Alerts that a rule drops. */
struct route_drop {
	unsigned rule;
	const char *why; /* "dropped by drop_alerts[0]: severity=…" */
	uint32_t n_alerts;
	/* private */
	struct list node;
};

/* Who had that name before it was called otherwise; NULL: nobody. */
struct routing_names {
	const struct object *(*former)(void *context, enum kind kind,
	                               struct slice name);
	void *context;
};

struct routing {
	struct list places; /* struct route_place, as alerts came */
	struct list routes; /* struct route: of services, projects, then all */
	struct list drops;  /* struct route_drop, as alerts came */
	uint32_t n_told;    /* notifiers */
	uint32_t n_alerts;  /* of the message; 1 if it lists none */
	uint32_t n_dropped; /* of those */
	/* private */
	uint8_t *dropped; /* a bit for each; NULL: none is */
	struct arena arena;
};

/*
 * routing_make() - find who is told
 * @names: may be NULL
 * @rules: what is dropped; NULL: nothing
 *
 * A message without a list of alerts counts as one with its common labels. 0,
 * or -ENOMEM; routing_fini() in any case.
 */
int routing_make(struct routing *routing, const struct model *model,
                 const struct am_message *message,
                 const struct routing_names *names,
                 const struct drop_rules *rules) MUST_CHECK;
void routing_fini(struct routing *routing);

static inline bool route_has(const struct route *route, uint32_t alert)
{
	return route->alerts[alert / 8] & (1 << alert % 8);
}

static inline bool routing_drops(const struct routing *routing, uint32_t alert)
{
	return routing->dropped &&
	       (routing->dropped[alert / 8] & (1 << alert % 8));
}

/* Does a rule drop all of them? */
bool routing_drops_all(const struct am_message *message,
                       const struct drop_rules *rules);

/* "told", "disabled", "filtered", "same receiver". */
const char *route_verdict_name(enum route_verdict verdict);

/* Members of the object that is being written: "labels": what was found for
 * them, "notifiers": all that were looked at, "told": how many of them;
 * "dropped": which rules dropped how many alerts. */
void routing_write(struct json_writer *json, const struct routing *routing);
