/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers_kit: an engine that a test makes up, behind a struct runtime, and
 * the source that watches it.
 *
 * The engine answers from the loop, as long as it is not held. What happens
 * in it (kit_happens()) is told to whoever watches, and remembered for those
 * who take up the stream again.
 */
#pragma once

#include "support/cmocka.h"

#include "base/list.h"
#include "source/containers.h"
#include "support/loop.h"

#define KIT_CONTAINERS 256
#define KIT_EVENTS     1024

struct kit_container {
	bool there;
	char id[32];
	char name[32];
	struct container state;
	unsigned nth_look; /* of all, the last at it */
	/* what was told of it; NULL member: it is not covered */
	bool covered;
	unsigned n_told;
	struct observation last;
};

struct kit {
	struct test_loop loop;
	struct log log;
	unsigned n_lost, n_found, n_denied; /* log lines */

	/* the engine */
	struct runtime runtime;
	struct kit_container containers[KIT_CONTAINERS];
	size_t n_containers;
	struct runtime_event events[KIT_EVENTS];
	size_t n_events;
	int64_t now_ns;
	struct runtime_watch *watch;
	bool watch_open, watch_unwatched;
	unsigned n_watches;  /* streams asked for */
	struct list pending; /* calls */
	unsigned n_pending, n_looking, max_looking;
	unsigned n_lists, n_looks;
	int64_t since_ns; /* of the last stream */
	uv_timer_t turn;
	bool held;         /* it answers nothing */
	bool down;         /* nothing can be opened or asked */
	bool no_events;    /* ENOTSUP, from the loop */
	bool never_events; /* … at once */
	bool fail_looks;
	bool refuse_calls; /* out of memory: nothing begins */

	/* the source */
	struct containers *source;
	struct exit_codes codes;
	struct selector selector;
	struct containers_query query;
	unsigned n_begun, n_readings, n_unknown;
	enum reading_result reading;
	bool begun, closed;
	int close_at;       /* within the so manyth callback; -1: in none */
	bool check_at_once; /* whoever is told of asks again, once */
};

void kit_init(struct kit *kit, uint64_t resync_ms, uint64_t poll_ms);
void kit_start(struct kit *kit);
/* Closes if the test did not, and waits for it. */
void kit_fini(struct kit *kit);

struct kit_container *kit_add(struct kit *kit, const char *id,
                              const char *name);
/* It happens, and is told if somebody watches. The state is the test's. */
void kit_happens(struct kit *kit, enum runtime_event_kind kind,
                 const struct kit_container *container);
/* The check of it finds that. */
void kit_health(struct kit *kit, struct kit_container *container,
                enum container_health health);
/* The stream ends. */
void kit_cut(struct kit *kit);

/* Runs the loop until @condition; it fails the test if that never comes. */
#define KIT_UNTIL(kit, condition)                                              \
	do {                                                                   \
		uint64_t kit_end_ns = uv_hrtime() + 20 * UINT64_C(1000000000); \
		while (!(condition)) {                                         \
			if (uv_hrtime() > kit_end_ns)                          \
				fail_msg("never: %s", #condition);             \
			test_loop_for(&(kit)->loop, 1);                        \
		}                                                              \
	} while (0)

/* What was told of it last is this health. */
bool kit_is(const struct kit_container *container, enum health health);
