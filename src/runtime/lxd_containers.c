/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon says of its instances, in our words; the list of them; and
 * removing one.
 *
 *   list     may all be listed at once? ──yes──▶ list ──▶ done
 *                 │ no (before instance_all_projects)
 *                 └──▶ projects ──▶ list one ──▶ list the next … ──▶ done
 *
 *   remove   look ──▶ stopped: delete, wait ──▶ gone: done
 *                  ──▶ gone: done   ──▶ anything else: left alone
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/duration.h"
#include "base/mem.h"
#include "proto/json.h"
#include "proto/lxd_list.h"
#include "runtime/lxd_work.h"

#define LXD_LIST_MS   30000 /* all of it, unless set */
#define LXD_REMOVE_MS 60000 /* its files may be many */
#define LXD_LABELS    (1024 * 1024)

/* --- in our words ------------------------------------------------------- */

static enum container_status status_of(enum lxd_status status)
{
	static const enum container_status statuses[] = {
		[LXD_STATUS_OTHER] = CONTAINER_OTHER,
		[LXD_STATUS_RUNNING] = CONTAINER_RUNNING,
		[LXD_STATUS_STOPPED] = CONTAINER_EXITED,
		[LXD_STATUS_FROZEN] = CONTAINER_PAUSED,
		[LXD_STATUS_CHANGING] = CONTAINER_RESTARTING,
		[LXD_STATUS_ERROR] = CONTAINER_OTHER,
	};

	return statuses[status];
}

/* As an array of struct container_label; it lives as long as the document. */
static int collect_labels(const struct json_t *config, struct buf *labels)
{
	struct json_member member = { 0 };

	while (json_next_member(config, &member)) {
		struct container_label label = {
			.name = member.name,
			.value = json_as_string(member.value),
		};

		if (lxd_is_label(member.name))
			(void)buf_append(labels, &label, sizeof(label));
	}
	return labels->failed;
}

static void fill(struct container *out, const struct lxd_description *seen)
{
	bool stopped = seen->status == LXD_STATUS_STOPPED;

	*out = (struct container){
		.name = seen->name,
		.project = seen->project,
		.image = seen->image,
		.status = status_of(seen->status),
		.policy = seen->autorestart ? CONTAINER_POLICY_ON_FAILURE
		                            : CONTAINER_POLICY_NO,
		.created_wall_ms = seen->created_ms,
		.started_wall_ms = seen->last_used_ms,
		.exit_code = -1,
		.check_exit_code = -1,
		.output = "",
		.detailed = true,
		.auto_remove = seen->ephemeral,
		.stopped_by_hand = stopped && seen->autorestart,
	};
}

int lxd_tell(struct runtime_call *call, const struct json_t *instance,
             struct err *err)
{
	struct lxd_description seen;
	struct container container;
	char key[LXD_KEY_MAX];
	struct buf labels;
	int r = lxd_describe(instance, &seen, err);

	if (r < 0)
		return r;
	fill(&container, &seen);
	container.id = lxd_key(seen.project, seen.name, key);
	buf_init(&labels, LXD_LABELS);
	r = collect_labels(seen.config, &labels);
	container.labels = (const void *)labels.p;
	container.n_labels = labels.n / sizeof(struct container_label);
	if (r == 0)
		call->container(call, &container);
	else
		(void)err_set_code(err, r, "describing %s", key);
	buf_fini(&labels);
	return r;
}

int lxd_tell_reply(struct lxd_work *work, struct err *err)
{
	const struct json_t *metadata;
	struct json_t *root;
	int r = lxd_open_envelope(buf_slice(&work->reply), work->http.status,
	                          &root, &metadata, err);

	if (r == 0)
		r = lxd_tell(work->call, metadata, err);
	json_free(root);
	return r;
}

/* --- list --------------------------------------------------------------- */

struct listing {
	struct lxd_work work;
	struct lxd_list list;
	struct err trouble;      /* with an instance; code 0: none */
	struct json_t *projects; /* the reply, where they are asked for */
	const struct json_t *names;
	size_t at;
	uint64_t timeout_ms;
};

static void next_project(struct listing *listing);

static struct listing *listing_of(struct lxd_work *work)
{
	return container_of(work, struct listing, work);
}

static void listing_fini(struct lxd_work *work)
{
	struct listing *listing = listing_of(work);

	lxd_list_fini(&listing->list);
	json_free(listing->projects);
}

static void listed(struct listing *listing, enum runtime_result result,
                   const char *words)
{
	lxd_work_complete(&listing->work, result, "cannot list instances: %s",
	                  words);
	lxd_work_end(&listing->work);
}

