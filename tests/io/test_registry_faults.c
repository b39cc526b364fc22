/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry when memory runs out at any place: each request is answered, or
 * its connection closed, nothing is left behind, the registry goes on, and what
 * is in memory is what is on disk.
 */
#include "routes_kit.h"
#include "support/faults.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_LIVES 30 /* spread over all allocations of a test */

#define V2 "/rest/v2/"

static const struct request editing[] = {
	{ "POST", V2 "shards", "{\"name\":\"one\",\"url\":\"http://p\"}", 201 },
	{ "POST", V2 "services", "{\"name\":\"shop\",\"labels\":{\"a\":\"b\"}}",
	  201 },
	{ "POST", V2 "services/1/project",
	  "{\"name\":\"web\",\"shard\":\"one\"}", 201 },
	{ "POST", V2 "projects/1/farms",
	  "{\"name\":\"f\",\"hosts\":[\"a\",{\"name\":\"b\","
	  "\"labels\":{\"r\":\"1\"}}]}",
	  201 },
	{ "POST", V2 "projects/1/exporters",
	  "{\"job\":\"node\",\"port\":9100,\"params\":{\"m\":[\"a\",\"b\"]}}",
	  201 },
	{ "POST", V2 "sites/1/rules",
	  "{\"name\":\"Down\",\"clause\":\"up{<exclude>} == 0\"}", 201 },
	{ "POST", V2 "projects/1/rules/override", "{\"original_rule_id\":1}",
	  201 },
	{ "PUT", V2 "services/1", "{\"name\":\"shop\",\"owner\":\"ann\"}",
	  200 },
	{ "PATCH", V2 "exporters/1", "{\"enabled\":false}", 200 },
	{ "PATCH", V2 "services/1", "{\"name\":\"\"}", 400 },
	{ "POST", V2 "services/1/notifiers",
	  "{\"sender\":\"slack\",\"value\":\"http://h/x\",\"filters\":"
	  "[{\"name\":\"severity\",\"value\":\"page\"}]}",
	  201 },
	{ "POST", V2 "notifiers/1/filters",
	  "{\"name\":\"team\",\"value\":\"x\"}", 201 },
	{ "POST", V2 "tokens", "{\"name\":\"t\",\"scope\":\"read\"}", 201 },
	{ "POST", V2 "nodes", "{\"ip\":\"10.0.0.1\"}", 201 },
	{ "GET", V2 "projects/1", NULL, 200 },
	{ "GET", V2 "farms/1/hosts?page_size=1", NULL, 200 },
	{ "GET", V2 "hosts?name=a&page_size=1&page_number=1", NULL, 200 },
	{ "GET", V2 "notifiers", NULL, 200 },
	{ "DELETE", V2 "services/1?dry_run=1", NULL, 200 },
	{ "DELETE", V2 "farms/1/hosts/1", NULL, 204 },
	{ "DELETE", V2 "services/1", NULL, 204 },
};

#define DOCUMENT                                                               \
	"{\"shards\":[{\"name\":\"one\",\"servers\":[\"prom:9090\"]}],"        \
	"\"services\":[{\"name\":\"shop\",\"labels\":{\"a\":\"b\"},"           \
	"\"projects\":[{\"name\":\"web\",\"shard\":\"one\",\"farm\":"          \
	"{\"name\":\"f\",\"hosts\":[\"a\",\"b\"]},\"exporters\":"              \
	"[{\"job\":\"node\",\"port\":9100}],\"urls\":[{\"url\":\"https://u\"," \
	"\"probe\":\"http_2xx\"}]}]}],\"rules\":[{\"alert\":\"Down\","         \
	"\"expr\":\"up == 0\",\"for\":\"5m\"}]}"

static const struct request bulk[] = {
	{ "POST", "/registry/apply?dry_run=1", DOCUMENT, 200 },
	{ "POST", "/registry/apply", DOCUMENT, 200 },
	{ "POST", "/registry/apply?prune=1", "services: [", 400 },
	{ "GET", "/registry/export", NULL, 200 },
	{ "GET", "/registry/export?format=json&secrets=1", NULL, 200 },
	{ "POST", "/registry/import?from=prommgr&shard=one",
	  "[{\"id\":1,\"server_ip\":\"10.0.0.2\",\"server_port\":9100}]", 200 },
	{ "POST", "/api/v1/targets",
	  "[{\"targets\":[\"c:9100\"],\"labels\":{\"service\":\"shop\","
	  "\"project\":\"web\",\"job\":\"node\",\"farm\":\"f\","
	  "\"__shard\":\"one\"}}]",
	  202 },
	{ "GET", V2 "logs?page_size=2&content_type=host", NULL, 200 },
	{ "GET", "/registry/backup", NULL, 200 },
	{ "GET", "/sd/one/targets", NULL, 200 },
	{ "GET", "/sd/rules", NULL, 200 },
	{ "GET", "/explain/target?address=a:9100", NULL, 200 },
};

