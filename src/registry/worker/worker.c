/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/worker/worker.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/json_writer.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/lock_file.h"
#include "registry/worker/fetch.h"
#include "registry/worker/node_files.h"
#include "registry/worker/report.h"
#include "registry/worker/rules.h"
#include "registry/worker/watch.h"

#define REGISTRY_PORT   9090
#define PROMETHEUS_PORT 9090

/* One kind of documents. */
struct part {
	struct worker *worker;
	bool used;
	int lock_fd; /* nobody else writes there; -1: not locked */
	struct fetch fetch;
	struct kept_file file; /* of targets and of URLs */
	/* of what is on disk; of rules that were taken back the good ones' */
	char written[LINK_ETAG_MAX];
};

struct worker {
	struct worker_options options;
	struct rng rng;
	struct life life;
	struct link registry;
	struct link prometheus;
	char *prometheus_text; /* what its url points into */

	struct watch watch;
	struct life_timer quiet; /* after news */
	uint64_t burst_ms;       /* when the first of them came; 0: none */
	struct wanted wanted;
	bool has_wanted;
	bool connected;
	struct err watch_err;

	struct part parts[N_DOCUMENT_KINDS];
	struct rules rules;
	struct node_files nodes;
	struct report report;

	struct life_timer last; /* open until all else is closed */
	bool finished;
	void (*closed)(void *context);
	void *closed_context;
};

/* --- how it is --------------------------------------------------------------- */

static const struct err *first_error(const struct worker *worker)
{
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		if (worker->parts[i].fetch.err.code)
			return &worker->parts[i].fetch.err;
	}
	if (worker->rules.err.code)
		return &worker->rules.err;
	return NULL;
}

static bool all_idle(const struct worker *worker)
{
	if (!worker->has_wanted || worker->burst_ms)
		return false;
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		if (!fetch_is_idle(&worker->parts[i].fetch))
			return false;
	}
	return worker->rules.state == RULES_IDLE;
}

void worker_status(const struct worker *worker, struct worker_status *status)
{
	const struct err *err = worker->watch_err.code ? &worker->watch_err
	                                               : first_error(worker);

	*status = (struct worker_status){
		.connected = worker->connected,
		.revision = worker->wanted.revision,
		.shard = worker->wanted.shard,
		.settled = all_idle(worker) && !err && !worker->rules.due,
		.error = err ? err->message : "",
	};
}

/* With --once: is it over? */
static void maybe_finished(struct worker *worker)
{
	static const struct err none;
	const struct err *err = worker->watch_err.code ? &worker->watch_err
	                                               : first_error(worker);

	if (!worker->options.once || worker->finished)
		return;
	if (!worker->watch_err.code &&
	    (!all_idle(worker) || worker->report.due ||
	     worker->report.call.running))
		return;
	worker->finished = true;
	worker->options.finished(worker->options.context, err ? err : &none);
}

static void tell_changed(struct worker *worker)
{
	if (worker->life.closing)
		return;
	if (worker->has_wanted)
		report_changed(&worker->report);
	if (worker->options.changed)
		worker->options.changed(worker->options.context);
}

/* --- the report ----------------------------------------------------------------- */

static void write_loaded(const struct worker *worker, struct json_writer *json)
{
	enum reload_loaded loaded = worker->rules.loaded;

	json_write_key(json, "loaded");
	if (loaded == LOADED_UNKNOWN)
		json_write_null(json);
	else
		json_write_bool(json, loaded == LOADED_YES);
}

static const char *error_text(const struct worker *worker)
{
	const struct err *err = first_error(worker);

	if (err)
		return err->message;
	if (worker->rules.loaded == LOADED_NO)
		return "Prometheus says that its last reload failed; its log "
		       "says why";
	return "";
}

static void write_report(void *context, struct buf *out)
{
	const struct worker *worker = context;
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	json_write_key(&json, "server");
	json_write_string(&json, worker->options.server);
	json_write_key(&json, "version");
	json_write_string(&json, BOUNCER_VERSION);
	json_write_key(&json, "revision");
	json_write_u64(&json, worker->wanted.revision);
	json_write_key(&json, "written");
	json_write_object(&json);
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		if (!worker->parts[i].used)
			continue;
		json_write_key(&json, wanted_name((enum document_kind)i));
		json_write_string(&json, worker->parts[i].written);
	}
	json_write_object_end(&json);
	write_loaded(worker, &json);
	json_write_key(&json, "error");
	json_write_string(&json, error_text(worker));
	json_write_object_end(&json);
}

