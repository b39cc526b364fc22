/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's routes: which row a request finds, and what comes of it when
 * memory is out. */
#include "routes_kit.h"

#include <string.h>
#include "support/faults.h"

#define NOT_OURS 418 /* what the daemon would answer itself */

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

static void on_closed(void *context)
{
	*(bool *)context = true;
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
