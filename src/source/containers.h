/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers: the source that knows the containers of one engine, by its
 * events and by looking.
 *
 *   CLOSED ──▶ OPENING ──opened──▶ LISTING ──whole──▶ FOLLOWING
 *     ▲           │                   │                  │ every resync_ms:
 *     │           ▼                   ▼                  │ list again
 *     └──backoff── stream or list failed ◀───────────────┘
 *
 * The stream of events is opened with `since` the last event that was seen,
 * then everything is listed; what both say is counted once. A stream that ends
 * is opened again with growing, jittered pauses; the list that follows finds
 * what was missed. Where the engine has no stream, or a proxy denies it, there
 * is only the list, every poll_ms, and now and then another try.
 *
 * An event about health, and a container in a list that may be in a bad way,
 * lead to an inspection: only what the engine says of the whole container at
 * that moment becomes an observation. Inspections run beside each other,
 * N_CONTAINERS_LOOKS at most, one for a container; reading the stream never
 * waits for them.
 *
 * Of some an engine says "unhealthy" before it can know, and is silent when it
 * does know; such a one is looked at again until it is decided (container_
 * table_doubt()). Nobody else is ever asked about without a reason.
 *
 * An engine that cannot be read makes all its members unknown, once.
 */
#pragma once

#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "base/macros.h"
#include "core/container_table.h"
#include "runtime/runtime.h"
#include "source/source.h"

#define CONTAINERS_RESYNC_MS      60000 /* between two lists while following */
#define CONTAINERS_POLL_MS        10000 /* … where there are no events */
#define CONTAINERS_BACKOFF_MS     100   /* first pause, doubles … */
#define CONTAINERS_BACKOFF_MAX_MS 10000
#define N_CONTAINERS_LOOKS        16

/* Called from the loop, between begin and end; an end judges them together. */
struct containers_listener {
	/* @reading NULL: an event, no reading. */
	void (*begin)(void *context, struct source *source,
	              const struct reading *reading);
	/*
	 * A container that the subscription selects has come to be known.
	 * What is returned stands for it below; NULL: it is not covered (its
	 * number is limited), and nothing more is said of it.
	 */
	void *(*appear)(void *context, struct source *source,
	                uint32_t subscription,
	                const struct container *container);
	/* @container: as known now; its labels only in `appear`. NULL when
	 * nothing is known, with an unknown observation. */
	void (*observe)(void *context, struct source *source, void *member,
	                const struct observation *observation,
	                const struct container *container);
	/* It is gone (removed), or selected no more. It may come back under
	 * another id: container_identity(). */
	void (*leave)(void *context, struct source *source, void *member);
	void (*end)(void *context, struct source *source);
	void *context;
};

struct containers_options {
	uv_loop_t *loop;
	struct runtime *runtime; /* borrowed until closed */
	struct http_client
		*client; /* of probes, likewise; NULL: none by HTTP */
	const struct log *log;
	const char *name;    /* "docker", or with the endpoint; copied */
	const char *self_id; /* the bouncer's own container, ""; copied */
	uint64_t resync_ms;  /* 0: the default */
	uint64_t poll_ms;    /* 0: the default */
	uint64_t seed;
};

/* For metrics and API. */
struct containers_stats {
	bool connected;        /* the stream of events is open */
	bool polled;           /* there is none: it is listed */
	uint64_t resync_ms;    /* end of the last whole list, monotonic;
	                            OBSERVATION_NEVER: none yet */
	uint32_t n_containers; /* known */
	uint64_t n_events;     /* read */
	uint64_t n_connects;   /* streams opened */
	uint64_t n_lists;
	uint64_t n_looks;  /* inspections */
	uint32_t n_probed; /* containers that we check ourselves */
};

struct containers;

/* 0 with *sourcep set (containers_close()), -ENOMEM. Nothing is sent before
 * containers_start(). */
int containers_new(const struct containers_options *options,
                   const struct containers_listener *listener,
                   struct containers **sourcep) MUST_CHECK;
struct source *containers_source(struct containers *containers);

/* Before the start. @query is borrowed. 0 or -ENOMEM. */
int containers_subscribe(struct containers *containers, uint32_t subscription,
                         const struct containers_query *query) MUST_CHECK;
void containers_start(struct containers *containers);

/* A fresh observation of this one is wanted: it is inspected, soon. */
void containers_check(struct containers *containers, void *member);
/* The member is no more; its container is not to be spoken of again. */
void containers_forget(struct containers *containers, void *member);

/* A step of ours begins to kill the container, or is done: see
 * container_table_own_kill(). One that is not known is none. */
void containers_own_kill(struct containers *containers, const char *id,
                         bool begins, bool ok);

/* Before the start: @from watches the same engine, and will be closed. */
void containers_inherit(struct containers *containers,
                        const struct containers *from);

struct containers_stats containers_stats(const struct containers *containers);

/* At most @max of all that are known, for dependents_of(); how many. Valid
 * until the loop goes on. */
size_t containers_all(const struct containers *containers,
                      const struct container **out, size_t max);

/* @closed is called once, from the loop. */
void containers_close(struct containers *containers,
                      void (*closed)(void *context), void *context);
