/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container_known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/text.h"

#define NS_PER_MS 1000000

/* --- the copy --------------------------------------------------------------- */

/* Where the next text goes; with no block it only counts. */
struct packer {
	char *at;
	size_t n;
};

static const char *pack(struct packer *packer, const char *text, size_t max)
{
	size_t n = text ? strnlen(text, max) : 0;
	char *copy = packer->at;

	if (!text)
		return NULL;
	packer->n += n + 1;
	if (!copy)
		return NULL;
	memcpy(copy, text, n);
	copy[n] = '\0';
	packer->at += n + 1;
	return copy;
}

static void pack_texts(struct packer *packer, const struct container *from,
                       struct container *to)
{
	to->id = pack(packer, text_or_empty(from->id), SIZE_MAX);
	to->name = pack(packer, text_or_empty(from->name), SIZE_MAX);
	to->project = pack(packer, text_or_empty(from->project), SIZE_MAX);
	to->image = pack(packer, text_or_empty(from->image), SIZE_MAX);
	to->output =
		pack(packer, text_or_empty(from->output), CONTAINER_OUTPUT_MAX);
	to->network_of = pack(packer, from->network_of, SIZE_MAX);
	to->pid_of = pack(packer, from->pid_of, SIZE_MAX);
	to->ipc_of = pack(packer, from->ipc_of, SIZE_MAX);
}

/* @labels may be NULL: they are counted. */
static size_t pack_labels(struct packer *packer, const struct container *from,
                          const struct container_kept *kept,
                          struct container_label *labels)
{
	size_t n = 0;

	for (size_t i = 0; i < kept->n; i++) {
		const char *value = container_label(from, kept->names[i]);
		struct container_label label;

		if (!value)
			continue;
		label.name = pack(packer, kept->names[i], SIZE_MAX);
		label.value = pack(packer, value, SIZE_MAX);
		if (labels)
			labels[n] = label;
		n++;
	}
	return n;
}

/* One block: the labels, then all text. */
static int take_copy(struct container_known *known,
                     const struct container *from,
                     const struct container_kept *kept)
{
	struct container copy = *from;
	struct packer packer = { 0 };
	size_t n_labels = pack_labels(&packer, from, kept, NULL);
	size_t n_bytes = n_labels * sizeof(struct container_label);
	char *block;

	pack_texts(&packer, from, &copy);
	block = mem_alloc(n_bytes + packer.n);
	if (!block)
		return -ENOMEM;
	packer.at = block + n_bytes;
	copy.labels = n_labels ? (void *)block : NULL;
	copy.n_labels = pack_labels(&packer, from, kept,
	                            n_labels ? (void *)block : NULL);
	pack_texts(&packer, from, &copy);
	/* @from may have borrowed from the old one */
	mem_free(known->block);
	known->block = block;
	known->container = copy;
	return 0;
}

int container_known_init(struct container_known *known, const char *id,
                         const char *name, const char *project)
{
	static const struct container_kept none = { 0 };
	struct container stub = { .id = id,
		                  .name = name,
		                  .project = project,
		                  .health = CONTAINER_HEALTH_UNSAID,
		                  .exit_code = -1,
		                  .check_exit_code = -1 };

	*known = (struct container_known){ .claimed = CONTAINER_HEALTH_UNSAID };
	if (!id || !id[0])
		return -EINVAL;
	return take_copy(known, &stub, &none);
}

void container_known_fini(struct container_known *known)
{
	mem_free(known->block);
	known->block = NULL;
}

/* --- lists and inspections ---------------------------------------------------- */

/* What does not change while it is the same container. */
static void keep_nature(const struct container *old, struct container *out)
{
	if (!out->created_wall_ms || old->detailed)
		out->created_wall_ms = old->created_wall_ms;
	if (!old->detailed)
		return;
	out->detailed = true;
	out->opted_out = old->opted_out;
	out->policy = old->policy;
	out->auto_remove = old->auto_remove;
	out->own_action = old->own_action;
	out->network_of = old->network_of;
	out->pid_of = old->pid_of;
	out->ipc_of = old->ipc_of;
}

