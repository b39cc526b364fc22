/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the daemon.
 *
 * Start: state is read, the configuration applied, `addr` opened, sources
 * begin to read. SIGHUP applies the configuration anew or leaves all as it is.
 * SIGTERM or SIGINT ends in stages, each of which waits for the closes that it
 * began (`stages` below); a second one ends at once.
 */
#include "daemon_parts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/text.h"
#include "runtime/host.h"

/* libuv's pool is used for file writes and name look-ups only, both rare; a
 * hanging look-up must not keep the state from being written. */
#define POOL_SIZE "2"

/* As for a file that has problems. */
#define EXIT_CONFIGURATION 2

static void on_deadline(uv_timer_t *timer);

/* --- time --------------------------------------------------------------- */

int64_t daemon_wall_ms(void)
{
	uv_timeval64_t now;

	(void)uv_gettimeofday(&now);
	return now.tv_sec * 1000 + now.tv_usec / 1000;
}

uint64_t daemon_now(struct daemon *daemon)
{
	uint64_t now_ms;

	uv_update_time(&daemon->loop);
	now_ms = uv_now(&daemon->loop);
	daemon->supervisor.wall_offset_ms = daemon_wall_ms() - (int64_t)now_ms;
	return now_ms;
}

void daemon_arm(struct daemon *daemon)
{
	uint64_t next_ms = supervisor_next(&daemon->supervisor);
	uint64_t now_ms = uv_now(&daemon->loop);

	if (daemon->n_starved)
		next_ms = now_ms;
	if (daemon->stage > 0)
		return;
	daemon->api.n_owed = promises_n_owed(daemon->promises);
	daemon_drained(daemon);
	daemon_notify_changed(daemon);
	if (next_ms == daemon->deadline_ms)
		return;
	daemon->deadline_ms = next_ms;
	if (next_ms == DEADLINE_NEVER)
		(void)uv_timer_stop(&daemon->deadline);
	else
		(void)uv_timer_start(&daemon->deadline, on_deadline,
		                     next_ms > now_ms ? next_ms - now_ms : 0,
		                     0);
}

static void on_deadline(uv_timer_t *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, deadline);

	daemon->deadline_ms = DEADLINE_NEVER;
	daemon_act_starved(daemon);
	supervisor_tick(&daemon->supervisor, daemon_now(daemon));
	daemon_arm(daemon);
}

/* --- reload ------------------------------------------------------------- */

static void record(struct daemon *daemon, enum log_level level,
                   const char *reason, const char *detail)
{
	supervisor_record(&daemon->supervisor, level, JOURNAL_DAEMON, "",
	                  reason, detail, daemon_now(daemon));
}

static int use_tls(struct daemon *daemon, const struct config_global *global,
                   struct err *err)
{
	const struct tls_options options = { .ca = global->tls_ca,
		                             .cert = global->tls_cert,
		                             .key = global->tls_key };

	if (http_client_set_tls(daemon->client, &options) < 0)
		return err_set(err, UV_ENOMEM, "out of memory");
	return 0;
}

/* All or nothing: whom to believe, the monitors, and what is served. */
static int watch_apply(struct daemon *daemon, struct config *config,
                       struct err *err)
{
	const struct config *old =
		daemon->config ? daemon->config->config : NULL;
	int r = use_tls(daemon, &config->global, err);

	if (r < 0)
		return r;
	r = daemon_watch_apply(daemon, config, err);
	if (r < 0 && old && use_tls(daemon, &old->global, NULL) < 0)
		log_error(daemon->log,
		          "no memory to go back to the TLS files of before");
	return r;
}

static int reload_apply(struct daemon *daemon, struct config *config,
                        struct err *err)
{
	const struct config_global *old = &daemon->config->config->global;
	struct daemon_serving serving;
	int r;

	if (!text_equal(old->state_dir, config->global.state_dir))
		log_warn(daemon->log,
		         "state_dir changes with the next restart");
	if (daemon_leader_changes(&daemon->config->config->leader,
	                          &config->leader))
		log_warn(daemon->log, "leader changes with the next restart");
	if (!text_equal(old->timezone, config->global.timezone))
		log_warn(daemon->log, "timezone changes with the next restart");
	r = daemon_plugins_check(daemon, config, err);
	if (r == 0)
		r = daemon_serve_prepare(daemon, config, &serving, err);
	if (r < 0)
		return r;
	r = watch_apply(daemon, config, err);
	if (r == 0)
		daemon_serve_commit(daemon, &serving);
	else
		daemon_serve_drop(daemon, &serving);
	return r;
}

