/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_known: what is known of one container, put together from lists,
 * inspections and events, and what that means for who watches it.
 *
 * Pure: times are the engine's Unix time, the present is given. An inspection
 * is the truth; a list says less; an event may be late. What an event says for
 * certain is taken over at once, of the rest the caller is told to look.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "core/container.h"
#include "core/container_event.h"
#include "core/exit_codes.h"
#include "core/observation.h"

#define CONTAINER_STOPPING_MS 60000 /* a stop that was asked for may take */
/* … and an end this long after it is still its work: stop timeouts are long */
#define CONTAINER_ASKED_MS     600000
#define CONTAINER_DOUBT_MS     1000 /* until the first look again, doubles … */
#define CONTAINER_DOUBT_MAX_MS 30000
#define CONTAINER_SLACK_MS     2000 /* between an event's time and the state's */
#define CONTAINER_CLOCK_MS     60000 /* so much earlier: the clock was set back */
#define CONTAINER_OUTPUT_MAX   1024 /* bytes of a check's output that are kept */

struct container_known {
	struct container container; /* its text lies in `block`; of its labels
	                               those that are to be kept */
	void *block;
	int64_t since_ms;     /* it is so, as far as is known; 0: not known */
	int64_t asked_ms;     /* somebody asked it to stop; 0: nobody did */
	int64_t ended_ms;     /* an event told of this end; 0: nobody saw it */
	int64_t own_asked_ms; /* a step of ours asked it to end; 0: none did */
	int64_t own_done_ms;  /* … and was done then; 0: there was none */
	bool own_kill;        /* … or is at it */
	int64_t event_ns;     /* of the last event */
	uint8_t event;        /* … and its kind */
	uint8_t claimed;      /* enum container_health, by whatever was last */
};

/* Which labels are kept; borrowed. */
struct container_kept {
	const char *const *names;
	size_t n;
};

/* What an event means. */
enum container_news {
	CONTAINER_NO_NEWS,
	CONTAINER_CERTAIN, /* something changed, and is known */
	CONTAINER_LOOK,    /* something may have changed: look at it */
};

/* One of which only an event has told. 0 or -ENOMEM; -EINVAL: no id. */
int container_known_init(struct container_known *known, const char *id,
                         const char *name, const char *project) MUST_CHECK;
void container_known_fini(struct container_known *known);

/* @out: what @given says, and what it leaves open as known so far. Borrows
 * from both. */
void container_known_merge(const struct container_known *known,
                           const struct container *given,
                           struct container *out);

/* Takes over @merged, copying. 0, or -ENOMEM: all is as it was. */
int container_known_update(struct container_known *known,
                           const struct container *merged,
                           const struct container_kept *kept,
                           int64_t now_ms) MUST_CHECK;

enum container_news container_known_event(struct container_known *known,
                                          const struct runtime_event *event,
                                          int64_t now_ms);

/*
 * A step of ours begins to kill it, or is done, as it was meant to (@ok) or
 * not. Who asks it to end meanwhile, and a moment after, is nobody but us, so
 * that it counts as one that ended by itself.
 */
void container_known_own_kill(struct container_known *known, bool begins,
                              bool ok, int64_t now_ms);

/* What others who knew this container have heard of it goes on to count. */
void container_known_inherit(struct container_known *known,
                             const struct container_known *from);

/* How it is with its health. */
struct observation container_known_health(const struct container_known *known,
                                          int64_t now_ms);

/* In how many ms it should be looked at again although nothing is told of it,
 * after @n_looks such looks; 0: its health is decided. One that was paused is
 * "unhealthy", and when its check then really fails there is no event; one
 * that was asked to end may go on. */
int64_t container_known_doubt_ms(const struct container_known *known,
                                 unsigned n_looks, int64_t now_ms);

/* Which ends count; see struct containers_query. */
struct container_ends {
	const struct exit_codes *codes;
	const char *codes_label; /* a container's own set; NULL */
	bool of_any_cause;
};

struct observation container_known_exited(const struct container_known *known,
                                          const struct container_ends *ends,
                                          int64_t now_ms);