/* What holds as long as it is in the same status. */
static void keep_run(const struct container *old, struct container *out)
{
	if (!out->started_wall_ms)
		out->started_wall_ms = old->started_wall_ms;
	if (out->exit_code < 0)
		out->exit_code = old->exit_code;
	out->oom_killed = old->oom_killed;
	out->stopped_by_hand = old->stopped_by_hand;
	if (out->health == CONTAINER_HEALTH_UNSAID)
		out->health = old->health;
	if (out->health != old->health)
		return;
	if (!out->n_streak)
		out->n_streak = old->n_streak;
	if (out->check_exit_code < 0)
		out->check_exit_code = old->check_exit_code;
	if (!out->output || !out->output[0])
		out->output = old->output;
}

void container_known_merge(const struct container_known *known,
                           const struct container *given, struct container *out)
{
	bool same = given->status == known->container.status;

	*out = *given;
	/* some engines do not say when it ended; an event did */
	if (same && !out->finished_wall_ms)
		out->finished_wall_ms = known->container.finished_wall_ms;
	if (given->detailed)
		return;
	keep_nature(&known->container, out);
	if (same)
		keep_run(&known->container, out);
}

/* Since when it is as @next says; the present if nothing says it better. */
static int64_t since_when(const struct container *next, int64_t now_ms)
{
	int64_t since_ms = 0;

	if (next->status == CONTAINER_EXITED)
		since_ms = next->finished_wall_ms;
	else if (next->status == CONTAINER_RUNNING &&
	         next->health <= CONTAINER_HEALTH_STARTING)
		since_ms = next->started_wall_ms;
	return since_ms ? since_ms : now_ms;
}

/* When it began, 0 if that cannot be: the clock was set back before its end. */
static int64_t began_of(const struct container *container)
{
	bool ended = container->status == CONTAINER_EXITED &&
	             container->finished_wall_ms;

	if (ended && container->started_wall_ms >
	                     container->finished_wall_ms + CONTAINER_CLOCK_MS)
		return 0;
	return container->started_wall_ms;
}

/* Another run has begun, or ended, than the one of which events told. */
static void forget_past(struct container_known *known,
                        const struct container *next)
{
	/* a list does not say since when */
	bool runs_again = next->status == CONTAINER_RUNNING &&
	                  !next->started_wall_ms &&
	                  known->container.status == CONTAINER_EXITED;
	int64_t started_ms = began_of(next);

	if (runs_again || started_ms > known->asked_ms)
		known->asked_ms = 0;
	if (runs_again ||
	    (known->container.started_wall_ms &&
	     next->started_wall_ms > known->container.started_wall_ms))
		known->own_asked_ms = 0;
	if (runs_again || started_ms > known->ended_ms ||
	    next->finished_wall_ms > known->ended_ms + CONTAINER_SLACK_MS)
		known->ended_ms = 0;
}

static void note_own_end(struct container_known *known)
{
	known->container.ended_by_us =
		known->own_asked_ms &&
		known->container.status == CONTAINER_EXITED;
}

int container_known_update(struct container_known *known,
                           const struct container *merged,
                           const struct container_kept *kept, int64_t now_ms)
{
	struct container next = *merged;
	bool changed = next.status != known->container.status ||
	               next.health != known->container.health ||
	               !known->since_ms;
	struct container_known past = *known;
	int r;

	forget_past(&past, &next);
	r = take_copy(known, merged, kept);
	if (r < 0)
		return r;
	known->asked_ms = past.asked_ms;
	known->ended_ms = past.ended_ms;
	known->own_asked_ms = past.own_asked_ms;
	note_own_end(known);
	if (changed)
		known->since_ms = since_when(&next, now_ms);
	/* LXD does not say when: when we first saw it so */
	if (next.status == CONTAINER_EXITED && next.detailed &&
	    !next.finished_wall_ms)
		known->container.finished_wall_ms = known->since_ms;
	if (next.health != CONTAINER_HEALTH_UNSAID)
		known->claimed = (uint8_t)next.health;
	return 0;
}

/* --- events ------------------------------------------------------------------- */