static void log_problems(struct daemon *daemon, struct slice text)
{
	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;

		log_error(daemon->log, "configuration problem",
		          LOG_SLICE("problem", slice_make(text.p, n)));
		text = slice_skip(text, end ? n + 1 : n);
	}
}

int daemon_reload(struct daemon *daemon, struct buf *problems, struct err *err)
{
	const struct daemon_options *options = daemon->options;
	struct config *config = NULL;
	int r;

	daemon_notify_reloading(daemon);
	if (options->text.p)
		r = config_load_text(options->text, options->file,
		                     options->overrides, options->n_overrides,
		                     &config, problems);
	else
		r = config_load(options->file, options->overrides,
		                options->n_overrides, &config, problems);
	if (r < 0) {
		log_problems(daemon, buf_slice(problems));
		(void)err_set(err, r, "%s has problems", options->file);
	} else {
		r = reload_apply(daemon, config, err);
		if (r < 0)
			config_free(config);
	}

	daemon->api.reload_ok = r == 0;
	daemon->api.n_reloads[r == 0]++;
	if (r == 0)
		record(daemon, LOG_LEVEL_INFO, "configuration reloaded",
		       options->file);
	else
		record(daemon, LOG_LEVEL_ERROR,
		       "reload failed, nothing changed", err->message);
	daemon_notify_ready(daemon);
	daemon_state_save(daemon, NULL);
	daemon_arm(daemon);
	return r;
}

static void reload_by_signal(struct daemon *daemon)
{
	struct err err = { 0 };
	struct buf problems;

	buf_init(&problems, 1 << 20);
	(void)daemon_reload(daemon, &problems, &err);
	buf_fini(&problems);
}

/* --- the end ------------------------------------------------------------ */

/* All of them lie in the daemon, as the loop does. */
static void on_timer_closed(uv_handle_t *handle)
{
	daemon_closed_one(container_of(handle->loop, struct daemon, loop));
}

static void close_timer(struct daemon *daemon, uv_timer_t *timer)
{
	daemon->n_pending++;
	uv_close((uv_handle_t *)timer, on_timer_closed);
}

static void on_signal_closed(uv_handle_t *handle)
{
	uv_signal_t *signal = (uv_signal_t *)handle;

	daemon_closed_one(
		container_of(signal, struct daemon_signal, handle)->daemon);
}

static void close_bouncer(struct daemon *daemon)
{
	daemon->n_pending++;
	bouncer_close(&daemon->bouncer, daemon_closed_one, daemon);
}

/* What is still owed stands in the file from here on; beside that, the last
 * notices go out. */
static void close_state(struct daemon *daemon)
{
	daemon_state_close(daemon);
	daemon_notice_close(daemon);
}

static void close_promises(struct daemon *daemon)
{
	daemon->n_pending++;
	promises_close(daemon->promises, daemon_closed_one, daemon);
	daemon->promises = NULL;
}

static void close_io(struct daemon *daemon)
{
	daemon_notify_close(daemon);
	daemon->n_pending++;
	http_client_close(daemon->client, daemon_closed_one, daemon);
	close_timer(daemon, &daemon->stop_timer);
	close_timer(daemon, &daemon->deadline);
	close_timer(daemon, &daemon->forget_timer);
	close_timer(daemon, &daemon->dependents_timer);
	close_timer(daemon, &daemon->asked_timer);
	daemon_serve_close(daemon);
	for (size_t i = 0; i < N_DAEMON_SIGNALS; i++) {
		daemon->n_pending++;
		uv_close((uv_handle_t *)&daemon->signals[i].handle,
		         on_signal_closed);
	}
}

/* Each begins when all that the one before it closes is closed. */
static void (*const stages[])(struct daemon *daemon) = {
	close_bouncer,
	daemon_plugins_close,
	daemon_leader_close, /* nothing acts any more */
	close_state,
	close_promises,
	daemon_runtime_close_all,
	daemon_gateway_close,  /* late: pushes come in until here, … */
	daemon_alerts_close,   /* … and alerts, */
	daemon_registry_close, /* and edits */
	close_io,
};

static void daemon_advance(struct daemon *daemon)
{
	while (daemon->n_pending == 0 && daemon->stage < ARRAY_SIZE(stages))
		stages[daemon->stage++](daemon);
	/* a name look-up that hangs would keep the loop alive */
	if (daemon->n_pending == 0)
		uv_stop(&daemon->loop);
}

void daemon_closed_one(void *context)
{
	struct daemon *daemon = context;

	daemon->n_pending--;
	if (daemon->stage > 0)
		daemon_advance(daemon);
	else
		daemon_drained(daemon);
}

