/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/docker_describe.h"

#include <errno.h>
#include "base/number.h"
#include "proto/json.h"
#include "proto/timestamp.h"

enum docker_health docker_health_parse(struct slice text)
{
	if (slice_is(text, "unhealthy"))
		return DOCKER_HEALTH_UNHEALTHY;
	if (slice_is(text, "healthy"))
		return DOCKER_HEALTH_HEALTHY;
	if (slice_is(text, "starting"))
		return DOCKER_HEALTH_STARTING;
	if (slice_is(text, "none"))
		return DOCKER_HEALTH_NONE;
	return DOCKER_HEALTH_UNSAID;
}

static uint32_t streak_of(const struct json_t *health)
{
	int64_t streak = json_as_int(json_get(health, "FailingStreak"), 0);

	return streak < 0            ? 0
	       : streak > UINT32_MAX ? UINT32_MAX
	                             : (uint32_t)streak;
}

struct slice docker_mode_container(struct slice mode)
{
	static const char prefix[] = "container:";

	if (!mode.p || !slice_starts(mode, prefix) ||
	    mode.n == sizeof(prefix) - 1)
		return slice_make(NULL, 0);
	return slice_skip(mode, sizeof(prefix) - 1);
}

/* --- of a list ---------------------------------------------------------- */

static const char *without_slash(const char *name)
{
	return name[0] == '/' ? name + 1 : name;
}

/* Legacy links put more names beside its own: "/other/alias". */
static const char *first_name(const struct json_t *names)
{
	for (size_t i = 0; i < json_count(names); i++) {
		const char *name =
			without_slash(json_as_string(json_item(names, i)));

		if (name[0] && !strchr(name, '/'))
			return name;
	}
	return "";
}

static bool says(struct slice status, const char *words)
{
	return status.n && memmem(status.p, status.n, words, strlen(words));
}

static enum docker_health health_in_words(struct slice status)
{
	if (says(status, "(unhealthy)"))
		return DOCKER_HEALTH_UNHEALTHY;
	if (says(status, "(healthy)"))
		return DOCKER_HEALTH_HEALTHY;
	if (says(status, "(health: starting)"))
		return DOCKER_HEALTH_STARTING;
	return DOCKER_HEALTH_UNSAID;
}

/* Docker leaves the words away where there is no check, and while it does not
 * run, or is paused. */
static enum docker_health listed_health(const struct json_t *element,
                                        const struct docker_description *out,
                                        bool podman)
{
	enum docker_health health = docker_health_parse(
		json_as_text(json_get(json_get(element, "Health"), "Status")));

	if (health == DOCKER_HEALTH_UNSAID)
		health = health_in_words(
			json_as_text(json_get(element, "Status")));
	if (health == DOCKER_HEALTH_UNSAID && !podman &&
	    out->status == DOCKER_STATUS_RUNNING)
		return DOCKER_HEALTH_NONE;
	return health;
}

/* "Exited (137) 5 minutes ago" */
static int64_t listed_exit_code(struct slice status)
{
	static const char prefix[] = "Exited (";
	const char *end;
	int64_t code;

	if (!status.p || !slice_starts(status, prefix))
		return -1;
	status = slice_skip(status, sizeof(prefix) - 1);
	end = memchr(status.p, ')', status.n);
	if (!end ||
	    number_parse_i64(slice_make(status.p, (size_t)(end - status.p)),
	                     &code) < 0)
		return -1;
	return code;
}

static int check_id(const struct docker_description *out, struct err *err)
{
	if (docker_name_valid(out->id))
		return 0;
	return err_set(err, -EINVAL, "not a container: it has no Id");
}

static void read_state(struct slice state, struct docker_description *out)
{
	out->status = docker_status_parse(state);
	out->stopping = slice_is(state, "stopping");
}

int docker_describe_listed(const struct json_t *element, bool podman,
                           struct docker_description *out, struct err *err)
{
	struct slice status = json_as_text(json_get(element, "Status"));
	int64_t created_s = json_as_int(json_get(element, "Created"), 0);

	*out = (struct docker_description){
		.id = json_as_string(json_get(element, "Id")),
		.name = first_name(json_get(element, "Names")),
		.image = json_as_string(json_get(element, "Image")),
		.labels = json_get(element, "Labels"),
		.n_streak = streak_of(json_get(element, "Health")),
		.exit_code = -1,
		.check_exit_code = -1,
		.network_mode = json_as_text(json_get(
			json_get(element, "HostConfig"), "NetworkMode")),
		.output = slice_make("", 0),
	};
	read_state(json_as_text(json_get(element, "State")), out);
	out->health = listed_health(element, out, podman);
	if (created_s > 0 && created_s < INT64_MAX / 1000)
		out->created_ms = created_s * 1000;
	if (out->status == DOCKER_STATUS_EXITED)
		out->exit_code = listed_exit_code(status);
	return check_id(out, err);
}