static enum container_news on_started(struct container_known *known,
                                      int64_t at_ms)
{
	struct container *container = &known->container;

	if (container->status == CONTAINER_RUNNING &&
	    at_ms <= container->started_wall_ms)
		return CONTAINER_NO_NEWS;
	container->status = CONTAINER_RUNNING;
	container->started_wall_ms = at_ms;
	container->stopped_by_hand = false;
	container->n_streak = 0;
	if (container->health != CONTAINER_HEALTH_NONE &&
	    container->health != CONTAINER_HEALTH_UNSAID) {
		container->health = CONTAINER_HEALTH_STARTING;
		known->claimed = CONTAINER_HEALTH_STARTING;
	}
	if (known->asked_ms <= at_ms)
		known->asked_ms = 0;
	known->ended_ms = 0;
	known->own_asked_ms = 0;
	note_own_end(known);
	known->since_ms = at_ms;
	return CONTAINER_LOOK;
}

/* Is it a step of ours that asks? Either way: a clock may have been set. */
static bool is_own(const struct container_known *known, int64_t now_ms)
{
	return known->own_kill ||
	       (known->own_done_ms &&
	        llabs(now_ms - known->own_done_ms) < CONTAINER_SLACK_MS);
}

/* Docker tells of a kill sometimes only after the end that it caused. */
static enum container_news on_asked(struct container_known *known,
                                    int64_t at_ms, int64_t now_ms)
{
	if (at_ms < known->container.started_wall_ms ||
	    at_ms <= known->asked_ms)
		return CONTAINER_NO_NEWS;
	if (is_own(known, now_ms)) {
		known->own_asked_ms = at_ms;
		note_own_end(known);
		return CONTAINER_LOOK;
	}
	known->asked_ms = at_ms;
	known->own_asked_ms = 0;
	note_own_end(known);
	return CONTAINER_CERTAIN;
}

static enum container_news on_ended(struct container_known *known,
                                    const struct runtime_event *event,
                                    int64_t at_ms, int64_t now_ms)
{
	struct container *container = &known->container;

	if (at_ms < container->started_wall_ms)
		return CONTAINER_NO_NEWS;
	if (event->asked && is_own(known, now_ms))
		known->own_asked_ms = at_ms;
	else if (event->asked)
		known->asked_ms = at_ms;
	if (container->status != CONTAINER_EXITED) {
		container->status = CONTAINER_EXITED;
		container->stopped_by_hand = false;
		known->since_ms = at_ms;
	}
	container->finished_wall_ms = at_ms;
	container->exit_code = event->exit_code;
	known->ended_ms = at_ms;
	note_own_end(known);
	return CONTAINER_LOOK;
}

static enum container_news on_health(struct container_known *known,
                                     enum container_health health)
{
	if (known->claimed == (uint8_t)health)
		return CONTAINER_NO_NEWS;
	known->claimed = (uint8_t)health;
	return CONTAINER_LOOK;
}

static enum container_news take_over(struct container_known *known,
                                     const struct runtime_event *event,
                                     int64_t at_ms, int64_t now_ms)
{
	switch (event->kind) {
	case RUNTIME_EVENT_STARTED:
		return on_started(known, at_ms);
	case RUNTIME_EVENT_HEALTH:
		return on_health(known, event->health);
	case RUNTIME_EVENT_ENDED:
		return on_ended(known, event, at_ms, now_ms);
	case RUNTIME_EVENT_PAUSED:
		known->container.status = CONTAINER_PAUSED;
		known->since_ms = at_ms;
		return CONTAINER_CERTAIN;
	case RUNTIME_EVENT_RESUMED:
		known->container.status = CONTAINER_RUNNING;
		known->since_ms = at_ms;
		return CONTAINER_LOOK;
	case RUNTIME_EVENT_CREATED:
	case RUNTIME_EVENT_ASKED:
	case RUNTIME_EVENT_RENAMED:
	case RUNTIME_EVENT_REMOVED:
		break;
	}
	return CONTAINER_LOOK;
}

/* Where the clock was set back, what was noted before is in the future, and
 * would outdo all that happens from now on. */
static void follow_clock(struct container_known *known, int64_t at_ms)
{
	struct container *container = &known->container;
	int64_t noted_ms =
		MAX(known->event_ns / NS_PER_MS, container->started_wall_ms);

	if (!at_ms || at_ms + CONTAINER_CLOCK_MS >= noted_ms)
		return;
	known->event_ns = 0;
	known->since_ms = MIN(known->since_ms, at_ms);
	known->asked_ms = 0;
	known->ended_ms = 0;
	container->started_wall_ms = MIN(container->started_wall_ms, at_ms);
}

