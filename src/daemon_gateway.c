/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in push gateway in the daemon: it is on as long as a configuration
 * asks for it, and what was pushed outlives reloads, and our own restart in
 * `gateway.prom` of the state directory.
 *
 * A snapshot is written some time after a change, never because time passes,
 * and in any case before the gateway goes: the time in it is until when we
 * listened. It is written piece by piece, so that neither the whole text nor a
 * long turn of the loop is needed; a file that cannot be read never stops the
 * start.
 */
#include "daemon_parts.h"

#include <errno.h>
#include <stdio.h>
#include "api/auth.h"
#include "base/mem.h"
#include "core/push_snapshot.h"

#define SNAPSHOT_NAME "gateway.prom"
#define SNAPSHOT_MODE 0640
#define SNAPSHOT_PATH 4096
#define SNAPSHOT_MAX  ((size_t)1 << 31)  /* bytes that are read */
#define PIECE_SIZE    65536              /* bytes written at once, about */
#define PIECE_MAX     ((size_t)64 << 20) /* one line may be long */

static void report(struct daemon *daemon, const char *what,
                   const struct err *err)
{
	supervisor_record(&daemon->supervisor, LOG_LEVEL_WARN, JOURNAL_DAEMON,
	                  "", what, err->message, daemon_now(daemon));
}

static uint64_t n_changes(const struct daemon_gateway *gateway)
{
	return push_store_counts(builtin_store(gateway->builtin)).n_changes;
}

/* --- reading -------------------------------------------------------------- */

/* 0: it may be written from now on; positive: better not; -ENOMEM. */
static int read_snapshot(struct daemon_gateway *gateway, const char *path)
{
	struct daemon *daemon = gateway->daemon;
	struct buf text;
	struct err err = { 0 };
	int r;

	r = atomic_file_read(path, SNAPSHOT_MAX, &text, &err);
	if (r == 0)
		r = push_snapshot_read(builtin_store(gateway->builtin),
		                       buf_slice(&text),
		                       builtin_now(gateway->builtin), &err);
	if (r == 0)
		log_info(daemon->log, "pushed state was read",
		         LOG_STR("file", path), LOG_INT("bytes", text.n));
	buf_fini(&text);
	mem_trim();
	if (r == 0 || r == -ENOENT || r == -ENOMEM)
		return r == -ENOENT ? 0 : r;

	err_wrap(&err, "%s", path);
	if (r != -EINVAL && r != -EFBIG) {
		report(daemon, "pushed state cannot be read, none is kept",
		       &err);
		return 1;
	}
	report(daemon, "pushed state cannot be used, starting afresh", &err);
	if (atomic_file_set_aside(path, daemon_wall_ms() / 1000, &err) < 0)
		report(daemon, "damaged pushed state stays where it is", &err);
	return 0;
}

static int open_snapshot(struct daemon_gateway *gateway)
{
	struct daemon *daemon = gateway->daemon;
	const char *dir = daemon->state_dir;
	char path[SNAPSHOT_PATH];
	int r;

	if (!dir) {
		log_warn(daemon->log,
		         "what is pushed does not survive a restart: "
		         "there is no usable state_dir");
		return 0;
	}
	if (snprintf(path, sizeof(path), "%s/%s", dir, SNAPSHOT_NAME) >=
	    (int)sizeof(path)) {
		log_warn(daemon->log, "pushed state is not kept: the path of "
		                      "state_dir is too long");
		return 0;
	}
	r = read_snapshot(gateway, path);
	if (r != 0)
		return r < 0 ? r : 0;
	gateway->file = atomic_file_new(&daemon->loop, path, SNAPSHOT_MODE);
	return gateway->file ? 0 : -ENOMEM;
}

