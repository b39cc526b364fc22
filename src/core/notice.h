/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notice: what people are told about: a bounce, that it helped, that we gave
 * up, that a storm holds everything back. Facts only; what is made of them is
 * the template's business (core/template.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/label.h"

enum notice_event {
	NOTICE_BOUNCED, /* the last step of a walk, or the one that failed */
	NOTICE_RECOVERED,
	NOTICE_GAVE_UP,
	NOTICE_STORM, /* held by a storm: once for each storm */
	NOTICE_TEST,  /* bouncer notify --test */
	NOTICE_STEP,  /* a webhook step; never subscribed to */
	N_NOTICE_EVENTS,
};

/* All text is borrowed for the call, never NULL. */
struct notice {
	enum notice_event event;
	const char *monitor;     /* the whole name: "health/shop/web/1" */
	const char *rule;        /* "health"; the same as monitor without one */
	const char *container;   /* or the target's name; "" if there is none */
	const char *id;          /* of the container; "" if there is none */
	const char *image;       /* "" if not known */
	const char *runtime;     /* "docker" */
	const char *host;        /* of this machine, or as configured */
	const char *reason;      /* "container is unhealthy" */
	const char *step;        /* "restart", "" if none was made */
	const char *result;      /* "ok", "failed", … of that step */
	const char *detail;      /* words of the engine */
	const char *output;      /* the failing check's last words */
	int64_t exit_code;       /* of the check or the container; -1 */
	uint64_t age_ms;         /* for how long it has been bad */
	uint32_t attempt;        /* from 1 */
	uint32_t max_attempts;   /* 0: no limit */
	uint64_t next_ms;        /* from now to the next try; 0: none follows */
	int64_t stop_timeout_ms; /* that a restart grants; -1: its own */
	uint32_t n_held;         /* storm: monitors that wait */
	int64_t wall_ms;         /* Unix time */
	const struct label
		*labels; /* of the series or the alert; may be NULL */
	size_t n_labels;
	const struct label *annotations; /* of the alert; may be NULL */
	size_t n_annotations;
	const char *value;     /* "104.5", of a metric or in words of the alert;
	                          NULL: none */
	const char *threshold; /* ">100", of the level; NULL: none */
	const char *level;     /* "soft", "hard"; NULL: none, or one limit without
	                          a name */
	const char *status;    /* "firing", "resolved", of an alert; NULL */
	const char *starts_at; /* of an alert, RFC 3339; NULL */
	const char *generator_url; /* what says more about it; NULL */
	uint64_t epoch;            /* of our leadership; 0: nobody asked */
};

/* "bounced", "recovered", "gave_up", "storm", "test", "step". */
const char *notice_event_name(enum notice_event event);

/*
 * notice_words() - it in one line
 * notice_title() - what stands above it
 *
 * "restarted web-1: container is unhealthy (attempt 2 of 5)" and "box: web-1
 * bounced". Both are UTF-8 without control characters, whatever the notice
 * has, and are cut to @out's size, NOTICE_WORDS_MAX and NOTICE_TITLE_MAX.
 */
#define NOTICE_WORDS_MAX 512
#define NOTICE_TITLE_MAX 256
void notice_words(const struct notice *notice, char *out);
void notice_title(const struct notice *notice, char *out);

/* The container, or else the monitor: what people know it by. */
const char *notice_subject(const struct notice *notice);
