/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/docker_event.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/number.h"
#include "base/text.h"
#include "proto/json_scan.h"

#define NS_PER_S INT64_C(1000000000)

static const struct {
	const char *action;
	enum docker_event_kind kind;
} actions[] = {
	{ "create", DOCKER_EVENT_CREATED },
	{ "start", DOCKER_EVENT_STARTED },
	{ "health_status", DOCKER_EVENT_HEALTH },
	{ "kill", DOCKER_EVENT_ASKED },
	{ "stop", DOCKER_EVENT_ASKED },
	{ "die", DOCKER_EVENT_ENDED },
	{ "pause", DOCKER_EVENT_PAUSED },
	{ "unpause", DOCKER_EVENT_RESUMED },
	{ "rename", DOCKER_EVENT_CHANGED },
	{ "update", DOCKER_EVENT_CHANGED },
	{ "destroy", DOCKER_EVENT_REMOVED },
	{ "died", DOCKER_EVENT_ENDED },
	{ "remove", DOCKER_EVENT_REMOVED },
};
#define N_DOCKER_ACTIONS 11 /* Docker has these; the last two are Podman's */

/* Signals that ask a program to do something, but not to end. Whoever stops
 * it with one of them all the same (httpd wants WINCH) is seen by `stop`. */
static const char *const harmless[] = {
	"1",   "10",   "12",   "17",   "18",   "23",  "28", /* their numbers */
	"HUP", "USR1", "USR2", "CHLD", "CONT", "URG", "WINCH",
};

static bool is_harmless(struct slice signal)
{
	if (signal.p && slice_starts(signal, "SIG"))
		signal = slice_skip(signal, 3);
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
		if (signal.p && slice_is(signal, harmless[i]))
			return true;
	}
	return false;
}

/* Splits "health_status: unhealthy"; what follows is p NULL if nothing does. */
static struct slice cut_action(struct slice *action)
{
	const char *colon =
		action->n ? memchr(action->p, ':', action->n) : NULL;
	struct slice rest;

	if (!colon)
		return slice_make(NULL, 0);
	rest = slice_skip(*action, (size_t)(colon - action->p) + 1);
	action->n = (size_t)(colon - action->p);
	return slice_trim(rest);
}

static enum docker_event_kind kind_of(struct slice action)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (action.p && slice_is(action, actions[i].action))
			return actions[i].kind;
	}
	return DOCKER_EVENT_OTHER;
}

/* --- where in the document, and what stands there ----------------------- */

enum place {
	NOWHERE,
	ROOT,
	TYPE,
	ACTION,
	STATUS, /* the old name of ACTION */
	ID,     /* the old name of ACTOR_ID */
	TIME,
	TIME_NANO,
	HEALTH, /* Podman's */
	ACTOR,
	ACTOR_ID,
	ATTRIBUTES,
	NAME,
	SIGNAL,
	EXIT_CODE,
	CONTAINER_EXIT_CODE, /* Podman's */
	N_PLACES,
};

static const struct {
	enum place parent;
	const char *key;
	enum place place;
} keys[] = {
	{ ROOT, "Type", TYPE },
	{ ROOT, "Action", ACTION },
	{ ROOT, "status", STATUS },
	{ ROOT, "id", ID },
	{ ROOT, "time", TIME },
	{ ROOT, "timeNano", TIME_NANO },
	{ ROOT, "HealthStatus", HEALTH },
	{ ROOT, "Actor", ACTOR },
	{ ACTOR, "ID", ACTOR_ID },
	{ ACTOR, "Attributes", ATTRIBUTES },
	{ ATTRIBUTES, "name", NAME },
	{ ATTRIBUTES, "signal", SIGNAL },
	{ ATTRIBUTES, "exitCode", EXIT_CODE },
	{ ATTRIBUTES, "containerExitCode", CONTAINER_EXIT_CODE },
};
#define DEPTH_MAX 3

struct reading {
	enum place path[DEPTH_MAX + 1]; /* at each depth */
	size_t n[N_PLACES];             /* 0: nothing was found there */
	char text[N_PLACES][DOCKER_EVENT_TEXT_MAX];
};

static enum place place_of(enum place parent, struct slice key)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys) && parent != NOWHERE; i++) {
		if (keys[i].parent == parent && slice_is(key, keys[i].key))
			return keys[i].place;
	}
	return NOWHERE;
}

/* What does not fit, or holds a NUL byte, is nobody's. */
static void keep(struct reading *reading, enum place place,
                 const struct json_scan_token *token)
{
	struct slice text = token->text;

	reading->n[place] = 0;
	if ((token->kind != JSON_SCAN_STRING &&
	     token->kind != JSON_SCAN_NUMBER) ||
	    token->cut || text.n >= DOCKER_EVENT_TEXT_MAX ||
	    memchr(text.p, '\0', text.n))
		return;
	memcpy(reading->text[place], text.p, text.n);
	reading->text[place][text.n] = '\0';
	reading->n[place] = text.n;
}

