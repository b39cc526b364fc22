/* SPDX-License-Identifier: Apache-2.0 */
/* Why an address is scraped, or is not: each thing that may stand between. */
#include "registry/model/explain_target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/macros.h"
#include "registry_kit.h"
#include "support/cmocka.h"
#include "support/faults.h"

struct world {
	struct model *model;
	struct model_tx *tx;
	struct buf text;
	const char *words; /* of each server; NULL: nothing is known */
};

static int setup(void **state)
{
	static struct world world;

	world = (struct world){ .words = "" };
	world.model = model_new(1);
	world.tx = model_begin(world.model, KIT_NOW);
	assert_non_null(world.tx);
	buf_init(&world.text, 1 << 20);
	kit_make(world.tx, KIND_SHARD, "{\"name\":\"tokyo\"}");
	kit_make(world.tx, KIND_SHARD, "{\"name\":\"osaka\"}");
	kit_make(world.tx, KIND_SERVER,
	         "{\"shard\":\"tokyo\",\"host\":\"p1\",\"port\":9090}");
	kit_make(world.tx, KIND_SERVICE, "{\"name\":\"shop\"}");
	kit_make(world.tx, KIND_PROJECT,
	         "{\"name\":\"web\",\"service\":\"shop\",\"shard\":\"tokyo\"}");
	kit_make(world.tx, KIND_FARM,
	         "{\"name\":\"farm\",\"project\":\"web\"}");
	kit_make(world.tx, KIND_HOST, "{\"name\":\"web1\",\"farm\":1}");
	kit_make(world.tx, KIND_HOST, "{\"name\":\"2001:db8::1\",\"farm\":1}");
	kit_make(world.tx, KIND_EXPORTER,
	         "{\"job\":\"node\",\"project\":\"web\",\"port\":9100,"
	         "\"enabled\":true}");
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	model_rollback(world->tx);
	model_free(world->model);
	buf_fini(&world->text);
	return 0;
}

static const char *words_of(void *context, const struct object *server)
{
	struct world *world = context;

	assert_int_equal(object_kind(server), KIND_SERVER);
	return world->words;
}

static int ask(struct world *world, const char *address)
{
	const struct explain_target explain = {
		.model = world->model,
		.server_words = words_of,
		.context = world,
	};
	struct json_writer json;
	struct err err = { 0 };
	int r;

	buf_reset(&world->text);
	json_write_init(&json, &world->text);
	r = explain_target(&explain, address, &json, &err);
	if (r < 0)
		assert_non_null(strstr(err.message, "HOST:PORT"));
	return r;
}

static void says(struct world *world, const char *address, const char *words)
{
	assert_int_equal(ask(world, address), 0);
	if (!strstr(buf_text(&world->text), words))
		fail_msg("%s: no %s in %s", address, words,
		         buf_text(&world->text));
}

static void verdict(struct world *world, const char *address, const char *name)
{
	char words[64];

	(void)snprintf(words, sizeof(words), "\"verdict\":\"%s\"", name);
	says(world, address, words);
}

static void what_is_well_is_scraped(void **state)
{
	verdict(*state, "web1:9100", "scraped");
	verdict(*state, "WEB1:9100", "scraped");
	verdict(*state, " web1 ", "scraped");
	verdict(*state, "[2001:db8::1]:9100", "scraped");
	verdict(*state, "2001:db8::1", "scraped");
	says(*state, "web1:9100", "http://web1:9100/metrics");
	says(*state, "web1:9100", "\"job\":\"node\"");
	says(*state, "web1:9100", "is in sync");
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = { "",          ":9100",  "web1:",
		                           "web1:0",    "web1:x", "web1:65536",
		                           "[2001:db8", "[::1]9", "http://" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ask(*state, bad[i]), -EINVAL);
}

static void who_is_not_there_has_near_ones(void **state)
{
	verdict(*state, "web2:9100", "not_found");
	says(*state, "web2:9100", "\"near\":[\"web1\"]");
	says(*state, "web2:9100", "register-host");
	says(*state, "completely.other:1", "\"near\":[]");
	says(*state, "https://web1/", "no project has that URL");
}

static void another_port_names_those_there_are(void **state)
{
	verdict(*state, "web1:80", "not_scraped");
	says(*state, "web1:80", "no exporter on port 80, but node on 9100");
}

static void a_project_without_exporters(void **state)
{
	struct world *world = *state;

	kit_make(world->tx, KIND_PROJECT,
	         "{\"name\":\"bare\",\"service\":\"shop\","
	         "\"shard\":\"tokyo\"}");
	kit_make(world->tx, KIND_FARM,
	         "{\"name\":\"bare\",\"project\":\"bare\"}");
	kit_make(world->tx, KIND_HOST, "{\"name\":\"bare1\",\"farm\":2}");
	verdict(world, "bare1:1", "not_scraped");
	says(world, "bare1:1", "register-job bare JOB PORT --enabled");
}

static void one_that_is_disabled(void **state)
{
	struct world *world = *state;

	kit_make(world->tx, KIND_EXPORTER,
	         "{\"job\":\"app\",\"project\":\"web\",\"port\":8080,"
	         "\"enabled\":false}");
	verdict(world, "web1:8080", "not_scraped");
	says(world, "web1:8080", "the exporter is disabled");
	/* of several, one that is well is enough */
	verdict(world, "web1", "scraped");
}