static void on_report_settled(void *context)
{
	maybe_finished(context);
}

/* --- documents -------------------------------------------------------------------- */

static void on_settled(void *context, struct fetch *fetch)
{
	struct part *part = context;
	struct worker *worker = part->worker;
	bool taken_back =
		fetch->kind == DOCUMENT_RULES && worker->rules.taken_back;

	if (fetch->err.code)
		log_warn(worker->options.log, "cannot hand over",
		         LOG_STR("document", wanted_name(fetch->kind)),
		         LOG_STR("error", fetch->err.message));
	else if (!taken_back)
		memcpy(part->written, fetch->have, sizeof(part->written));
	tell_changed(worker);
	maybe_finished(worker);
}

static void on_file_written(struct kept_file *file)
{
	struct part *part = container_of(file, struct part, file);

	if (part->worker->life.closing)
		return;
	if (!file->err.code)
		log_info(part->worker->options.log, "written",
		         LOG_STR("file", file->path),
		         LOG_INT("revision", part->worker->wanted.revision));
	fetch_done(&part->fetch, &file->err);
}

static void on_file_fetched(void *context, struct buf *body)
{
	struct part *part = context;

	if (kept_file_put(&part->file, body, on_file_written) != 0)
		fetch_done(&part->fetch, &part->file.err);
}

static void on_rules_fetched(void *context, struct buf *body)
{
	struct part *part = context;

	rules_put(&part->worker->rules, body);
}

static void on_rules_done(void *context, const struct err *err)
{
	struct worker *worker = context;

	if (!worker->life.closing)
		fetch_done(&worker->parts[DOCUMENT_RULES].fetch, err);
}

static void on_rules_changed(void *context)
{
	tell_changed(context);
}

static void on_rules_again(void *context)
{
	struct worker *worker = context;

	fetch_again(&worker->parts[DOCUMENT_RULES].fetch);
}

static void on_nodes_fetched(void *context, struct buf *body)
{
	struct part *part = context;

	node_files_put(&part->worker->nodes, buf_slice(body));
}

static void on_nodes_done(void *context, const struct err *err)
{
	struct worker *worker = context;

	if (!worker->life.closing)
		fetch_done(&worker->parts[DOCUMENT_NODES].fetch, err);
}

/* --- news ---------------------------------------------------------------------------- */

static void on_quiet(struct life_timer *timer)
{
	struct worker *worker = container_of(timer, struct worker, quiet);

	worker->burst_ms = 0;
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		if (worker->parts[i].used)
			fetch_want(&worker->parts[i].fetch,
			           &worker->wanted.documents[i]);
	}
	tell_changed(worker);
	maybe_finished(worker);
}

/* Each edit of a burst puts it off, up to a limit. */
static void on_wanted(void *context, const struct wanted *wanted)
{
	struct worker *worker = context;
	uint64_t now_ms = uv_now(worker->options.loop);
	uint64_t passed_ms;

	if (worker->has_wanted &&
	    !text_equal(worker->wanted.shard, wanted->shard))
		log_info(worker->options.log, "moved to another shard",
		         LOG_STR("shard", wanted->shard));
	worker->wanted = *wanted;
	worker->has_wanted = true;
	if (worker->burst_ms == 0)
		worker->burst_ms = MAX(now_ms, 1);
	passed_ms = now_ms - worker->burst_ms;
	life_timer_start(&worker->quiet,
	                 passed_ms < WORKER_BURST_MS ? WORKER_QUIET_MS : 0);
}

static void on_watch_state(void *context, bool connected, const struct err *err)
{
	struct worker *worker = context;
	bool same = err ? strcmp(worker->watch_err.message, err->message) == 0
	                : worker->connected;

	worker->connected = connected;
	if (err)
		worker->watch_err = *err;
	else
		err_clear(&worker->watch_err);
	if (same)
		return;
	if (connected) {
		log_info(worker->options.log, "watching the registry",
		         LOG_STR("server", worker->options.server));
		/* it may have been started anew, and know nothing of us */
		if (worker->has_wanted)
			report_forget(&worker->report);
	} else {
		log_warn(worker->options.log, "cannot watch the registry",
		         LOG_STR("error", err->message));
	}
	if (worker->options.changed)
		worker->options.changed(worker->options.context);
	maybe_finished(worker);
}

