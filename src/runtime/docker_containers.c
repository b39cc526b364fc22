/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine says of its containers: of all in a list, of one in an
 * inspection. Removing one. */
#include <errno.h>
#include "proto/json.h"
#include "runtime/docker_work.h"

#define DOCKER_REMOVE_MS 60000 /* its files, and those of its volumes */

/* --- in our words ------------------------------------------------------- */

enum container_health docker_health_of(enum docker_health health)
{
	static const enum container_health healths[] = {
		[DOCKER_HEALTH_NONE] = CONTAINER_HEALTH_NONE,
		[DOCKER_HEALTH_UNSAID] = CONTAINER_HEALTH_UNSAID,
		[DOCKER_HEALTH_STARTING] = CONTAINER_HEALTH_STARTING,
		[DOCKER_HEALTH_HEALTHY] = CONTAINER_HEALTH_HEALTHY,
		[DOCKER_HEALTH_UNHEALTHY] = CONTAINER_HEALTH_UNHEALTHY,
	};

	return healths[health];
}

static enum container_status status_of(
	const struct docker_description *description)
{
	static const enum container_status statuses[] = {
		[DOCKER_STATUS_OTHER] = CONTAINER_OTHER,
		[DOCKER_STATUS_RUNNING] = CONTAINER_RUNNING,
		[DOCKER_STATUS_PAUSED] = CONTAINER_PAUSED,
		[DOCKER_STATUS_RESTARTING] = CONTAINER_RESTARTING,
		[DOCKER_STATUS_EXITED] = CONTAINER_EXITED,
	};

	return description->stopping ? CONTAINER_STOPPING
	                             : statuses[description->status];
}

static enum container_policy policy_of(enum docker_policy policy)
{
	static const enum container_policy policies[] = {
		[DOCKER_POLICY_NO] = CONTAINER_POLICY_NO,
		[DOCKER_POLICY_ON_FAILURE] = CONTAINER_POLICY_ON_FAILURE,
		[DOCKER_POLICY_UNLESS_STOPPED] =
			CONTAINER_POLICY_UNLESS_STOPPED,
		[DOCKER_POLICY_ALWAYS] = CONTAINER_POLICY_ALWAYS,
	};

	return policies[policy];
}

/* Into work->labels; they live as long as the document. */
static int collect_labels(struct docker_work *work, const struct json_t *labels)
{
	struct json_member member = { 0 };
	int r = 0;

	buf_reset(&work->labels);
	while (r == 0 && json_next_member(labels, &member)) {
		struct container_label label = {
			member.name,
			json_as_string(member.value),
		};

		r = buf_append(&work->labels, &label, sizeof(label));
	}
	return r;
}