static const struct request workers[] = {
	{ "POST", "/registry/apply", DOCUMENT, 200 },
	{ "GET", "/worker/poll?server=prom:9090&revision=0", NULL, 200 },
	{ "GET", "/worker/watch?server=prom:9090", NULL, 200 },
	{ "GET", "/worker/watch?server=nobody:1", NULL, 404 },
	{ "POST", "/worker/report",
	  "{\"server\":\"prom:9090\",\"revision\":1,\"written\":"
	  "{\"targets\":\"x\",\"rules\":\"y\"},\"loaded\":true,"
	  "\"error\":\"\",\"version\":\"1\"}",
	  204 },
	{ "GET", "/worker/watch?server=prom", NULL, 200 },
	{ "GET", "/worker/servers", NULL, 200 },
	{ "GET", V2 "servers", NULL, 200 },
	{ "DELETE", V2 "servers/1", NULL, 204 },
	{ "GET", "/worker/poll?server=prom:9090", NULL, 404 },
};

static const struct request reference[] = {
	{ "GET", "/docs", NULL, 200 },
	{ "GET", "/docs", NULL, 200 },
	{ "GET", "/openapi.json", NULL, 200 },
	{ "GET", "/rest/v2/schema", NULL, 200 },
};

/* --- one life ------------------------------------------------------------------- */

static void count(const struct registry *registry, uint32_t n[N_KINDS])
{
	for (unsigned kind = 0; kind < N_KINDS; kind++)
		n[kind] =
			model_count(registry_model(registry), (enum kind)kind);
}

static void remove_file(const char *suffix)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%s%s", path, suffix);
	(void)unlink(name);
}

static void remove_files(void)
{
	remove_file("");
	remove_file("-wal");
	remove_file("-shm");
}

/* What is on disk is what was in memory; then it goes. */
static void check_kept(const uint32_t n[N_KINDS])
{
	struct registry *registry = open_registry();
	uint32_t kept[N_KINDS];

	count(registry, kept);
	assert_memory_equal(kept, n, sizeof(kept));
	close_registry(registry);
	remove_files();
}

static void check_answer(const struct request *request, unsigned status,
                         bool whole)
{
	if (status == request->status)
		return;
	/* what failed before is not there, which others may say; success may
	 * come late, too */
	if (whole ||
	    (status && status != 200 && status != 201 && status != 400 &&
	     status != 404 && status != 500 && status != 503))
		fail_msg("%s %s: %u", request->method, request->target, status);
}

/* One allocation fails, at most: of two requests one is answered. */
static void check_goes_on(struct routes *routes)
{
	const struct request request = { "GET", V2 "shards", NULL, 200 };

	assert_true(routes_ask(routes, &request, NULL, 0) == 200 ||
	            routes_ask(routes, &request, NULL, 0) == 200);
}

/* The @kth allocation fails; 0: none. */
static void live(const struct request *requests, size_t n, size_t kth)
{
	uint32_t counts[N_KINDS];
	struct routes routes;
	bool whole = kth == 0;
	bool open;

	faults_fail(kth);
	open = routes_open(&routes);
	assert_true(open || !whole);
	for (size_t i = 0; open && i < n; i++)
		check_answer(&requests[i],
		             routes_ask(&routes, &requests[i], NULL, 0), whole);
	if (open) {
		check_goes_on(&routes);
		count(routes.registry, counts);
	}
	routes_close(&routes);
	(void)faults_end();
	if (open)
		check_kept(counts);
	else
		remove_files();
}

static size_t count_allocations(const struct request *requests, size_t n)
{
	struct routes routes;
	size_t allocations;

	faults_count();
	assert_true(routes_open(&routes));
	for (size_t i = 0; i < n; i++)
		(void)routes_ask(&routes, &requests[i], NULL, 0);
	routes_close(&routes);
	allocations = faults_end();
	remove_files();
	return allocations;
}

static void open_once(void)
{
	struct routes routes;

	assert_true(routes_open(&routes));
	(void)routes_ask(&routes, &bulk[0], NULL, 0);
	routes_close(&routes);
	remove_files();
}

static void without_memory(const struct request *requests, size_t n)
{
	size_t n_open, n_all, step;

	/* what is made once for all */
	open_once();
	live(requests, n, 0);
	n_open = count_allocations(requests, 0);
	n_all = count_allocations(requests, n);
	assert_true(n_all > n_open + 50);
	step = (n_all - n_open) / MAX_LIVES + 1;
	for (size_t k = n_open; k <= n_all; k += step)
		live(requests, n, k);
}

/* --- the tests -------------------------------------------------------------------- */

static void test_edits(void **state)
{
	(void)state;
	without_memory(editing, ARRAY_SIZE(editing));
}

static void test_all_at_once(void **state)
{
	(void)state;
	without_memory(bulk, ARRAY_SIZE(bulk));
}

static void test_workers(void **state)
{
	(void)state;
	without_memory(workers, ARRAY_SIZE(workers));
}

static void test_reference(void **state)
{
	(void)state;
	without_memory(reference, ARRAY_SIZE(reference));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_edits, hub_set_up,
		                                hub_tear_down),
		cmocka_unit_test_setup_teardown(test_all_at_once, hub_set_up,
		                                hub_tear_down),
		cmocka_unit_test_setup_teardown(test_workers, hub_set_up,
		                                hub_tear_down),
		cmocka_unit_test_setup_teardown(test_reference, hub_set_up,
		                                hub_tear_down),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