void worker_again(struct worker *worker)
{
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		kept_file_look(&worker->parts[i].file);
		fetch_forget(&worker->parts[i].fetch);
	}
	kept_file_look(&worker->rules.file);
	kept_file_look(&worker->rules.good_file);
	node_files_look(&worker->nodes);
	worker->rules.has_bad = false;
	watch_again(&worker->watch);
}

/* --- opening ---------------------------------------------------------------------------- */

static int open_link(struct worker *worker, struct link *link, const char *name,
                     const char *text, uint16_t port, struct err *err)
{
	int r;

	link->client = worker->options.client;
	link->life = &worker->life;
	link->name = name;
	r = url_parse(slice_from(text), port, &link->url, err);
	if (r < 0)
		err_wrap(err, "the address of the %s", name); /* no password */
	return r;
}

/* A server without a port, as --queues names it, has Prometheus' own. */
static int open_links(struct worker *worker, struct err *err)
{
	const struct worker_options *options = &worker->options;
	const char *text = options->prometheus;
	struct buf url;
	int r;

	buf_init(&url, URL_MAX_LENGTH);
	(void)buf_printf(&url, "http://%s", options->server);
	worker->prometheus_text = text ? mem_strdup(text) : buf_take(&url);
	buf_fini(&url);
	if (!worker->prometheus_text)
		return -ENOMEM;
	worker->registry.token_file = options->token_file;
	r = open_link(worker, &worker->registry, "registry", options->registry,
	              REGISTRY_PORT, err);
	if (r == 0)
		r = open_link(worker, &worker->prometheus, "Prometheus",
		              worker->prometheus_text, PROMETHEUS_PORT, err);
	return r;
}

static int open_rules(struct worker *worker, struct err *err)
{
	struct rules *rules = &worker->rules;

	rules->log = worker->options.log;
	rules->rng = &worker->rng;
	rules->prometheus = &worker->prometheus;
	rules->retry_ms = worker->options.retry_ms;
	rules->once = worker->options.once;
	rules->done = on_rules_done;
	rules->changed = on_rules_changed;
	rules->again = on_rules_again;
	rules->context = worker;
	return rules_open(rules, worker->options.loop, worker->options.rules,
	                  worker->options.mode, err);
}

static int open_nodes(struct worker *worker, struct err *err)
{
	struct node_files *nodes = &worker->nodes;

	nodes->loop = worker->options.loop;
	nodes->life = &worker->life;
	nodes->log = worker->options.log;
	nodes->directory = worker->options.nodes;
	nodes->mode = worker->options.mode;
	nodes->done = on_nodes_done;
	nodes->context = worker;
	return node_files_open(nodes, err);
}

/* PATH.lock, or the directory. */
static int take_lock(struct part *part, enum document_kind kind,
                     const char *path)
{
	char name[PATH_MAX];
	int n;

	if (kind == DOCUMENT_NODES)
		return lock_file_take_directory(path, &part->lock_fd);
	n = snprintf(name, sizeof(name), "%s.lock", path);
	if (n < 0 || (size_t)n >= sizeof(name))
		return -ENAMETOOLONG;
	return lock_file_take(name, &part->lock_fd);
}

/* Two that write one file would undo each other's work; where there are no
 * locks we go without. */
static int lock_part(struct part *part, enum document_kind kind,
                     const char *path, struct err *err)
{
	int r = take_lock(part, kind, path);

	if (r == -EWOULDBLOCK)
		return err_set(err, -EBUSY,
		               "\"%s\" is another worker's, or that of "
		               "another option: stop that worker, or let "
		               "this one write elsewhere",
		               path);
	if (r < 0)
		log_warn(part->worker->options.log,
		         "cannot be locked against a second worker",
		         LOG_STR("path", path), LOG_STR("error", err_text(r)));
	return 0;
}

