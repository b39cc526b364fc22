/* SPDX-License-Identifier: Apache-2.0 */
/* The registry in the daemon: what a start, a reload or an end without memory
 * leaves behind. */
#include "hub_kit.h"
#include "support/faults.h"

#include <stdio.h>
#include <string.h>
#include "daemon_parts.h"
#include "io/http_client.h"
#include "io/http_server.h"

#define TRIES 100 /* faults, spread over all allocations */

static struct daemon us;
static struct config whole;
static struct daemon_config held = { .config = &whole };

static void on_closed(void *context)
{
	*(bool *)context = true;
}

/* False: there was no memory for it, which is said. */
static bool plan(void)
{
	struct err err = { 0 };

	if (daemon_registry_plan(&us, &whole.registry, &err) == 0)
		return true;
	assert_true(err.code < 0);
	assert_string_not_equal(err.message, "");
	daemon_registry_revert(&us);
	return false;
}

static void apply(void)
{
	us.config = &held;
	daemon_registry_apply(&us);
	assert_non_null(us.api.extension);
	assert_true(held.n_refs > 1);
}

/* A reload that fails leaves what there was. */
static bool reload(void)
{
	const struct registry *registry = us.registry.registry;
	bool planned = plan();

	if (planned)
		apply();
	assert_ptr_equal(us.registry.registry, registry);
	assert_false(us.registry.closing);
	assert_true(us.api.extension->ready(&us.registry, NULL));
	return planned;
}

static void await_closed(void)
{
	bool closed = false;

	while (us.n_pending > 0)
		(void)uv_run(&us.loop, UV_RUN_ONCE);
	assert_null(us.registry.registry);
	assert_null(us.registry.http);
	assert_false(us.registry.closing);
	if (us.client) {
		http_client_close(us.client, on_closed, &closed);
		while (!closed)
			(void)uv_run(&us.loop, UV_RUN_ONCE);
	}
	/* what could not be opened was waited for, too */
	assert_int_equal(uv_loop_close(&us.loop), 0);
	assert_int_equal(held.n_refs, 1);
}

static bool begin(void)
{
	memset(&us, 0, sizeof(us));
	whole.registry = config;
	held.n_refs = 1;
	if (uv_loop_init(&us.loop) < 0)
		return false;
	us.client = http_client_new(&us.loop, NULL);
	return true;
}

/* A start, a reload, an end. True: all of it went well. */
static bool live(void)
{
	bool well = false;

	if (!begin())
		return false;
	if (us.client && plan()) {
		apply();
		well = reload();
		daemon_registry_close(&us);
		assert_true(us.registry.closing);
	}
	await_closed();
	return well;
}

/* Something else of the configuration was wrong. */
static bool live_in_vain(void)
{
	bool planned;

	if (!begin())
		return false;
	planned = us.client && plan();
	if (planned)
		daemon_registry_revert(&us);
	/* nobody keeps it for us */
	memset(&whole.registry, 0xff, sizeof(whole.registry));
	await_closed();
	return planned;
}

static void on_request(void *context, struct http_exchange *exchange)
{
	const struct api_extension *extension = us.api.extension;
	int *n_asked = context;

	(*n_asked)++;
	assert_false(extension->handle(extension->context, exchange, false));
	/* it has been answered */
	assert_false(extension->admit(extension->context, exchange,
	                              API_NEEDS_CONTROL));
}

struct asking {
	struct http_call call;
	bool done;
};

static void on_answered(struct http_call *call)
{
	container_of(call, struct asking, call)->done = true;
}

/* 0: there was no answer. */
static unsigned ask(const char *url, const char *target)
{
	struct asking asking = {
		.call = { .method = "POST",
		          .target = slice_from(target),
		          .max_body = 4096 },
	};

	assert_int_equal(url_parse(slice_from(url), 80, &asking.call.url, NULL),
	                 0);
	assert_int_equal(http_client_call(us.client, &asking.call, on_answered),
	                 0);
	while (!asking.done)
		(void)uv_run(&us.loop, UV_RUN_ONCE);
	return asking.call.err.code ? 0 : asking.call.status;
}

/* When the daemon ends its servers do so last: who asks for what stands beside
 * the health checks is let in no more, and there is nobody who would know him. */
static void nobody_is_let_in_at_the_end(void **state)
{
	const struct http_server_options options = { .max_body = 4096 };
	struct log log = { 0 };
	struct http_server *server;
	bool closed = false;
	char url[64];
	int n_asked = 0;

	(void)state;
	assert_true(begin());
	assert_non_null(us.client);
	assert_true(plan());
	apply();
	server =
		http_server_new(&us.loop, &log, &options, on_request, &n_asked);
	assert_non_null(server);
	assert_int_equal(
		http_server_listen(server, slice_from("127.0.0.1:0"), NULL), 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u",
	               http_server_port(server, 0));
	us.stopping = true;
	us.supervisor.n_acting = 1; /* no other stages begin */
	daemon_registry_close(&us);
	while (us.n_pending > 0)
		(void)uv_run(&us.loop, UV_RUN_ONCE);
	assert_null(us.registry.registry);
	assert_int_equal(ask(url, "/-/reload"), 503);
	assert_int_equal(n_asked, 1);
	http_server_close(server, 0, on_closed, &closed);
	while (!closed)
		(void)uv_run(&us.loop, UV_RUN_ONCE);
	us.registry.closing = false;
	await_closed();
}

static void try_without_memory(bool (*scenario)(void))
{
	size_t n_failed = 0;
	size_t n;
	struct registry *registry = open_registry();

	make(registry, KIND_SERVICE, "shop");
	close_registry(registry);
	assert_true(scenario()); /* what libraries keep for ever */
	faults_count();
	assert_true(scenario());
	n = faults_end();
	for (size_t k = 1; k <= n; k += 1 + n / TRIES) {
		faults_fail(k);
		n_failed += !scenario();
		(void)faults_end();
	}
	assert_true(n_failed > 0);
	assert_true(scenario());
}

static void begins_and_ends_without_memory(void **state)
{
	(void)state;
	try_without_memory(live);
}

static void is_given_up_without_memory(void **state)
{
	(void)state;
	try_without_memory(live_in_vain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) \
	cmocka_unit_test_setup_teardown(name, hub_set_up, hub_tear_down)
		ROW(begins_and_ends_without_memory),
		ROW(is_given_up_without_memory),
		ROW(nobody_is_let_in_at_the_end),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
