/* SPDX-License-Identifier: Apache-2.0 */
/* Promgen's first API and prommgr's, when memory runs out at any place: each
 * request is answered, or its connection closed, and what was answered as done
 * is done. */
#include "hub_kit.h"
#include "support/faults.h"

#include <stdio.h>
#include <string.h>
#include "io/http_client.h"
#include "io/http_server.h"
#include "registry/http/routes.h"

#define STEP 13 /* each so many-th allocation is enough */

struct world {
	struct registry *registry;
	struct registry_http *http;
	struct http_server *server;
	struct http_client *client;
	struct log log;
	char url[64];
};

struct request {
	const char *method, *target, *body;
	unsigned status; /* when nothing is missing */
};

static const struct request requests[] = {
	{ "POST", "/rest/shard/", "{\"name\": \"one\"}", 201 },
	{ "POST", "/api/service", "{\"name\": \"shop\"}", 201 },
	{ "POST", "/rest/project/",
	  "{\"name\": \"web\", \"service\": \"shop\", \"shard\": \"one\"}",
	  201 },
	{ "POST", "/rest/project/", "{\"name\": \"web\"}", 400 },
	{ "POST", "/rest/farm/", "{\"name\": \"f\", \"project\": \"web\"}",
	  201 },
	{ "GET", "/rest/project/?service=ho&shard=on", NULL, 200 },
	{ "GET", "/rest/service/shop/projects/", NULL, 200 },
	{ "PATCH", "/rest/service/shop/", "{\"description\": \"sells\"}", 200 },
	{ "GET", "/project/web/targets", NULL, 200 },
	{ "GET", "/rest/all/rules/", NULL, 200 },
	{ "GET", "/rest/shard/one/usages/?metric=samples", NULL, 502 },
	{ "POST", "/api/servers", "{\"server_ip\": \"[2001:DB8::1]\"}", 201 },
	{ "POST", "/api/servers", "{\"server_ip\": \"2001:db8::1\"}", 400 },
	{ "GET", "/api/servers.json", NULL, 200 },
	{ "GET", "/api/server-by-ip/2001:db8::1/", NULL, 200 },
	{ "DELETE", "/rest/service/shop/", NULL, 204 },
	{ "DELETE", "/rest/shard/one/", NULL, 204 },
	{ "DELETE", "/rest/shard/Default/", NULL, 204 },
};

static void on_request(void *context, struct http_exchange *exchange)
{
	struct world *world = context;

	if (!registry_http_handle(world->http, exchange, true))
		http_respond_text(exchange, 404, "not the registry's");
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void world_close(struct world *world)
{
	bool closed;

	if (world->client) {
		closed = false;
		http_client_close(world->client, on_closed, &closed);
		test_loop_until(&loop, &closed);
	}
	if (world->server) {
		closed = false;
		http_server_close(world->server, 0, on_closed, &closed);
		test_loop_until(&loop, &closed);
	}
	if (world->http) {
		closed = false;
		registry_http_close(world->http, on_closed, &closed);
		test_loop_until(&loop, &closed);
	}
	if (world->registry)
		close_registry(world->registry);
}

static bool world_open(struct world *world)
{
	const struct http_server_options options = { .max_body = 65536 };
	struct registry_options registry = { .loop = &loop.uv,
		                             .log = &world->log,
		                             .config = &config,
		                             .seed = 1 };
	struct err err = { 0 };

	world->client = http_client_new(&loop.uv, NULL);
	world->server = http_server_new(&loop.uv, &world->log, &options,
	                                on_request, world);
	if (!world->client || !world->server ||
	    http_server_listen(world->server, slice_from("127.0.0.1:0"), &err))
		return false;
	(void)snprintf(world->url, sizeof(world->url), "http://127.0.0.1:%u",
	               http_server_port(world->server, 0));
	registry.client = world->client;
	if (registry_open(&registry, &world->registry, &err) < 0) {
		world->registry = NULL;
		assert_true(err.message[0] != '\0');
		return false;
	}
	world->http = registry_http_new(world->registry);
	return world->http != NULL;
}

static void on_done(struct http_call *call)
{
	*(bool *)call->url.user.p = true;
}

/* 0: there was no answer. */
static unsigned ask(struct world *world, const struct request *request)
{
	bool done = false;
	struct http_call call = { .method = request->method,
		                  .target = slice_from(request->target),
		                  .body = slice_from(request->body),
		                  .max_body = 65536 };

	assert_int_equal(url_parse(slice_from(world->url), 80, &call.url, NULL),
	                 0);
	call.url.user = slice_make((const char *)&done, 0);
	if (http_client_call(world->client, &call, on_done) < 0)
		return 0;
	test_loop_until(&loop, &done);
	return call.err.code ? 0 : call.status;
}

static void check_made(struct world *world, const struct request *request)
{
	const struct model *model = registry_model(world->registry);

	if (strcmp(request->target, "/rest/shard/") == 0)
		assert_non_null(model_find_name(model, KIND_SHARD, "one"));
	if (strcmp(request->target, "/api/service") == 0)
		assert_non_null(model_find_name(model, KIND_SERVICE, "shop"));
	if (strcmp(request->target, "/api/servers") == 0)
		assert_non_null(model_find_key(
			model, KIND_NODE, 0,
			&(union value){ .text = "2001:db8::1" }));
}

/* @whole: nothing is missing. */
static void live(bool ask_it, bool whole)
{
	struct world world = { 0 };
	bool open = world_open(&world);

	assert_true(open || !whole);
	for (size_t i = 0; open && ask_it && i < ARRAY_SIZE(requests); i++) {
		unsigned status = ask(&world, &requests[i]);

		if (whole && status != requests[i].status)
			fail_msg("%s %s: %u", requests[i].method,
			         requests[i].target, status);
		if (status == 201)
			check_made(&world, &requests[i]);
		/* what failed before is not there, or still is, so that it
		 * can be made, or cannot */
		if (status && status != requests[i].status && status != 201 &&
		    status != 400 && status != 404 && status != 500 &&
		    status != 503)
			fail_msg("%s %s: %u", requests[i].method,
			         requests[i].target, status);
	}
	world_close(&world);
}

static void without_memory(void **state)
{
	size_t n_open, n;

	(void)state;
	live(true, true);
	faults_count();
	live(false, true);
	n_open = faults_end();
	faults_count();
	live(true, true);
	n = faults_end();
	assert_true(n > n_open + 100);
	for (size_t k = n_open; k <= n; k += STEP) {
		faults_fail(k);
		live(true, false);
		(void)faults_end();
	}
	live(true, false); /* what was left over goes */
	live(true, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_memory, hub_set_up,
		                                hub_tear_down),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