static void a_shard_without_servers(void **state)
{
	struct world *world = *state;

	kit_make(world->tx, KIND_PROJECT,
	         "{\"name\":\"far\",\"service\":\"shop\","
	         "\"shard\":\"osaka\"}");
	kit_make(world->tx, KIND_FARM,
	         "{\"name\":\"far\",\"project\":\"far\"}");
	kit_make(world->tx, KIND_HOST, "{\"name\":\"far1\",\"farm\":2}");
	kit_make(world->tx, KIND_EXPORTER,
	         "{\"job\":\"node\",\"project\":\"far\",\"port\":1,"
	         "\"enabled\":true}");
	verdict(world, "far1:1", "not_scraped");
	says(world, "far1:1", "shard osaka has no Prometheus server");
}

static void servers_that_are_behind_are_a_doubt(void **state)
{
	struct world *world = *state;

	world->words = "its disk is full";
	verdict(world, "web1:9100", "doubtful");
	says(world, "web1:9100", "its disk is full");
	world->words = NULL;
	verdict(world, "web1:9100", "doubtful");
	says(world, "web1:9100", "no worker has told anything");
}

static void nodes_are_found_by_address(void **state)
{
	const struct assignment deleted = { NODE_DELETED, { .number = 1 } };
	struct world *world = *state;
	struct err err;
	struct object *node = kit_make(world->tx, KIND_NODE,
	                               "{\"ip\":\"192.0.2.1\",\"port\":9100,"
	                               "\"shard\":\"tokyo\"}");

	verdict(world, "192.0.2.1:9100", "scraped");
	says(world, "192.0.2.1:9101", "the node is on port 9100");
	assert_int_equal(model_update(world->tx, node, &deleted, 1, &err), 0);
	says(world, "192.0.2.1:9100", "the node was deleted");
}

static void urls_are_found_by_text_and_by_host(void **state)
{
	struct world *world = *state;

	kit_make(world->tx, KIND_PROBE, "{\"module\":\"http_2xx\"}");
	kit_make(world->tx, KIND_URL,
	         "{\"url\":\"https://shop.test:8443/a\",\"project\":\"web\","
	         "\"probe\":\"http_2xx\"}");
	verdict(world, "https://shop.test:8443/a", "scraped");
	verdict(world, "https://shop.test:8443/b", "not_found");
	verdict(world, "shop.test", "scraped");
	verdict(world, "shop.test:8443", "scraped");
	verdict(world, "shop.test:443", "not_found");
	says(world, "shop.test", "by module http_2xx");
	kit_make(world->tx, KIND_URL,
	         "{\"url\":\"https://plain.test/\",\"project\":\"web\","
	         "\"probe\":\"http_2xx\"}");
	verdict(world, "plain.test:443", "scraped");
	verdict(world, "plain.test:80", "not_found");
}

static void as_many_as_there_are_but_not_more(void **state)
{
	struct world *world = *state;
	char json[128];
	size_t n = 0;

	for (int port = 1; port <= 2 * EXPLAIN_TARGET_MAX; port++) {
		(void)snprintf(json, sizeof(json),
		               "{\"job\":\"j\",\"project\":\"web\","
		               "\"port\":%d,\"enabled\":true}",
		               port);
		kit_make(world->tx, KIND_EXPORTER, json);
	}
	assert_int_equal(ask(world, "web1"), 0);
	for (const char *at = buf_text(&world->text);
	     (at = strstr(at, "\"kind\":")); at++)
		n++;
	assert_int_equal(n, EXPLAIN_TARGET_MAX);
}

/* It says so rather than that all is well. */
static void without_memory_nothing_is_said(void **state)
{
	static const char *const addresses[] = { "web1:9999", "osaka1:9100" };
	struct world *world = *state;

	kit_make(world->tx, KIND_PROJECT,
	         "{\"name\":\"empty\",\"service\":\"shop\","
	         "\"shard\":\"osaka\"}");
	kit_make(world->tx, KIND_FARM,
	         "{\"name\":\"other\",\"project\":\"empty\"}");
	kit_make(world->tx, KIND_HOST, "{\"name\":\"osaka1\",\"farm\":2}");
	kit_make(world->tx, KIND_EXPORTER,
	         "{\"job\":\"node\",\"project\":\"empty\",\"port\":9100,"
	         "\"enabled\":true}");
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		char *expected;
		size_t n;

		assert_int_equal(ask(world, addresses[i]), 0);
		expected = strdup(buf_text(&world->text));
		assert_non_null(expected);
		faults_count();
		assert_int_equal(ask(world, addresses[i]), 0);
		n = faults_end();
		assert_true(n > 1);
		for (size_t k = 1; k <= n; k++) {
			faults_fail(k);
			assert_int_equal(ask(world, addresses[i]), 0);
			(void)faults_end();
			if (!world->text.failed)
				assert_string_equal(buf_text(&world->text),
				                    expected);
		}
		free(expected);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_well_is_scraped),
		TEST(what_is_no_address_is_refused),
		TEST(who_is_not_there_has_near_ones),
		TEST(another_port_names_those_there_are),
		TEST(a_project_without_exporters),
		TEST(one_that_is_disabled),
		TEST(a_shard_without_servers),
		TEST(servers_that_are_behind_are_a_doubt),
		TEST(nodes_are_found_by_address),
		TEST(urls_are_found_by_text_and_by_host),
		TEST(as_many_as_there_are_but_not_more),
		TEST(without_memory_nothing_is_said),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
