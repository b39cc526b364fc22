/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's routes: which row a request finds, and what comes of it when
 * memory is out. */
#include "hub_kit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "io/http_client.h"
#include "io/http_server.h"
#include "registry/http/routes.h"
#include "support/faults.h"

#define NOT_OURS 418 /* what the daemon would answer itself */

struct world {
	struct registry *registry;
	struct registry_http *http;
	struct http_server *server;
	struct http_client *client;
	struct log log;
};

struct asked {
	struct http_call call;
	struct buf body;
	bool done;
};

static void answer(void *context, struct http_exchange *exchange)
{
	struct world *world = context;

	if (!registry_http_handle(world->http, exchange, true))
		http_respond_text(exchange, NOT_OURS, "not the registry's");
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void world_open(struct world *world)
{
	const struct http_server_options options = { .max_body = 65536 };
	struct err err = { 0 };

	*world = (struct world){ .registry = open_registry() };
	world->http = registry_http_new(world->registry);
	assert_non_null(world->http);
	world->server =
		http_server_new(&loop.uv, &world->log, &options, answer, world);
	assert_non_null(world->server);
	assert_int_equal(http_server_listen(world->server,
	                                    slice_from("127.0.0.1:0"), &err),
	                 0);
	world->client = http_client_new(&loop.uv, NULL);
	assert_non_null(world->client);
}

static void world_close(struct world *world)
{
	bool closed = false;

	http_client_close(world->client, on_closed, &closed);
	test_loop_until(&loop, &closed);
	closed = false;
	registry_http_close(world->http, on_closed, &closed);
	assert_false(closed);
	test_loop_until(&loop, &closed);
	closed = false;
	http_server_close(world->server, 0, on_closed, &closed);
	test_loop_until(&loop, &closed);
	close_registry(world->registry);
}

static int on_body(struct http_call *call, struct slice bytes)
{
	struct asked *asked = container_of(call, struct asked, call);

	return buf_append(&asked->body, bytes.p, bytes.n);
}

static void on_done(struct http_call *call)
{
	container_of(call, struct asked, call)->done = true;
}

/* The status; 0: there was no answer. @text: the start of the body. */
static unsigned ask(struct world *world, const char *method, const char *target,
                    const char *body, char *text, size_t size)
{
	struct asked asked = {
		.call = { .method = method,
		          .target = slice_from(target),
		          .body = slice_from(body),
		          .max_body = 1048576,
		          .on_body = on_body },
	};
	unsigned status = 0;
	char url[64];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u",
	               http_server_port(world->server, 0));
	assert_int_equal(url_parse(slice_from(url), 80, &asked.call.url, NULL),
	                 0);
	buf_init(&asked.body, 1048576);
	if (http_client_call(world->client, &asked.call, on_done) == 0) {
		test_loop_until(&loop, &asked.done);
		status = asked.call.err.code ? 0 : asked.call.status;
	}
	(void)snprintf(text, size, "%s", buf_text(&asked.body));
	buf_fini(&asked.body);
	return status;
}

static unsigned status_of(struct world *world, const char *method,
                          const char *target, const char *body)
{
	char text[4096];

	return ask(world, method, target, body, text, sizeof(text));
}

/* --- which row ---------------------------------------------------------------- */

static const struct {
	const char *method;
	const char *path;
	unsigned status;
} finds[] = {
	{ "GET", "/rest/v2/services", 200 },
	{ "GET", "/rest/v2/services/", 200 },
	{ "GET", "/rest/v2/services?name=x", 200 },
	{ "HEAD", "/rest/v2/services", 200 },
	{ "GET", "/rest/%76%32/services", 200 },
	{ "GET", "/rest/v2/farms/sources", 200 }, /* no farm of that id */
	{ "GET", "/rest/v2/farms/1", 404 },
	{ "GET", "/rest/v2/services/1%2F2", 404 }, /* one part */
	{ "PUT", "/rest/v2/services", 405 },
	{ "GET", "/rest/v2", 404 },
	{ "GET", "/rest/v2/services//", 404 },
	{ "GET", "/rest/v2/services/1/2/3/4/5/6/7/8/9/10/11", NOT_OURS },
	{ "GET", "/rest/v2/services/%zz", NOT_OURS },
	{ "GET", "/rest/v2/services/%00", NOT_OURS },
	{ "GET", "/", NOT_OURS },
	{ "GET", "/api/v1/monitors", NOT_OURS },
	{ "POST", "/api/v1/alerts", NOT_OURS },
	{ "GET", "/-/healthy", NOT_OURS },
};

static void test_a_request_finds_its_row(void **state)
{
	struct world world;

	(void)state;
	world_open(&world);
	for (size_t i = 0; i < ARRAY_SIZE(finds); i++) {
		unsigned status =
			status_of(&world, finds[i].method, finds[i].path, NULL);

		if (status != finds[i].status)
			fail_msg("%s %s: %u", finds[i].method, finds[i].path,
			         status);
	}
	world_close(&world);
}

/* --- edits -------------------------------------------------------------------- */

static void test_an_edit_is_answered_when_it_is_kept(void **state)
{
	struct world world;
	char text[4096];

	(void)state;
	world_open(&world);
	assert_int_equal(ask(&world, "POST", "/rest/v2/services",
	                     "{\"name\":\"shop\"}", text, sizeof(text)),
	                 201);
	assert_non_null(strstr(text, "\"id\":1"));
	assert_true(has(world.registry, KIND_SERVICE, "shop"));
	assert_int_equal(ask(&world, "DELETE",
	                     "/rest/v2/services/1?dry_run=true", NULL, text,
	                     sizeof(text)),
	                 200);
	assert_non_null(strstr(text, "\"op\":\"deleted\""));
	assert_true(has(world.registry, KIND_SERVICE, "shop"));
	assert_int_equal(ask(&world, "DELETE", "/rest/v2/services/1", NULL,
	                     text, sizeof(text)),
	                 204);
	assert_string_equal(text, "");
	assert_false(has(world.registry, KIND_SERVICE, "shop"));
	world_close(&world);
}

/* --- want of memory ----------------------------------------------------------- */

static void test_routes_that_cannot_be_planted(void **state)
{
	struct registry *registry = open_registry();
	size_t n_failed = 0;
	bool closed = false;

	(void)state;
	for (size_t k = 1; !closed; k++) {
		struct registry_http *http;

		faults_fail(k);
		http = registry_http_new(registry);
		n_failed += http == NULL;
		if (http) {
			registry_http_close(http, on_closed, &closed);
			test_loop_until(&loop, &closed);
		}
		(void)faults_end();
	}
	assert_true(n_failed > 2);
	close_registry(registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_request_finds_its_row,
		                                hub_set_up, hub_tear_down),
		cmocka_unit_test_setup_teardown(
			test_an_edit_is_answered_when_it_is_kept, hub_set_up,
			hub_tear_down),
		cmocka_unit_test_setup_teardown(
			test_routes_that_cannot_be_planted, hub_set_up,
			hub_tear_down),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