/* --- of an inspection --------------------------------------------------- */

/* "0001-01-01T00:00:00Z" is never. */
static int64_t moment_of(const struct json_t *value)
{
	int64_t ms;

	if (timestamp_parse_rfc3339(json_as_text(value), &ms) < 0 || ms < 0)
		return 0;
	return ms;
}

/* Podman has the member although there is no check: then without words. */
static enum docker_health inspected_health(const struct json_t *state,
                                           const struct json_t *config)
{
	const struct json_t *health = json_get(state, "Health");
	struct slice status = json_as_text(json_get(health, "Status"));

	if (!json_is_map(health))
		return DOCKER_HEALTH_NONE;
	if (status.n)
		return docker_health_parse(status);
	return json_is_missing(json_get(config, "Healthcheck"))
	               ? DOCKER_HEALTH_NONE
	               : DOCKER_HEALTH_STARTING;
}

static void read_last_failure(const struct json_t *log,
                              struct docker_description *out)
{
	for (size_t i = json_count(log); i-- > 0;) {
		const struct json_t *check = json_item(log, i);
		int64_t code = json_as_int(json_get(check, "ExitCode"), 0);
		struct slice output = json_as_text(json_get(check, "Output"));

		if (code == 0)
			continue;
		out->check_exit_code = code;
		if (output.p)
			out->output = output;
		return;
	}
}

static bool acts_by_itself(const struct json_t *config)
{
	struct slice action =
		json_as_text(json_get(config, "HealthcheckOnFailureAction"));

	return slice_is(action, "kill") || slice_is(action, "restart") ||
	       slice_is(action, "stop");
}

/* Engines before 29 also say that of the default network above the others. */
static const char *ip_of(const struct json_t *settings)
{
	const struct json_t *networks = json_get(settings, "Networks");
	const char *ip = json_as_string(json_get(settings, "IPAddress"));
	struct json_member member = { 0 };

	while (!ip[0] && json_next_member(networks, &member))
		ip = json_as_string(json_get(member.value, "IPAddress"));
	return ip;
}

static void read_inspected_state(const struct json_t *root,
                                 struct docker_description *out)
{
	const struct json_t *state = json_get(root, "State");
	const struct json_t *health = json_get(state, "Health");

	read_state(json_as_text(json_get(state, "Status")), out);
	out->health = inspected_health(state, json_get(root, "Config"));
	out->n_streak = streak_of(health);
	out->ip = ip_of(json_get(root, "NetworkSettings"));
	out->started_ms = moment_of(json_get(state, "StartedAt"));
	out->finished_ms = moment_of(json_get(state, "FinishedAt"));
	if (out->status != DOCKER_STATUS_RUNNING &&
	    out->status != DOCKER_STATUS_PAUSED)
		out->exit_code = json_as_int(json_get(state, "ExitCode"), -1);
	out->oom_killed = json_as_bool(json_get(state, "OOMKilled"), false);
	out->stopped_by_hand =
		json_as_bool(json_get(state, "StoppedByUser"), false);
	read_last_failure(json_get(health, "Log"), out);
}

static void read_host_config(const struct json_t *host,
                             struct docker_description *out)
{
	out->network_mode = json_as_text(json_get(host, "NetworkMode"));
	out->pid_mode = json_as_text(json_get(host, "PidMode"));
	out->ipc_mode = json_as_text(json_get(host, "IpcMode"));
	out->policy = docker_policy_parse(json_as_text(
		json_get(json_get(host, "RestartPolicy"), "Name")));
	out->auto_remove = json_as_bool(json_get(host, "AutoRemove"), false);
}

int docker_describe_inspected(const struct json_t *root,
                              struct docker_description *out, struct err *err)
{
	const struct json_t *config = json_get(root, "Config");

	*out = (struct docker_description){
		.id = json_as_string(json_get(root, "Id")),
		.name = without_slash(json_as_string(json_get(root, "Name"))),
		.image = json_as_string(json_get(config, "Image")),
		.labels = json_get(config, "Labels"),
		.created_ms = moment_of(json_get(root, "Created")),
		.exit_code = -1,
		.check_exit_code = -1,
		.own_action = acts_by_itself(config),
		.output = slice_make("", 0),
	};
	read_inspected_state(root, out);
	read_host_config(json_get(root, "HostConfig"), out);
	return check_id(out, err);
}
