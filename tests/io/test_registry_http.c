/* SPDX-License-Identifier: Apache-2.0 */
/* Promgen's first API and prommgr's, when memory runs out at any place: each
 * request is answered, or its connection closed, and what was answered as done
 * is done. */
#include "routes_kit.h"
#include "support/faults.h"

#include <string.h>

#define STEP 13 /* each so many-th allocation is enough */

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

static void check_made(struct routes *routes, const struct request *request)
{
	const struct model *model = registry_model(routes->registry);

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
	struct routes routes;
	bool open = routes_open(&routes);

	assert_true(open || !whole);
	for (size_t i = 0; open && ask_it && i < ARRAY_SIZE(requests); i++) {
		unsigned status = routes_ask(&routes, &requests[i], NULL, 0);

		if (whole && status != requests[i].status)
			fail_msg("%s %s: %u", requests[i].method,
			         requests[i].target, status);
		if (status == 201)
			check_made(&routes, &requests[i]);
		/* what failed before is not there, or still is, so that it
		 * can be made, or cannot */
		if (status && status != requests[i].status && status != 201 &&
		    status != 400 && status != 404 && status != 500 &&
		    status != 503)
			fail_msg("%s %s: %u", requests[i].method,
			         requests[i].target, status);
	}
	routes_close(&routes);
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