/* --- writing -------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);
static void go_on_closing(struct daemon_gateway *gateway);

static void arm_snapshot(struct daemon_gateway *gateway)
{
	if (gateway->file && gateway->interval_ms && gateway->applied &&
	    !gateway->closing && !uv_is_active((uv_handle_t *)&gateway->timer))
		(void)uv_timer_start(&gateway->timer, on_timer,
		                     gateway->interval_ms, 0);
}

static void on_changed(void *context)
{
	arm_snapshot(context);
}

static void note_result(struct daemon_gateway *gateway, const struct err *err)
{
	struct daemon *daemon = gateway->daemon;

	if (err->code < 0 && !gateway->failing)
		report(daemon,
		       "pushed state cannot be written, going on without", err);
	else if (err->code == 0 && gateway->failing)
		log_info(daemon->log, "pushed state is written again");
	gateway->failing = err->code < 0;
	if (err->code == 0) {
		gateway->n_written = gateway->n_writing;
		daemon->api.snapshot_wall_ms = daemon_wall_ms();
	} else {
		daemon->api.n_snapshot_failures++;
		arm_snapshot(gateway);
	}
}

static void on_written(struct atomic_write *write)
{
	struct daemon_gateway *gateway =
		container_of(write, struct daemon_gateway, write);

	push_snapshot_writer_free(gateway->writer);
	gateway->writer = NULL;
	note_result(gateway, &write->err);
	if (gateway->closing)
		go_on_closing(gateway);
	else if (n_changes(gateway) != gateway->n_written)
		arm_snapshot(gateway);
}

static int next_piece(struct atomic_write *write, struct buf *piece)
{
	struct daemon_gateway *gateway =
		container_of(write, struct daemon_gateway, write);

	return !push_snapshot_write(gateway->writer, piece, PIECE_SIZE);
}

/* Begins a snapshot if there is a file for it and none is under way. */
static void write_snapshot(struct daemon_gateway *gateway)
{
	struct err err = { 0 };
	int r = -ENOMEM;

	if (!gateway->file || gateway->writer)
		return;
	gateway->n_writing = n_changes(gateway);
	gateway->writer = push_snapshot_writer_new(
		builtin_store(gateway->builtin), daemon_wall_ms());
	if (gateway->writer)
		r = atomic_file_write_pieces(gateway->file, PIECE_MAX,
		                             &gateway->write, next_piece,
		                             on_written);
	if (r == 0)
		return;
	push_snapshot_writer_free(gateway->writer);
	gateway->writer = NULL;
	(void)err_set_code(&err, r, "%s", SNAPSHOT_NAME);
	note_result(gateway, &err);
}

static void on_timer(uv_timer_t *timer)
{
	struct daemon_gateway *gateway =
		container_of(timer, struct daemon_gateway, timer);

	if (n_changes(gateway) != gateway->n_written)
		write_snapshot(gateway);
}

/* The last one says until when we listened, even if nobody has pushed since
 * the one before; only nothing at all need not be written again. */
static void write_last_snapshot(struct daemon_gateway *gateway)
{
	struct push_store *store = builtin_store(gateway->builtin);

	if (push_store_counts(store).n_groups > 0 ||
	    n_changes(gateway) != gateway->n_written)
		write_snapshot(gateway);
}

/* --- the end -------------------------------------------------------------- */

static void gateway_free(struct daemon_gateway *gateway)
{
	auth_free(gateway->auth);
	auth_free(gateway->push_auth);
	mem_free(gateway);
}

static void on_builtin_closed(void *context)
{
	struct daemon_gateway *gateway = context;
	struct daemon *daemon = gateway->daemon;

	daemon->gateway = NULL;
	gateway_free(gateway);
	daemon_closed_one(daemon);
}

static void on_file_closed(void *context)
{
	go_on_closing(context);
}

static void on_timer_closed(uv_handle_t *handle)
{
	uv_timer_t *timer = (uv_timer_t *)handle;

	go_on_closing(container_of(timer, struct daemon_gateway, timer));
}

/* One thing after the other; comes back when each is done. */
static void go_on_closing(struct daemon_gateway *gateway)
{
	struct atomic_file *file = gateway->file;

	if (!gateway->last_done && gateway->applied) {
		gateway->last_done = true;
		write_last_snapshot(gateway);
	}
	if (gateway->writer)
		return;
	if (file) {
		gateway->file = NULL;
		atomic_file_close(file, on_file_closed, gateway);
	} else if (gateway->timer_open) {
		gateway->timer_open = false;
		uv_close((uv_handle_t *)&gateway->timer, on_timer_closed);
	} else {
		builtin_close(gateway->builtin, on_builtin_closed, gateway);
	}
}

