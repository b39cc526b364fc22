/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's routes: which row a request finds, and what comes of it when
 * memory is out. */
#include "routes_kit.h"

#include <stdio.h>
#include <string.h>
#include "support/faults.h"

#define DOCUMENT_MAX 65536
#define NOT_OURS     418 /* what the daemon would answer itself */

static void open_routes(struct routes *routes)
{
	if (!routes_open(routes))
		fail_msg("the registry does not open");
}

/* --- which row ---------------------------------------------------------------- */

static const struct request finds[] = {
	{ "GET", "/rest/v2/services", NULL, 200 },
	{ "GET", "/rest/v2/services/", NULL, 200 },
	{ "GET", "/rest/v2/services?name=x", NULL, 200 },
	{ "HEAD", "/rest/v2/services", NULL, 200 },
	{ "GET", "/rest/%76%32/services", NULL, 200 },
	{ "GET", "/rest/v2/farms/sources", NULL, 200 }, /* no farm of that id */
	{ "GET", "/rest/v2/farms/1", NULL, 404 },
	{ "GET", "/rest/v2/services/1%2F2", NULL, 404 }, /* one part */
	{ "PUT", "/rest/v2/services", NULL, 405 },
	{ "GET", "/rest/v2", NULL, 404 },
	{ "GET", "/rest/v2/services//", NULL, 404 },
	{ "GET", "/rest/v2/services/1/2/3/4/5/6/7/8/9/10/11", NULL, NOT_OURS },
	{ "GET", "/rest/v2/services/%zz", NULL, NOT_OURS },
	{ "GET", "/rest/v2/services/%00", NULL, NOT_OURS },
	{ "GET", "/", NULL, NOT_OURS },
	{ "GET", "/api/v1/monitors", NULL, NOT_OURS },
	{ "POST", "/api/v1/alerts", NULL, NOT_OURS },
	{ "GET", "/-/healthy", NULL, NOT_OURS },
};

static void test_a_request_finds_its_row(void **state)
{
	struct routes routes;

	(void)state;
	open_routes(&routes);
	for (size_t i = 0; i < ARRAY_SIZE(finds); i++) {
		unsigned status = routes_ask(&routes, &finds[i], NULL, 0);

		if (status != finds[i].status)
			fail_msg("%s %s: %u", finds[i].method, finds[i].target,
			         status);
	}
	routes_close(&routes);
}

/* --- edits -------------------------------------------------------------------- */

static void test_an_edit_is_answered_when_it_is_kept(void **state)
{
	struct routes routes;
	char text[4096];

	(void)state;
	open_routes(&routes);
	assert_int_equal(
		routes_ask(&routes,
	                   &(struct request){ "POST", "/rest/v2/services",
	                                      "{\"name\":\"shop\"}", 0 },
	                   text, sizeof(text)),
		201);
	assert_non_null(strstr(text, "\"id\":1"));
	assert_true(has(routes.registry, KIND_SERVICE, "shop"));
	assert_int_equal(
		routes_ask(&routes,
	                   &(struct request){
				   "DELETE", "/rest/v2/services/1?dry_run=true",
				   NULL, 0 },
	                   text, sizeof(text)),
		200);
	assert_non_null(strstr(text, "\"op\":\"deleted\""));
	assert_true(has(routes.registry, KIND_SERVICE, "shop"));
	assert_int_equal(
		routes_ask(&routes,
	                   &(struct request){ "DELETE", "/rest/v2/services/1",
	                                      NULL, 0 },
	                   text, sizeof(text)),
		204);
	assert_string_equal(text, "");
	assert_false(has(routes.registry, KIND_SERVICE, "shop"));
	routes_close(&routes);
}

/* --- the close ----------------------------------------------------------------- */

static void on_closed(void *context)
{
	*(bool *)context = true;
}

struct applying {
	struct http_call call;
	bool done;
};

static void on_applied(struct http_call *call)
{
	container_of(call, struct applying, call)->done = true;
}

/* Large enough that it is still being read when others come to their turn. */
static void write_document(struct buf *out, const char *name)
{
	buf_init(out, DOCUMENT_MAX);
	(void)buf_printf(out, "services: [{name: %s}", name);
	for (unsigned i = 0; i < 200; i++)
		(void)buf_printf(out, ", {name: %s-%u}", name, i);
	(void)buf_puts(out, "]");
	assert_int_equal(out->failed, 0);
}

/* The routes close @n_turns of the loop after a document was handed to them.
 * The status. */
static unsigned close_amid(unsigned n_turns)
{
	struct applying applying = {
		.call = { .method = "POST",
		          .target = slice_from("/registry/apply"),
		          .max_body = DOCUMENT_MAX },
	};
	struct routes routes;
	struct buf document;
	bool closed = false;
	char name[32];

	(void)snprintf(name, sizeof(name), "shop-%u", n_turns);
	write_document(&document, name);
	applying.call.body = buf_slice(&document);
	open_routes(&routes);
	assert_int_equal(
		url_parse(slice_from(routes.url), 80, &applying.call.url, NULL),
		0);
	assert_int_equal(
		http_client_call(routes.client, &applying.call, on_applied), 0);
	while (!routes.handed && !applying.done)
		(void)uv_run(&loop.uv, UV_RUN_ONCE);
	for (unsigned i = 0; i < n_turns && !applying.done; i++)
		(void)uv_run(&loop.uv, UV_RUN_NOWAIT);
	registry_http_close(routes.http, on_closed, &closed);
	test_loop_until(&loop, &closed);
	test_loop_until(&loop, &applying.done);
	assert_int_equal(applying.call.err.code, 0);
	/* kept is what was answered so, and nothing else */
	assert_true(has(routes.registry, KIND_SERVICE, name) ==
	            (applying.call.status == 200));
	routes.http = NULL;
	routes_close(&routes);
	buf_fini(&document);
	return applying.call.status;
}

static void test_a_close_while_a_document_is_applied(void **state)
{
	unsigned status = close_amid(0);

	(void)state;
	assert_int_equal(status, 503);
	for (unsigned n_turns = 1; n_turns < 65536; n_turns *= 2) {
		status = close_amid(n_turns);
		if (status != 200 && status != 503)
			fail_msg("after %u turns: %u", n_turns, status);
	}
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
			test_a_close_while_a_document_is_applied, hub_set_up,
			hub_tear_down),
		cmocka_unit_test_setup_teardown(
			test_routes_that_cannot_be_planted, hub_set_up,
			hub_tear_down),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