/* True, with the call completed, if the deadline or the caller ended it. */
static bool was_interrupted(struct listing *listing)
{
	char span[DURATION_TEXT_MAX], words[64];

	if (listing->work.interrupt == RUNTIME_OK)
		return false;
	(void)snprintf(words, sizeof(words), "not done within %s",
	               duration_format(listing->timeout_ms, span));
	if (listing->work.interrupt == RUNTIME_CANCELLED)
		listed(listing, RUNTIME_CANCELLED, "cancelled");
	else
		listed(listing, RUNTIME_TIMED_OUT, words);
	return true;
}

static int on_instance(void *context, const struct json_t *instance)
{
	struct listing *listing = context;

	if (listing->work.interrupt != RUNTIME_OK)
		return -ECANCELED;
	return lxd_tell(listing->work.call, instance, &listing->trouble);
}

static int on_list_bytes(struct http_call *http, struct slice bytes)
{
	struct lxd_work *work = container_of(http, struct lxd_work, http);
	struct listing *listing = listing_of(work);
	int r;

	if (work->ending || work->interrupt != RUNTIME_OK)
		return -ECANCELED;
	r = lxd_list_feed(&listing->list, bytes);
	if (r < 0 && !listing->trouble.code)
		(void)err_set_code(&listing->trouble, r, "reading the list");
	return r;
}

static void on_listed(struct lxd_work *work)
{
	struct listing *listing = listing_of(work);
	struct err err;
	int r;

	if (was_interrupted(listing))
		return;
	if (listing->trouble.code) {
		listed(listing, RUNTIME_FAILED, listing->trouble.message);
		return;
	}
	r = lxd_work_sent(work, &err);
	if (r == 0)
		r = lxd_list_finish(&listing->list, work->http.status, &err);
	lxd_list_fini(&listing->list);
	if (r == 0 && listing->projects)
		next_project(listing);
	else if (r == 0)
		listed(listing, RUNTIME_OK, "");
	else /* one that breaks off is another thing than none at all */
		listed(listing,
		       work->http.status ? RUNTIME_FAILED : lxd_work_blame(r),
		       err.message);
}

static void list_project(struct listing *listing, const char *project)
{
	lxd_list_init(&listing->list, on_instance, listing);
	lxd_work_aim_list(&listing->work, project);
	lxd_work_send(&listing->work, "GET", HTTP_CLIENT_TIMEOUT_NONE,
	              on_list_bytes, on_listed);
}

static void next_project(struct listing *listing)
{
	const struct json_t *project = json_item(listing->names, listing->at++);

	if (project)
		list_project(listing,
		             json_as_string(json_get(project, "name")));
	else
		listed(listing, RUNTIME_OK, "");
}

static void on_projects(struct lxd_work *work)
{
	struct listing *listing = listing_of(work);
	struct err err;
	int r;

	if (was_interrupted(listing))
		return;
	r = lxd_work_sent(work, &err);
	if (r == 0)
		r = lxd_open_envelope(buf_slice(&work->reply),
		                      work->http.status, &listing->projects,
		                      &listing->names, &err);
	if (r == 0)
		next_project(listing);
	else
		listed(listing, lxd_work_blame(r), err.message);
}

static void go_on(struct listing *listing)
{
	struct lxd_work *work = &listing->work;

	if (work->lxd->all_projects == LXD_YES) {
		list_project(listing, NULL);
		return;
	}
	lxd_work_aim_path(work, "/1.0/projects?recursion=1");
	lxd_work_send(work, "GET", LXD_EXCHANGE_MS, NULL, on_projects);
}

static void on_server(struct lxd_work *work)
{
	struct listing *listing = listing_of(work);
	struct err err;
	bool all;
	int r;

	if (was_interrupted(listing))
		return;
	r = lxd_work_sent(work, &err);
	if (r == 0)
		r = lxd_read_extension(buf_slice(&work->reply),
		                       work->http.status,
		                       "instance_all_projects", &all, &err);
	if (r != 0) {
		listed(listing, lxd_work_blame(r), err.message);
		return;
	}
	work->lxd->all_projects = all ? LXD_YES : LXD_NO;
	go_on(listing);
}

int lxd_list(struct runtime *runtime, struct runtime_call *call)
{
	struct lxd_runtime *lxd =
		container_of(runtime, struct lxd_runtime, base);
	struct listing *listing = mem_calloc(1, sizeof(*listing));
	struct lxd_work *work;

	if (!listing)
		return err_set_code(&call->err, -ENOMEM, "no list");
	work = &listing->work;
	work->interrupted = lxd_work_hurry;
	work->fini = listing_fini;
	listing->timeout_ms = call->timeout_ms ? call->timeout_ms : LXD_LIST_MS;
	lxd_work_init(work, lxd, call, listing->timeout_ms);
	work->target = NULL; /* it is about none, or all */
	work->project = call->project;
	lxd_work_aim_path(work, "/1.0");
	if (call->project || work->socket.restricted) {
		list_project(listing, call->project);
	} else if (lxd->all_projects != LXD_UNKNOWN) {
		go_on(listing);
	} else {
		lxd_work_send(work, "GET", LXD_EXCHANGE_MS, NULL, on_server);
	}
	return 0;
}