void daemon_gateway_close(struct daemon *daemon)
{
	struct daemon_gateway *gateway = daemon->gateway;

	if (!gateway || gateway->closing)
		return;
	daemon->n_pending++;
	api_close_gateway(&daemon->api);
	daemon->api.gateway = NULL;
	daemon->api.push_auth = NULL;
	gateway->closing = true;
	(void)uv_timer_stop(&gateway->timer);
	if (!gateway->writer)
		go_on_closing(gateway);
}

/* --- following the configuration ------------------------------------------- */

static int gateway_new(struct daemon *daemon)
{
	struct daemon_gateway *gateway = mem_calloc(1, sizeof(*gateway));
	int r;

	if (!gateway)
		return -ENOMEM;
	gateway->daemon = daemon;
	gateway->builtin = builtin_new(&daemon->loop, daemon->log,
	                               rng_next(&daemon->supervisor.rng),
	                               on_changed, gateway);
	if (!gateway->builtin) {
		mem_free(gateway);
		return -ENOMEM;
	}
	/* cannot fail */
	(void)uv_timer_init(&daemon->loop, &gateway->timer);
	gateway->timer_open = true;
	daemon->gateway = gateway;
	r = open_snapshot(gateway);
	if (r == 0)
		r = api_open_gateway(&daemon->api, gateway->builtin);
	gateway->n_written = n_changes(gateway);
	return r;
}

int daemon_gateway_plan(struct daemon *daemon,
                        const struct config_gateway *config, struct err *err)
{
	int r = 0;

	if (!config->enabled)
		return 0;
	if (daemon->gateway && daemon->gateway->closing)
		return err_set(err, UV_EBUSY,
		               "the built-in gateway is still being closed; "
		               "reload again");
	if (!daemon->gateway)
		r = gateway_new(daemon);
	if (r < 0)
		return r;
	if (config->token_file || config->basic_auth_file)
		r = auth_new(config->token_file, config->basic_auth_file,
		             &daemon->gateway->auth, err);
	return r;
}

void daemon_gateway_revert(struct daemon *daemon)
{
	struct daemon_gateway *gateway = daemon->gateway;

	if (!gateway || gateway->closing)
		return;
	auth_free(gateway->auth);
	gateway->auth = NULL;
	if (!gateway->applied)
		daemon_gateway_close(daemon);
}

static int set_rules(struct daemon_gateway *gateway,
                     const struct config_gateway *config)
{
	struct push_store_limits limits = {
		.max_group_bytes = config->max_group_size,
		.max_series = config->max_series,
		.max_groups = config->max_groups,
	};
	size_t n = config->n_ttl;
	struct push_ttl *rules = mem_calloc(n + 1, sizeof(*rules));
	struct label *labels =
		mem_calloc(n * CONFIG_MAX_LABELS + 1, sizeof(*labels));
	int r = -ENOMEM;

	for (size_t i = 0; rules && labels && i < n; i++) {
		const struct config_ttl *ttl = &config->ttl[i];
		struct label *own = &labels[i * CONFIG_MAX_LABELS];

		for (size_t k = 0; k < ttl->n_labels; k++)
			own[k] = (struct label){
				slice_from(ttl->labels[k].name),
				slice_from(ttl->labels[k].value),
			};
		rules[i] = (struct push_ttl){ own, ttl->n_labels, ttl->ttl_ms };
	}
	if (rules && labels)
		r = builtin_configure(gateway->builtin, &limits, rules, n);
	mem_free(rules);
	mem_free(labels);
	return r;
}

void daemon_gateway_apply(struct daemon *daemon)
{
	const struct config_gateway *config = &daemon->config->config->gateway;
	struct daemon_gateway *gateway = daemon->gateway;

	if (!config->enabled) {
		daemon_gateway_close(daemon);
		return;
	}
	if (set_rules(gateway, config) < 0)
		log_error(daemon->log,
		          "groups keep their time to live: out of memory");
	auth_free(gateway->push_auth);
	gateway->push_auth = gateway->auth;
	gateway->auth = NULL;
	daemon->api.gateway = config;
	daemon->api.push_auth = gateway->push_auth;
	gateway->applied = true;
	if (gateway->interval_ms != config->snapshot_interval_ms) {
		gateway->interval_ms = config->snapshot_interval_ms;
		(void)uv_timer_stop(&gateway->timer);
	}
	if (n_changes(gateway) != gateway->n_written)
		arm_snapshot(gateway);
}