static int on_token(void *context, const struct json_scan_token *token)
{
	struct reading *reading = context;

	if (token->depth == 0) {
		reading->path[0] =
			token->kind == JSON_SCAN_OBJECT ? ROOT : NOWHERE;
		return 0;
	}
	if (token->depth > DEPTH_MAX)
		return 0;
	if (token->kind == JSON_SCAN_KEY) {
		reading->path[token->depth] =
			place_of(reading->path[token->depth - 1], token->text);
		/* an array has no keys: what was below is no more */
		for (unsigned i = token->depth + 1; i <= DEPTH_MAX; i++)
			reading->path[i] = NOWHERE;
	} else if (reading->path[token->depth] > ROOT) {
		keep(reading, reading->path[token->depth], token);
	}
	return 0;
}

static struct slice text_at(const struct reading *reading, enum place place)
{
	return slice_make(reading->n[place] ? reading->text[place] : NULL,
	                  reading->n[place]);
}

static int64_t number_at(const struct reading *reading, enum place place,
                         int64_t fallback)
{
	struct slice text = text_at(reading, place);
	int64_t number;

	return text.n && number_parse_i64(text, &number) == 0 ? number
	                                                      : fallback;
}

/* --- what it means ------------------------------------------------------ */

static int64_t time_of(const struct reading *reading)
{
	int64_t ns = number_at(reading, TIME_NANO, 0);
	int64_t s = number_at(reading, TIME, 0);

	if (ns > 0)
		return ns;
	return s > 0 && s < INT64_MAX / NS_PER_S ? s * NS_PER_S : 0;
}

static bool is_of_container(const struct reading *reading)
{
	struct slice type = text_at(reading, TYPE);

	return type.n == 0 || slice_is(type, "container");
}

static void read_details(const struct reading *reading, struct slice health,
                         struct docker_event *out)
{
	if (out->kind == DOCKER_EVENT_HEALTH)
		out->health = docker_health_parse(
			health.n ? health : text_at(reading, HEALTH));
	else if (out->kind == DOCKER_EVENT_ENDED)
		out->exit_code =
			number_at(reading, EXIT_CODE,
		                  number_at(reading, CONTAINER_EXIT_CODE, -1));
	else if (out->kind == DOCKER_EVENT_ASKED &&
	         is_harmless(text_at(reading, SIGNAL)))
		out->kind = DOCKER_EVENT_OTHER;
}

static void interpret(const struct reading *reading, struct docker_event *out)
{
	struct slice action =
		text_at(reading, reading->n[ACTION] ? ACTION : STATUS);
	enum place id = reading->n[ACTOR_ID] ? ACTOR_ID : ID;
	struct slice health = cut_action(&action);

	out->kind =
		is_of_container(reading) ? kind_of(action) : DOCKER_EVENT_OTHER;
	out->health = DOCKER_HEALTH_UNSAID;
	out->exit_code = -1;
	out->time_ns = time_of(reading);
	out->id[0] = '\0';
	if (reading->n[id] && reading->n[id] < sizeof(out->id))
		memcpy(out->id, reading->text[id], reading->n[id] + 1);
	out->name[0] = '\0';
	if (reading->n[NAME])
		memcpy(out->name, reading->text[NAME], reading->n[NAME] + 1);
	if (!docker_name_valid(out->id))
		out->kind = DOCKER_EVENT_OTHER;
	read_details(reading, health, out);
}

int docker_event_parse(struct slice text, struct docker_event *out)
{
	struct reading reading;
	struct json_scan scan;
	int r;

	memset(reading.path, 0, sizeof(reading.path));
	memset(reading.n, 0, sizeof(reading.n));
	json_scan_init(&scan, DOCKER_EVENT_TEXT_MAX, on_token, &reading);
	r = json_scan_feed(&scan, text);
	if (r == 0)
		r = json_scan_finish(&scan);
	json_scan_fini(&scan);
	if (r == 0)
		interpret(&reading, out);
	return r > 0 ? -EINVAL : r;
}

void docker_events_path(struct buf *out, int64_t since_ns, bool podman)
{
	size_t n = podman ? ARRAY_SIZE(actions) : N_DOCKER_ACTIONS;

	(void)buf_puts(out, "/events?");
	if (since_ns > 0)
		(void)buf_printf(out, "since=%" PRId64 ".%09" PRId64 "&",
		                 since_ns / NS_PER_S, since_ns % NS_PER_S);
	(void)buf_puts(out, "filters=");
	text_escape_url(out, slice_from("{\"type\":[\"container\"],"
	                                "\"event\":["));
	for (size_t i = 0; i < n; i++) {
		text_escape_url(out, slice_from(i ? ",\"" : "\""));
		text_escape_url(out, slice_from(actions[i].action));
		text_escape_url(out, slice_from("\""));
	}
	text_escape_url(out, slice_from("]}"));
}
