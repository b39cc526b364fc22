/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/docker_event.h"

#include <inttypes.h>
#include "base/number.h"
#include "base/text.h"
#include "proto/json.h"

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

static int64_t number_in_text(const struct json_t *value)
{
	struct slice text = json_as_text(value);
	int64_t number;

	if (!text.p || number_parse_i64(text, &number) < 0)
		return json_as_int(value, -1);
	return number;
}

static int64_t time_of(const struct json_t *root)
{
	int64_t ns = json_as_int(json_get(root, "timeNano"), 0);
	int64_t s = json_as_int(json_get(root, "time"), 0);

	if (ns > 0)
		return ns;
	return s > 0 && s < INT64_MAX / NS_PER_S ? s * NS_PER_S : 0;
}

static struct slice action_of(const struct json_t *root)
{
	struct slice action = json_as_text(json_get(root, "Action"));

	return action.p ? action : json_as_text(json_get(root, "status"));
}

static bool is_of_container(const struct json_t *root)
{
	struct slice type = json_as_text(json_get(root, "Type"));

	return !type.p || slice_is(type, "container");
}

static int64_t exit_code_of(const struct json_t *attributes)
{
	const struct json_t *code = json_get(attributes, "exitCode");

	if (json_is_missing(code))
		code = json_get(attributes, "containerExitCode");
	return number_in_text(code);
}

static void read_details(const struct json_t *root,
                         const struct json_t *attributes, struct slice health,
                         struct docker_event *out)
{
	struct slice beside = json_as_text(json_get(root, "HealthStatus"));

	if (out->kind == DOCKER_EVENT_HEALTH)
		out->health = docker_health_parse(health.p ? health : beside);
	else if (out->kind == DOCKER_EVENT_ENDED)
		out->exit_code = exit_code_of(attributes);
	else if (out->kind == DOCKER_EVENT_ASKED &&
	         is_harmless(json_as_text(json_get(attributes, "signal"))))
		out->kind = DOCKER_EVENT_OTHER;
}

void docker_event_read(const struct json_t *root, struct docker_event *out)
{
	const struct json_t *actor = json_get(root, "Actor");
	const struct json_t *attributes = json_get(actor, "Attributes");
	struct slice action = action_of(root);
	struct slice health = cut_action(&action);

	*out = (struct docker_event){
		.kind = is_of_container(root) ? kind_of(action)
		                              : DOCKER_EVENT_OTHER,
		.id = json_as_string(json_get(actor, "ID")),
		.name = json_as_string(json_get(attributes, "name")),
		.health = DOCKER_HEALTH_UNSAID,
		.exit_code = -1,
		.time_ns = time_of(root),
	};
	if (!out->id[0])
		out->id = json_as_string(json_get(root, "id"));
	if (!docker_name_valid(out->id))
		out->kind = DOCKER_EVENT_OTHER;
	read_details(root, attributes, health, out);
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