void daemon_drained(struct daemon *daemon)
{
	if (daemon->stopping && daemon->stage == 0 &&
	    daemon->supervisor.n_acting == 0)
		daemon_advance(daemon);
}

static void on_stop_timeout(uv_timer_t *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, stop_timer);

	if (daemon->stage > 0)
		return;
	if (daemon->supervisor.n_acting > 0)
		log_warn(daemon->log, "steps that still run are cancelled",
		         LOG_INT("n", daemon->supervisor.n_acting));
	/* feeds may still be closing; the stages wait for them, too */
	daemon->stage = 1;
	close_bouncer(daemon);
}

static void daemon_stop(struct daemon *daemon, const char *why)
{
	uint64_t limit_ms =
		daemon->config
			? daemon->config->config->global.shutdown_timeout_ms
			: 0;

	daemon_notify_stopping(daemon);
	daemon->stopping = true;
	daemon->api.stopping = true;
	daemon->supervisor.stopping = true;
	record(daemon, LOG_LEVEL_INFO, "stopping", why);
	daemon_watch_close_sources(daemon);
	daemon_act_cancel(daemon, true);
	daemon_dependents_cancel(daemon);
	(void)uv_timer_start(&daemon->stop_timer, on_stop_timeout, limit_ms, 0);
	daemon_drained(daemon);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct daemon *daemon =
		container_of(handle, struct daemon_signal, handle)->daemon;

	if (signum == SIGHUP) {
		if (!daemon->stopping)
			reload_by_signal(daemon);
		return;
	}
	if (daemon->stopping) {
		log_warn(daemon->log, "second signal, ending at once");
		_exit(1);
	}
	daemon_stop(daemon, signum == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* --- the start ---------------------------------------------------------- */

static int open_signals(struct daemon *daemon)
{
	static const int signums[N_DAEMON_SIGNALS] = { SIGTERM, SIGINT,
		                                       SIGHUP };
	int r = 0;

	for (size_t i = 0; i < N_DAEMON_SIGNALS && r == 0; i++) {
		daemon->signals[i].daemon = daemon;
		r = uv_signal_init(&daemon->loop, &daemon->signals[i].handle);
		if (r == 0)
			r = uv_signal_start(&daemon->signals[i].handle,
			                    on_signal, signums[i]);
	}
	return r;
}

static void find_ourselves(struct daemon *daemon)
{
	const struct own_container_files files = {
		.cgroup = "/proc/self/cgroup",
		.mountinfo = "/proc/self/mountinfo",
		.hostname = getenv("HOSTNAME"),
	};

	own_container_find(&files, daemon->own_id);
	if (daemon->own_id[0])
		log_debug(daemon->log, "we run in a container",
		          LOG_STR("id", daemon->own_id));
}

/* What cannot fail but for lack of memory. */
static int open_parts(struct daemon *daemon)
{
	uint64_t seed = 0;
	int r;

	r = uv_loop_init(&daemon->loop);
	if (r < 0)
		return r;
	(void)uv_random(NULL, NULL, &seed, sizeof(seed), 0, NULL);
	list_init(&daemon->runtimes);
	list_init(&daemon->feeds);
	list_init(&daemon->removed);
	list_init(&daemon->dependents);
	map_init(&daemon->by_name, seed);
	map_init(&daemon->members, seed);
	map_init(&daemon->pasts, seed);
	map_init(&daemon->complaints, seed);
	list_init(&daemon->past_list);
	daemon->forget_ms = DEADLINE_NEVER;
	find_ourselves(daemon);
	targets_init(&daemon->targets, seed);
	daemon_act_init(daemon);
	supervisor_init(&daemon->supervisor, &daemon->supervisor_ops,
	                daemon->log, &daemon->journal, seed);
	daemon->deadline_ms = DEADLINE_NEVER;
	daemon->api = (struct api){
		.loop = &daemon->loop,
		.log = daemon->log,
		.supervisor = &daemon->supervisor,
		.journal = &daemon->journal,
		.start_wall_ms = daemon_wall_ms(),
		.reload_ok = true,
		.config_file = daemon->options->file,
		.ops = &daemon->api_ops,
		.commands = &daemon->bouncer.stats,
	};
	list_init(&daemon->api.answers);

	if (journal_init(&daemon->journal,
	                 daemon->options->config->global.journal_size) < 0)
		return UV_ENOMEM;
	daemon_serve_init(daemon);
	daemon->client = http_client_new(&daemon->loop, daemon->log);
	daemon->promises = promises_new(&daemon->loop, daemon->log,
	                                &daemon->promises_ops, seed + 1);
	if (!daemon->client || !daemon->promises ||
	    host_runtime_new(&daemon->host, &daemon->loop) < 0 ||
	    daemon_plugins_open(daemon) < 0)
		return UV_ENOMEM;
	daemon->bouncer = (struct bouncer){
		.loop = &daemon->loop,
		.log = daemon->log,
		.host = daemon->host,
		.promises = daemon->promises,
		.plugins = daemon->plugins,
		.max_parallel = 1,
	};
	r = bouncer_init(&daemon->bouncer);
	if (r == 0)
		r = daemon_notice_open(daemon, seed + 2);
	if (r == 0)
		r = uv_timer_init(&daemon->loop, &daemon->deadline);
	if (r == 0)
		r = uv_timer_init(&daemon->loop, &daemon->forget_timer);
	if (r == 0)
		r = uv_timer_init(&daemon->loop, &daemon->dependents_timer);
	if (r == 0)
		r = uv_timer_init(&daemon->loop, &daemon->asked_timer);
	if (r == 0)
		r = uv_timer_init(&daemon->loop, &daemon->stop_timer);
	if (r == 0)
		r = open_signals(daemon);
	if (r == 0)
		r = api_streams_new(&daemon->api);
	if (r == 0)
		r = daemon_notify_open(daemon);
	if (r == 0)
		r = daemon_state_init(daemon);
	return r;
}

/* What may fail for reasons of the world. */
static int begin(struct daemon *daemon, struct err *err)
{
	struct config *config = daemon->options->config;
	struct daemon_serving serving;
	char text[24];
	int r;

	r = daemon_plugins_check(daemon, config, err);
	if (r == -EINVAL)
		daemon->exit_code = EXIT_CONFIGURATION;
	if (r == 0)
		r = daemon_state_open(daemon, err);
	if (r == 0)
		r = daemon_leader_open(daemon, config, err);
	if (r == 0)
		r = daemon_serve_prepare(daemon, config, &serving, err);
	if (r < 0) {
		config_free(config);
		return r;
	}
	r = watch_apply(daemon, config, err);
	if (r < 0) {
		daemon_serve_drop(daemon, &serving);
		config_free(config);
		return r;
	}
	daemon_serve_commit(daemon, &serving);
	daemon_state_restore_promises(daemon);
	daemon->started = true;
	(void)snprintf(text, sizeof(text), "%zu monitor%s", config->n_monitors,
	               config->n_monitors == 1 ? "" : "s");
	record(daemon, LOG_LEVEL_INFO, "started", text);
	daemon_notify_ready(daemon);
	daemon_arm(daemon);
	return 0;
}

static void close_parts(struct daemon *daemon)
{
	daemon_watch_free(daemon);
	saved_state_free(daemon->saved);
	mem_free(daemon->state_dir);
	if (daemon->state_lock >= 0)
		(void)close(daemon->state_lock);
	supervisor_fini(&daemon->supervisor);
	targets_fini(&daemon->targets);
	journal_fini(&daemon->journal);
	/* libuv waits for its threads when the program exits: for as long as a
	 * name look-up hangs */
	if (uv_loop_close(&daemon->loop) == UV_EBUSY)
		_exit(daemon->exit_code);
}

int daemon_run(const struct daemon_options *options)
{
	const struct config_global *global = &options->config->global;
	struct daemon daemon = { .options = options, .state_lock = -1 };
	struct err err = { 0 };

	(void)uv_replace_allocator(mem_alloc, mem_realloc, mem_calloc,
	                           mem_free);
	(void)setenv("UV_THREADPOOL_SIZE", POOL_SIZE, 0);
	/* before anything asks for local time; that the zone exists has been
	 * checked */
	if (global->timezone)
		(void)setenv("TZ", global->timezone, 1);
	tzset();
	(void)signal(SIGPIPE, SIG_IGN);
	log_sink_init(&daemon.sink, STDERR_FILENO);
	daemon.sink.log.level = global->log_level;
	daemon.sink.log.format = global->log_format;
	daemon.log = &daemon.sink.log;

	if (open_parts(&daemon) < 0) {
		log_error(daemon.log, "cannot start: out of memory");
		return 1;
	}
	if (begin(&daemon, &err) < 0) {
		log_error(daemon.log, "cannot start",
		          LOG_STR("error", err.message));
		if (daemon.exit_code == 0)
			daemon.exit_code = EXIT_FAILURE;
		daemon_stop(&daemon, "cannot start");
	}
	(void)uv_run(&daemon.loop, UV_RUN_DEFAULT);
	log_info(daemon.log, "stopped");
	close_parts(&daemon);
	return daemon.exit_code;
}