static int open_part(struct worker *worker, enum document_kind kind,
                     const char *path, struct err *err)
{
	struct part *part = &worker->parts[kind];
	struct fetch *fetch = &part->fetch;
	int r;

	part->worker = worker;
	part->used = path != NULL;
	fetch->kind = kind;
	fetch->link = &worker->registry;
	fetch->rng = &worker->rng;
	fetch->once = worker->options.once;
	fetch->fetched = on_file_fetched;
	fetch->settled = on_settled;
	fetch->context = part;
	if (!path)
		return 0;
	r = lock_part(part, kind, path, err);
	if (r == 0)
		r = fetch_open(fetch, worker->options.loop);
	if (r < 0)
		return r;
	if (kind == DOCUMENT_RULES) {
		fetch->fetched = on_rules_fetched;
		return open_rules(worker, err);
	}
	if (kind == DOCUMENT_NODES) {
		fetch->fetched = on_nodes_fetched;
		return open_nodes(worker, err);
	}
	return kept_file_open(&part->file, worker->options.loop, &worker->life,
	                      path, worker->options.mode, err);
}

static int open_parts(struct worker *worker, struct err *err)
{
	const struct worker_options *options = &worker->options;
	const char *paths[N_DOCUMENT_KINDS] = {
		[DOCUMENT_TARGETS] = options->targets,
		[DOCUMENT_URLS] = options->urls,
		[DOCUMENT_RULES] = options->rules,
		[DOCUMENT_NODES] = options->nodes,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < N_DOCUMENT_KINDS; i++)
		r = open_part(worker, (enum document_kind)i, paths[i], err);
	return r;
}

static int open_watch(struct worker *worker)
{
	struct watch *watch = &worker->watch;
	int r;

	watch->link = &worker->registry;
	watch->rng = &worker->rng;
	watch->server = worker->options.server;
	watch->once = worker->options.once;
	watch->wanted = on_wanted;
	watch->state = on_watch_state;
	watch->context = worker;
	r = life_timer_open(&worker->quiet, worker->options.loop, &worker->life,
	                    on_quiet);
	return r < 0 ? r : watch_open(watch, worker->options.loop);
}

static int open_report(struct worker *worker)
{
	struct report *report = &worker->report;

	report->link = &worker->registry;
	report->rng = &worker->rng;
	report->once = worker->options.once;
	report->write = write_report;
	report->settled = on_report_settled;
	report->context = worker;
	return report_open(report, worker->options.loop);
}

/* --- the end --------------------------------------------------------------------------------- */

static void on_ended(void *context)
{
	struct worker *worker = context;
	void (*closed)(void *context) = worker->closed;
	void *closed_context = worker->closed_context;

	watch_fini(&worker->watch);
	report_fini(&worker->report);
	rules_fini(&worker->rules);
	node_files_fini(&worker->nodes);
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		kept_file_fini(&worker->parts[i].file);
		if (worker->parts[i].lock_fd >= 0)
			(void)close(worker->parts[i].lock_fd);
	}
	mem_free(worker->prometheus_text);
	mem_free(worker);
	closed(closed_context);
}

/* So that the end always comes from the loop. */
static void on_last(struct life_timer *timer)
{
	(void)timer;
}

void worker_close(struct worker *worker, void (*closed)(void *context),
                  void *context)
{
	worker->closed = closed;
	worker->closed_context = context;
	worker->life.closing = true;
	watch_close(&worker->watch);
	life_timer_close(&worker->quiet);
	report_close(&worker->report);
	rules_close(&worker->rules);
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		fetch_close(&worker->parts[i].fetch);
		kept_file_close(&worker->parts[i].file);
	}
	life_timer_close(&worker->last);
}

int worker_open(const struct worker_options *options, struct worker **workerp,
                struct err *err)
{
	struct worker *worker = mem_calloc(1, sizeof(*worker));
	int r;

	if (!worker)
		return -ENOMEM;
	worker->options = *options;
	worker->rng.state = options->seed;
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++)
		worker->parts[i].lock_fd = -1;
	worker->life.ended = on_ended;
	worker->life.context = worker;
	r = life_timer_open(&worker->last, options->loop, &worker->life,
	                    on_last);
	if (r < 0) {
		mem_free(worker);
		return r;
	}
	*workerp = worker;
	r = open_links(worker, err);
	if (r == 0)
		r = open_report(worker);
	if (r == 0)
		r = open_parts(worker, err);
	if (r == 0)
		r = open_watch(worker);
	return r;
}
