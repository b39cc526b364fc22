/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is served, and what is done because somebody asked for it there.
 *
 * `addr` is for everybody who reaches it; the control socket for those whom
 * its mode and group let in. A reload may move either.
 */
#include "daemon_parts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/text.h"
#include "io/unix_group.h"
#include "registry/model/portable.h"

#define SERVER_LINGER_MS   1000
#define CONTROL_MODE       0660
#define CONTROL_DIR_MODE   0755
#define CONTROL_MAX_CLIENT 64

/* --- opening -------------------------------------------------------------- */

static void server_close(struct daemon *daemon, struct http_server *server,
                         uint64_t linger_ms)
{
	if (!server)
		return;
	daemon->n_pending++;
	http_server_close(server, linger_ms, daemon_closed_one, daemon);
}

static int open_server(struct daemon *daemon,
                       const struct http_server_options *options,
                       http_handler_cb handler, const char *address,
                       struct http_server **serverp, struct err *err)
{
	struct http_server *server = http_server_new(
		&daemon->loop, daemon->log, options, handler, &daemon->api);
	int r;

	if (!server)
		return err_set(err, UV_ENOMEM, "out of memory");
	r = http_server_listen(server, slice_from(address), err);
	if (r < 0)
		server_close(daemon, server, 0);
	else
		*serverp = server;
	return r;
}

/* Of a request's body: pushes and alerts are large, who steers has little to say. */
static uint64_t max_body_of_all(const struct config *config)
{
	uint64_t limit = API_MAX_BODY;

	if (config->gateway.enabled)
		limit = MAX(limit, config->gateway.max_body);
	if (config->alerts.enabled)
		limit = MAX(limit, config->alerts.max_body);
	return limit;
}

/* What is imported into the registry at once may be large. */
static uint64_t max_body(const struct config *config)
{
	uint64_t limit = max_body_of_all(config);

	if (config->registry.enabled)
		limit = MAX(limit, PORTABLE_MAX_BYTES);
	return limit;
}

/* What is for those with a token is not held for anybody else. */
static uint64_t body_limit(void *context, const struct http_message *message)
{
	struct daemon *daemon =
		container_of((struct api *)context, struct daemon, api);
	const struct api_extension *extension = daemon->api.extension;
	const struct config *config = daemon->config->config;

	if (extension && extension->trusts(extension->context, message))
		return max_body(config);
	return max_body_of_all(config);
}

/* NULL in *serverp when nothing is to be served. */
static int open_addr(struct daemon *daemon, const struct config *config,
                     struct http_server **serverp, struct err *err)
{
	struct http_server_options options = {
		.max_connections = config->global.max_connections,
		.max_body = max_body(config),
		.body_limit = body_limit,
	};

	int r = 0;

	if (config->global.addr)
		r = open_server(daemon, &options, api_handle,
		                config->global.addr, serverp, err);
	if (r < 0)
		err_wrap(err, "addr");
	return r;
}

/* Another host on the same port, say: the old listener is in the way of the
 * new one. Until it is back, or replaced, nothing listens there. */
static int evict(struct daemon *daemon, const struct config *config,
                 struct daemon_serving *serving, struct err *err)
{
	server_close(daemon, daemon->server, SERVER_LINGER_MS);
	daemon->server = NULL;
	serving->evicted = true;
	return open_addr(daemon, config, &serving->server, err);
}

static void take_back(struct daemon *daemon)
{
	struct err err = { 0 };

	if (open_addr(daemon, daemon->config->config, &daemon->server, &err) <
	    0)
		log_error(daemon->log, "addr is not served any more",
		          LOG_STR("error", err.message));
}

static int find_group(const char *name, struct http_server_options *options,
                      struct err *err)
{
	int r = unix_group_find(name, &options->unix_group);

	options->has_group = r == 0;
	return r == 0 ? 0
	              : err_set_code(err, r, "control_group: group %s", name);
}

/* Of the default path only: what somebody names, somebody makes. */
static void make_directory(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');

	(void)snprintf(directory, sizeof(directory), SLICE_FMT,
	               (int)(slash - path), path);
	(void)mkdir(directory, CONTROL_DIR_MODE);
}

static int open_control(struct daemon *daemon, const struct config *config,
                        struct http_server **serverp, struct err *err)
{
	const struct config_global *global = &config->global;
	struct http_server_options options = {
		.max_connections = CONTROL_MAX_CLIENT,
		.max_body = max_body(config),
		.unix_mode = CONTROL_MODE,
	};
	char address[PATH_MAX];
	int r = 0;

	if (!global->control_socket)
		return 0;
	if (global->control_group)
		r = find_group(global->control_group, &options, err);
	if (r < 0)
		return r;
	if (global->control_is_default)
		make_directory(global->control_socket);
	(void)snprintf(address, sizeof(address), "unix:%s",
	               global->control_socket);
	r = open_server(daemon, &options, api_handle_control, address, serverp,
	                err);
	if (r < 0)
		err_wrap(err, "control_socket");
	if (r == 0 || r == UV_ENOMEM || !global->control_is_default)
		return r;
	log_warn(daemon->log, "no control socket; set control_socket",
	         LOG_STR("error", err->message));
	return 0;
}

/* --- what a configuration wants ------------------------------------------- */

/* What moves. Two servers cannot have one address at the same time. */
static void compare(struct daemon *daemon, const struct config *config,
                    struct daemon_serving *serving)
{
	const struct config_global *old = &daemon->config->config->global;
	const struct config_global *new = &config->global;

