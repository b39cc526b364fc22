/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request of the registry: its first line is method and target, the second
 * what stands behind "Authorization: ", the rest is the body. Whatever they are,
 * there is an answer. Those of even length come over the control socket, and may
 * do all.
 */
#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "proto/url.h"
#include "registry/http/routes.h"

#define MAX_BODY  65536
#define MAX_TURNS 10000 /* of a millisecond, at most */
#define ANSWER    "HTTP/1."

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	uv_loop_t loop;
	uv_timer_t tick; /* no turn of the loop waits for long */
	struct log log;
	struct http_server *server;
	struct registry *registry;
	struct registry_http *http;
	bool control;
	char directory[64];
	char socket[96];
	char database[96];
} world;

static void remove_all(void)
{
	static const char *const names[] = {
		"/registry.db",      "/registry.db-wal", "/registry.db-shm",
		"/registry.db.lock", "/socket",          ""
	};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", world.directory,
		               names[i]);
		(void)remove(path);
	}
}

/* One that waits for news, or asks somebody else, is not what this is about. */
static bool is_left_out(struct slice path)
{
	struct buf plain;
	bool is;

	buf_init(&plain, MAX_BODY);
	is = url_decode(&plain, path) == 0 &&
	     (strstr(buf_text(&plain), "worker/poll") ||
	      strstr(buf_text(&plain), "usages"));
	buf_fini(&plain);
	return is;
}

static void on_request(void *context, struct http_exchange *exchange)
{
	(void)context;
	if (is_left_out(exchange->path) ||
	    !registry_http_handle(world.http, exchange, world.control))
		http_respond_text(exchange, 404, "not the registry's");
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static void open_world(void)
{
	static const struct config_registry config = {
		.enabled = true,
		.path = world.database,
		.promtool = "",
		.site = "global",
		.external_url = "",
		.keep_alerts_ms = 86400000,
		.keep_audit_ms = 86400000,
		.max_alerts = 100,
	};
	const struct http_server_options options = { .max_body = MAX_BODY };
	struct registry_options registry = { .loop = &world.loop,
		                             .log = &world.log,
		                             .config = &config,
		                             .seed = 1 };
	struct err err;

	(void)snprintf(world.directory, sizeof(world.directory),
	               "/tmp/fuzz-routes-XXXXXX");
	assert(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	assert(mkdtemp(world.directory));
	assert(atexit(remove_all) == 0);
	(void)snprintf(world.socket, sizeof(world.socket), "%s/socket",
	               world.directory);
	(void)snprintf(world.database, sizeof(world.database), "%s/registry.db",
	               world.directory);
	assert(uv_loop_init(&world.loop) == 0);
	assert(uv_timer_init(&world.loop, &world.tick) == 0);
	assert(uv_timer_start(&world.tick, on_tick, 1, 1) == 0);
	world.server = http_server_new(&world.loop, &world.log, &options,
	                               on_request, NULL);
	assert(world.server);
	assert(http_server_listen(world.server, slice_from(world.socket),
	                          &err) == 0);
	assert(registry_open(&registry, &world.registry, &err) == 0);
	world.http = registry_http_new(world.registry);
	assert(world.http);
}

/* What has come back begins with a status; or the other side has gone. */
static bool is_answered(int fd, char *begin, size_t *np)
{
	ssize_t n = recv(fd, begin + *np, strlen(ANSWER) - *np, MSG_DONTWAIT);

	if (n > 0)
		*np += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN))
		return true;
	return *np == strlen(ANSWER);
}

static void send_all(struct slice bytes)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char begin[sizeof(ANSWER)] = "";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t n = 0;

	assert(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s",
	               world.socket);
	assert(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	assert(send(fd, bytes.p, bytes.n, MSG_NOSIGNAL) == (ssize_t)bytes.n);
	for (int turn = 0; !is_answered(fd, begin, &n); turn++) {
		assert(turn < MAX_TURNS);
		(void)uv_run(&world.loop, UV_RUN_ONCE);
	}
	assert(strcmp(begin, ANSWER) == 0);
	(void)close(fd);
	/* it sees that we have gone */
	(void)uv_run(&world.loop, UV_RUN_NOWAIT);
	(void)uv_run(&world.loop, UV_RUN_NOWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_make((const char *)data, size);
	struct slice token = slice_make("", 0);
	struct slice line;
	struct buf request;

	if (!world.server)
		open_world();
	if (!slice_next(&rest, '\n', &line) || line.n == 0)
		return 0;
	(void)slice_next(&rest, '\n', &token);
	if (rest.n > MAX_BODY / 2)
		return 0;
	world.control = size % 2 == 0;
	buf_init(&request, 2 * MAX_BODY);
	(void)buf_append(&request, line.p, line.n);
	(void)buf_puts(&request, " HTTP/1.1\r\nHost: x\r\nAuthorization: ");
	(void)buf_append(&request, token.p, token.n);
	(void)buf_printf(&request,
	                 "\r\nContent-Length: %zu\r\nConnection: "
	                 "close\r\n\r\n" SLICE_FMT,
	                 rest.n, SLICE_ARG(rest));
	if (!request.failed)
		send_all(buf_slice(&request));
	buf_fini(&request);
	return 0;
}