/* --- remove ------------------------------------------------------------- */

struct removal {
	struct lxd_work work;
	uint64_t timeout_ms;
	char why[ERR_MESSAGE_SIZE]; /* the latest failure */
};

static void look(struct lxd_work *work);

static struct removal *removal_of(struct lxd_work *work)
{
	return container_of(work, struct removal, work);
}

static void removed(struct lxd_work *work, enum runtime_result result,
                    const char *words)
{
	lxd_work_complete(work, result, "cannot remove instance %s: %s",
	                  work->target, words);
	lxd_work_end(work);
}

static bool removal_interrupted(struct lxd_work *work)
{
	struct removal *removal = removal_of(work);
	char span[DURATION_TEXT_MAX], words[ERR_MESSAGE_SIZE];

	if (work->interrupt == RUNTIME_OK)
		return false;
	(void)snprintf(words, sizeof(words), "not done within %s%s%.180s",
	               duration_format(removal->timeout_ms, span),
	               removal->why[0] ? "; " : "", removal->why);
	if (work->interrupt == RUNTIME_CANCELLED)
		removed(work, RUNTIME_CANCELLED, "cancelled");
	else
		removed(work, RUNTIME_TIMED_OUT, words);
	return true;
}

/* "Instance is running", while nothing else is done to it. */
static bool runs_again(const char *words)
{
	return strstr(words, "is running") && !strstr(words, "busy");
}

static void on_deleted(struct lxd_work *work)
{
	struct removal *removal = removal_of(work);
	bool ended = work->end == LXD_ENDED;
	const char *words = ended ? work->operation.error : work->err.message;

	(void)snprintf(removal->why, sizeof(removal->why), "%s", words);
	if (ended && work->operation.progress == LXD_SUCCESS)
		removed(work, RUNTIME_OK, "");
	else if (removal_interrupted(work))
		return;
	else if (work->end == LXD_REFUSED && work->refusal == LXD_E_NOT_FOUND)
		removed(work, RUNTIME_OK, "");
	else if (runs_again(removal->why))
		removed(work, RUNTIME_LEFT_ALONE, "it runs again");
	else if (work->end == LXD_LOST || work->refusal == LXD_E_BUSY ||
	         (ended && work->operation.why == LXD_E_BUSY))
		lxd_work_pause(work, work->lxd->retry_ms, look);
	else
		removed(work,
		        work->end == LXD_UNREACHABLE
		                ? lxd_work_blame(work->err.code)
		                : RUNTIME_FAILED,
		        removal->why);
}

static void delete_it(struct lxd_work *work)
{
	work->refusal = LXD_E_REFUSED;
	lxd_work_aim(work, NULL);
	lxd_work_run(work, "DELETE", on_deleted);
}

static void on_looked(struct lxd_work *work)
{
	struct lxd_instance seen;
	struct err err;
	int r;

	if (removal_interrupted(work))
		return;
	r = lxd_work_sent(work, &err);
	if (r == 0)
		r = lxd_read_instance(buf_slice(&work->reply),
		                      work->http.status, &seen, &err);
	if (r == LXD_E_NOT_FOUND)
		removed(work, RUNTIME_OK, "");
	else if (r != 0)
		removed(work, lxd_work_blame(r), err.message);
	else if (seen.status == LXD_STATUS_STOPPED ||
	         seen.status == LXD_STATUS_ERROR)
		delete_it(work);
	else
		removed(work, RUNTIME_LEFT_ALONE,
		        seen.status == LXD_STATUS_FROZEN ? "it is frozen"
		                                         : "it runs");
}

static void look(struct lxd_work *work)
{
	if (removal_interrupted(work))
		return;
	lxd_work_aim(work, NULL);
	lxd_work_send(work, "GET", LXD_EXCHANGE_MS, NULL, on_looked);
}

static void on_bad_name(struct lxd_work *work)
{
	removed(work, RUNTIME_FAILED, "there can be no instance of that name");
}

int lxd_remove(struct runtime *runtime, struct runtime_call *call)
{
	struct removal *removal = mem_calloc(1, sizeof(*removal));

	if (!removal)
		return err_set_code(&call->err, -ENOMEM, "cannot remove %s",
		                    call->target);
	removal->work.interrupted = lxd_work_hurry;
	removal->timeout_ms =
		call->timeout_ms ? call->timeout_ms : LXD_REMOVE_MS;
	lxd_work_init(&removal->work,
	              container_of(runtime, struct lxd_runtime, base), call,
	              removal->timeout_ms);
	if (lxd_name_is_valid(removal->work.target))
		look(&removal->work);
	else
		lxd_work_pause(&removal->work, 0, on_bad_name);
	return 0;
}