	serving->new_server = !text_equal(old->addr, new->addr);
	serving->new_control =
		!text_equal(old->control_socket, new->control_socket) ||
		!daemon->control;
	if (!serving->new_server &&
	    old->max_connections != new->max_connections)
		log_warn(daemon->log,
		         "max_connections changes with the next restart");
	if (!serving->new_control &&
	    !text_equal(old->control_group, new->control_group))
		log_warn(daemon->log,
		         "control_group changes with the next restart");
}

int daemon_serve_prepare(struct daemon *daemon, const struct config *config,
                         struct daemon_serving *serving, struct err *err)
{
	int r = 0;

	*serving = (struct daemon_serving){ .new_server = true,
		                            .new_control = true };
	if (daemon->config)
		compare(daemon, config, serving);
	if (config->token_file)
		r = auth_new(config->token_file, NULL, &serving->auth, err);
	if (r < 0)
		err_wrap(err, "auth.token_file");
	if (r == 0 && serving->new_server)
		r = open_addr(daemon, config, &serving->server, err);
	if (r == UV_EADDRINUSE && daemon->server && !serving->server)
		r = evict(daemon, config, serving, err);
	if (r == 0 && serving->new_control)
		r = open_control(daemon, config, &serving->control, err);
	if (r < 0)
		daemon_serve_drop(daemon, serving);
	return r;
}

void daemon_serve_commit(struct daemon *daemon, struct daemon_serving *serving)
{
	uint64_t limit = max_body(daemon->config->config);

	if (serving->new_server) {
		server_close(daemon, daemon->server, SERVER_LINGER_MS);
		daemon->server = serving->server;
	}
	if (serving->new_control) {
		server_close(daemon, daemon->control, SERVER_LINGER_MS);
		daemon->control = serving->control;
	}
	if (daemon->server)
		http_server_set_max_body(daemon->server, limit);
	if (daemon->control)
		http_server_set_max_body(daemon->control, limit);
	auth_free(daemon->auth);
	daemon->auth = serving->auth;
	daemon->api.control_auth = daemon->auth;
}

void daemon_serve_drop(struct daemon *daemon, struct daemon_serving *serving)
{
	server_close(daemon, serving->server, 0);
	server_close(daemon, serving->control, 0);
	auth_free(serving->auth);
	if (serving->evicted && daemon->config)
		take_back(daemon);
}

void daemon_serve_close(struct daemon *daemon)
{
	server_close(daemon, daemon->server, SERVER_LINGER_MS);
	server_close(daemon, daemon->control, SERVER_LINGER_MS);
	daemon->api.control_auth = NULL;
	auth_free(daemon->auth);
	daemon->auth = NULL;
	daemon->n_pending++;
	api_streams_close(&daemon->api, daemon_closed_one, daemon);
}

/* --- what is asked for there ----------------------------------------------- */

static int do_pause(void *context, struct monitor *monitor, uint64_t for_ms,
                    const char *reason)
{
	struct daemon *daemon = context;
	uint64_t now_ms = daemon_now(daemon);
	int r = supervisor_order_pause(&daemon->supervisor, monitor,
	                               for_ms ? now_ms + for_ms : PAUSE_FOREVER,
	                               reason, now_ms);

	daemon_arm(daemon);
	return r;
}

static bool do_resume(void *context, struct monitor *monitor)
{
	struct daemon *daemon = context;
	bool resumed = supervisor_order_resume(&daemon->supervisor, monitor,
	                                       daemon_now(daemon));

	daemon_arm(daemon);
	return resumed;
}

static int do_pause_rule(void *context, struct rule *rule, uint64_t for_ms,
                         const char *reason)
{
	struct daemon *daemon = context;
	uint64_t now_ms = daemon_now(daemon);
	int r = supervisor_order_pause_rule(
		&daemon->supervisor, rule,
		for_ms ? now_ms + for_ms : PAUSE_FOREVER, reason, now_ms);

	daemon_arm(daemon);
	return r;
}

static bool do_resume_rule(void *context, struct rule *rule)
{
	struct daemon *daemon = context;
	bool resumed = supervisor_order_resume_rule(&daemon->supervisor, rule,
	                                            daemon_now(daemon));

	daemon_arm(daemon);
	return resumed;
}

static bool find_engine(void *context, uint32_t at, struct api_engine *engine)
{
	struct daemon *daemon = context;

	LIST_FOR_EACH (node, &daemon->feeds) {
		const struct feed *feed = container_of(node, struct feed, node);

		if (!feed->containers || at-- > 0)
			continue;
		engine->name = feed->url;
		engine->group = feed->group;
		engine->resync_ms = daemon->config->config->global.resync_ms;
		engine->stats = containers_stats(feed->containers);
		return true;
	}
	return false;
}

static void do_bounce(void *context, struct monitor *monitor)
{
	struct daemon *daemon = context;

	supervisor_order_bounce(&daemon->supervisor, monitor,
	                        daemon_now(daemon));
	daemon_arm(daemon);
}

static int do_reload(void *context, struct buf *problems, struct err *err)
{
	return daemon_reload(context, problems, err);
}

static void do_save(void *context, struct promise_wait *wait)
{
	daemon_state_save(context, wait);
}

static void on_journal_added(void *context)
{
	struct daemon *daemon = context;

	api_streams_wake(&daemon->api);
}

void daemon_serve_init(struct daemon *daemon)
{
	daemon->api_ops = (struct api_ops){
		.pause = do_pause,
		.resume = do_resume,
		.pause_rule = do_pause_rule,
		.resume_rule = do_resume_rule,
		.bounce = do_bounce,
		.engine = find_engine,
		.reload = do_reload,
		.save = do_save,
		.context = daemon,
	};
	daemon->journal.added = on_journal_added;
	daemon->journal.context = daemon;
}