enum container_news container_known_event(struct container_known *known,
                                          const struct runtime_event *event,
                                          int64_t now_ms)
{
	int64_t at_ms = event->time_ns / NS_PER_MS;

	follow_clock(known, at_ms);
	/* the one by which a stream is taken up again comes twice */
	if (event->time_ns && event->time_ns == known->event_ns &&
	    (uint8_t)event->kind == known->event)
		return CONTAINER_NO_NEWS;
	if (event->kind == RUNTIME_EVENT_ASKED)
		return on_asked(known, at_ms, now_ms);
	if (event->time_ns < known->event_ns)
		return CONTAINER_LOOK;
	known->event_ns = event->time_ns;
	known->event = (uint8_t)event->kind;
	return take_over(known, event, at_ms, now_ms);
}

void container_known_own_kill(struct container_known *known, bool begins,
                              bool ok, int64_t now_ms)
{
	known->own_kill = begins;
	known->own_done_ms = begins || !ok ? 0 : now_ms;
	/* it was somebody else, then */
	if (begins || ok || !known->own_asked_ms)
		return;
	known->asked_ms = MAX(known->asked_ms, known->own_asked_ms);
	known->own_asked_ms = 0;
	note_own_end(known);
}

void container_known_inherit(struct container_known *known,
                             const struct container_known *from)
{
	known->asked_ms = from->asked_ms;
	known->ended_ms = from->ended_ms;
	known->own_asked_ms = from->own_asked_ms;
	known->own_done_ms = from->own_done_ms;
	known->own_kill = from->own_kill;
	known->event_ns = from->event_ns;
	known->event = from->event;
}

/* --- what it means ------------------------------------------------------------ */

static uint64_t span(int64_t from_ms, int64_t to_ms)
{
	return from_ms > 0 && to_ms > from_ms ? (uint64_t)(to_ms - from_ms) : 0;
}

static int16_t small_code(int64_t code)
{
	return code >= 0 && code <= INT16_MAX ? (int16_t)code : -1;
}

static uint64_t running_ms(const struct container_known *known, int64_t now_ms)
{
	const struct container *container = &known->container;

	if (container->status != CONTAINER_RUNNING ||
	    !container->started_wall_ms ||
	    container->started_wall_ms > now_ms + CONTAINER_CLOCK_MS)
		return 0;
	return MAX(span(container->started_wall_ms, now_ms), 1);
}

static bool is_stopping(const struct container_known *known, int64_t now_ms)
{
	/* either way: the engine's clock may be another */
	return known->asked_ms &&
	       llabs(now_ms - known->asked_ms) < CONTAINER_STOPPING_MS;
}

/* Whatever its check may say. */
static enum idle_reason rests(const struct container_known *known,
                              int64_t now_ms)
{
	switch (known->container.status) {
	case CONTAINER_RUNNING:
		return is_stopping(known, now_ms) ? IDLE_STOPPING : IDLE_UNSAID;
	case CONTAINER_PAUSED:
		return IDLE_PAUSED;
	case CONTAINER_RESTARTING:
		return IDLE_RESTARTING;
	case CONTAINER_STOPPING:
		return IDLE_STOPPING;
	case CONTAINER_EXITED:
	case CONTAINER_OTHER:
		break;
	}
	return IDLE_NOT_RUNNING;
}

/* An engine says "unhealthy" also of those that are paused, and of those whose
 * first check is still to come. */
static enum health health_of(const struct container_known *known,
                             int64_t now_ms)
{
	const struct container *container = &known->container;

	if (rests(known, now_ms))
		return HEALTH_IDLE;
	switch (container->health) {
	case CONTAINER_HEALTH_HEALTHY:
		return HEALTH_GOOD;
	case CONTAINER_HEALTH_UNHEALTHY:
		return container->n_streak ? HEALTH_BAD : HEALTH_STARTING;
	case CONTAINER_HEALTH_STARTING:
		return HEALTH_STARTING;
	case CONTAINER_HEALTH_NONE:
	case CONTAINER_HEALTH_UNSAID:
		break;
	}
	return HEALTH_IDLE;
}