/* Into work->output: one line's end less, cut between characters. */
static int collect_output(struct docker_work *work, struct slice text)
{
	size_t n = text.n ? strnlen(text.p, text.n) : 0;

	if (n > DOCKER_OUTPUT_MAX) {
		n = DOCKER_OUTPUT_MAX;
		while (n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
			n--;
	}
	while (n && (text.p[n - 1] == '\n' || text.p[n - 1] == '\r'))
		n--;
	buf_reset(&work->output);
	return n ? buf_append(&work->output, text.p, n) : 0;
}

static int translate(struct docker_work *work,
                     const struct docker_description *description,
                     struct container *out)
{
	int r = collect_labels(work, description->labels);

	if (r == 0)
		r = collect_output(work, description->output);
	*out = (struct container){
		.id = description->id,
		.name = description->name,
		.project = "",
		.image = description->image,
		.labels = (const void *)work->labels.p,
		.n_labels = work->labels.n / sizeof(struct container_label),
		.status = status_of(description),
		.health = docker_health_of(description->health),
		.n_streak = description->n_streak,
		.created_wall_ms = description->created_ms,
		.exit_code = description->exit_code,
		.check_exit_code = description->check_exit_code,
		.output = buf_text(&work->output),
		/* each ends its text, so it is terminated */
		.network_of =
			docker_mode_container(description->network_mode).p,
	};
	return r;
}

/* --- inspect ------------------------------------------------------------ */

/* Podman says in its own kind of description that it acts by itself. */
static void put_inspect_path(struct docker_work *work)
{
	if (work->docker->podman)
		(void)buf_puts(&work->target_text, "/libpod");
	(void)buf_append(&work->target_text, work->path.p, work->path.n);
}

void docker_inspect_begin(struct docker_work *work)
{
	if (work->call->container)
		work->put_path = put_inspect_path;
	docker_look(work);
}

int docker_tell_inspected(struct docker_work *work, const struct json_t *root,
                          struct err *err)
{
	struct docker_description description;
	struct container container;
	int r = docker_describe_inspected(root, &description, err);

	if (r < 0)
		return r;
	r = translate(work, &description, &container);
	if (r < 0)
		return err_set_code(err, r, "describing it");
	container.detailed = true;
	container.ip = description.ip;
	container.started_wall_ms = description.started_ms;
	container.finished_wall_ms = description.finished_ms;
	container.policy = policy_of(description.policy);
	container.pid_of = docker_mode_container(description.pid_mode).p;
	container.ipc_of = docker_mode_container(description.ipc_mode).p;
	container.oom_killed = description.oom_killed;
	container.auto_remove = description.auto_remove;
	container.own_action = description.own_action;
	container.has_stop_timeout = work->now.has_stop_timeout;
	if (work->now.has_stop_timeout)
		container.stop_timeout_ms = work->call->found.stop_timeout_ms;
	container.stopped_by_hand =
		description.stopped_by_hand ||
		docker_container_stopped_by_hand(&work->now);
	work->call->container(work->call, &container);
	return 0;
}

/* --- list --------------------------------------------------------------- */

static int tell_listed(struct docker_work *work, const struct json_t *element)
{
	struct docker_description description;
	struct container container;
	struct err err;
	int r = docker_describe_listed(element, work->docker->podman,
	                               &description, &err);

	if (r < 0) {
		docker_note(work, &err);
		return r;
	}
	r = translate(work, &description, &container);
	if (r < 0)
		return r;
	work->call->container(work->call, &container);
	return 0;
}

static int on_element(void *context, struct slice text)
{
	struct docker_work *work = context;
	struct json_t *element;
	struct err err;
	int r;

	if (work->cancelled || work->closing)
		return -ECANCELED;
	r = json_parse(text, &element, &err);
	if (r < 0) {
		docker_note(work, &err);
		return r;
	}
	r = tell_listed(work, element);
	json_free(element);
	return r;
}

static const struct err docker_no_array = { -EINVAL, "it is no array" };

static int on_list_bytes(struct docker_work *work, struct slice bytes)
{
	int r = json_split_feed(&work->split, bytes);

	if (r == -EINVAL && !work->trouble[0])
		docker_note(work, &docker_no_array);
	return r;
}

static void on_listed(struct docker_work *work)
{
	if (work->cancelled)
		docker_finish(work, RUNTIME_CANCELLED, "cancelled while %s",
		              work->doing);
	else if (work->trouble[0])
		docker_finish(work, RUNTIME_FAILED,
		              "the engine's list makes no sense: %s",
		              work->trouble);
	else if (work->err.code && work->http.status == 200)
		docker_finish(work, RUNTIME_FAILED,
		              "the engine's list broke off: %s",
		              work->err.message);
	else if (work->err.code)
		docker_finish_unreachable(work, "list its containers");
	else if (work->status != 200)
		docker_finish(work, RUNTIME_FAILED,
		              "the engine would not list its containers: HTTP "
		              "%u: %s",
		              work->status, work->message);
	else if (json_split_finish(&work->split) < 0)
		docker_finish(work, RUNTIME_FAILED,
		              "the engine's list broke off: it is not whole");
	else if (work->split.n_dropped)
		docker_finish(work, RUNTIME_FAILED,
		              "the engine says more than %u bytes of one "
		              "container",
		              DOCKER_DOCUMENT_MAX);
	else
		docker_finish(work, RUNTIME_OK, NULL);
}

void docker_list_begin(struct docker_work *work)
{
	work->doing = "listing its containers";
	json_split_init(&work->split, JSON_SPLIT_ARRAY, DOCKER_DOCUMENT_MAX,
	                on_element, work);
	work->streamed = on_list_bytes;
	(void)buf_puts(&work->path, "/containers/json?all=1");
	docker_send(work, "GET", on_listed);
}

/* --- remove ------------------------------------------------------------- */

/* Docker answers 409, Podman 500 with these words. */
static bool is_in_use(const struct docker_work *work)
{
	return strstr(work->message, "remove a running") ||
	       strstr(work->message, "remove a paused") ||
	       strstr(work->message, "container is running") ||
	       strstr(work->message, "container is paused") ||
	       strstr(work->message, "running or paused containers cannot");
}

static bool is_gone(const struct docker_work *work)
{
	if (work->err.code)
		return false;
	return work->status / 100 == 2 || work->status == 404 ||
	       (work->status == 409 &&
	        strstr(work->message, "already in progress"));
}

static void on_removed(struct docker_work *work)
{
	if (is_gone(work))
		docker_finish(work, RUNTIME_OK, NULL);
	else if (!work->err.code && is_in_use(work))
		docker_finish(work, RUNTIME_LEFT_ALONE,
		              "it was started meanwhile and is left alone");
	else
		docker_finish_refused(work, "remove");
}

void docker_remove_looked(struct docker_work *work)
{
	if (docker_hands_off(work))
		return;
	if (work->now.status == DOCKER_STATUS_RUNNING ||
	    work->now.status == DOCKER_STATUS_RESTARTING) {
		docker_finish(work, RUNTIME_LEFT_ALONE,
		              "it runs and is left alone");
		return;
	}
	work->doing = "removing it";
	work->lingers = true;
	docker_allow(work, DOCKER_REMOVE_MS);
	docker_path(work, "containers", work->now.id,
	            work->call->volumes ? "?v=1" : "");
	docker_send(work, "DELETE", on_removed);
}