int64_t container_known_doubt_ms(const struct container_known *known,
                                 unsigned n_looks, int64_t now_ms)
{
	const struct container *container = &known->container;
	int64_t ms = CONTAINER_DOUBT_MS;

	if (container->status != CONTAINER_RUNNING)
		return 0;
	if (is_stopping(known, now_ms))
		return MAX(known->asked_ms + CONTAINER_STOPPING_MS - now_ms,
		           ms);
	if (container->health != CONTAINER_HEALTH_UNHEALTHY ||
	    container->n_streak)
		return 0;
	while (n_looks-- && ms < CONTAINER_DOUBT_MAX_MS)
		ms *= 2;
	return MIN(ms, CONTAINER_DOUBT_MAX_MS);
}

struct observation container_known_health(const struct container_known *known,
                                          int64_t now_ms)
{
	enum health health = health_of(known, now_ms);
	bool bad = health == HEALTH_BAD;
	enum idle_reason idle = rests(known, now_ms);

	return (struct observation){
		.kind = OBSERVATION_HEALTH,
		.health = health,
		.idle = idle                    ? idle
		        : health == HEALTH_IDLE ? IDLE_NO_CHECK
		                                : IDLE_UNSAID,
		.age_ms = span(known->since_ms, now_ms),
		.running_ms = running_ms(known, now_ms),
		.n_streak = bad ? known->container.n_streak : 0,
		.exit_code =
			bad ? small_code(known->container.check_exit_code) : -1,
	};
}

/* Docker tells of it before, LXD with the end, or a moment after. */
static bool was_asked(const struct container_known *known)
{
	return known->asked_ms &&
	       known->asked_ms <= known->ended_ms + CONTAINER_SLACK_MS &&
	       known->ended_ms <= known->asked_ms + CONTAINER_ASKED_MS;
}

/* It crashed, or left, by itself, and somebody saw it. */
static bool ended_by_itself(const struct container_known *known)
{
	return known->ended_ms && !was_asked(known) &&
	       (known->own_asked_ms || !known->container.stopped_by_hand);
}

/* A label that makes no sense says nothing. */
static bool has_code(const struct container *container,
                     const struct container_ends *ends)
{
	const char *text =
		ends->codes_label
			? container_label(container, ends->codes_label)
			: NULL;
	struct exit_codes own;
	struct err err;

	if (text && exit_codes_parse(slice_from(text), &own, &err) == 0)
		return exit_codes_has(&own, container->exit_code);
	return exit_codes_has(ends->codes, container->exit_code);
}

/* Of one that had ended before anybody looked, perhaps only that it had. */
static int64_t end_of(const struct container_known *known)
{
	return known->container.finished_wall_ms
	               ? known->container.finished_wall_ms
	               : known->since_ms;
}

/* IDLE_UNSAID: it ended in a way that is meant. */
static enum idle_reason excuse_of(const struct container_known *known,
                                  const struct container_ends *ends,
                                  int64_t now_ms)
{
	const struct container *container = &known->container;

	if (container->status != CONTAINER_EXITED)
		return rests(known, now_ms);
	if (!end_of(known))
		return IDLE_UNSEEN;
	if (!has_code(container, ends))
		return IDLE_EXIT_CODE;
	if (ends->of_any_cause || ended_by_itself(known))
		return IDLE_UNSAID;
	return known->ended_ms || container->stopped_by_hand ? IDLE_STOPPED
	                                                     : IDLE_UNSEEN;
}

struct observation container_known_exited(const struct container_known *known,
                                          const struct container_ends *ends,
                                          int64_t now_ms)
{
	const struct container *container = &known->container;
	bool ended = container->status == CONTAINER_EXITED;
	struct observation observation = {
		.kind = OBSERVATION_HEALTH,
		.health = container->status == CONTAINER_RUNNING ? HEALTH_GOOD
		                                                 : HEALTH_IDLE,
		.idle = excuse_of(known, ends, now_ms),
		.unchecked = true,
		.age_ms = span(known->since_ms, now_ms),
		.running_ms = running_ms(known, now_ms),
		.exit_code = ended ? small_code(container->exit_code) : -1,
	};

	if (ended && !observation.idle) {
		observation.kind = OBSERVATION_EXITED;
		observation.age_ms = span(end_of(known), now_ms);
	}
	return observation;
}
