/* SPDX-License-Identifier: Apache-2.0 */
/* How far servers are, by what their workers tell; and who is meant by a
 * name. */
#include "registry/servers.h"

#include <errno.h>
#include <string.h>
#include "../unit/documents_kit.h"
#include "support/cmocka.h"
#include "support/faults.h"

#define NOW 1000

struct setting {
	struct kit_world world;
	struct servers *servers;
	struct object *server;
	struct server_status status;
};

static int setup(void **state)
{
	static struct setting setting;
	struct model_tx *tx;

	setting = (struct setting){ .server = NULL };
	kit_world_init(&setting.world);
	tx = kit_begin(&setting.world);
	kit_make(tx, KIND_SHARD, "{\"name\":\"tokyo\"}");
	setting.server =
		kit_make(tx, KIND_SERVER,
	                 "{\"shard\":\"tokyo\",\"host\":\"p1\",\"port\":9090}");
	kit_make(tx, KIND_SERVER,
	         "{\"shard\":\"tokyo\",\"host\":\"p2\",\"port\":9090}");
	kit_make(tx, KIND_SERVER,
	         "{\"shard\":\"tokyo\",\"host\":\"p2\",\"port\":9091}");
	kit_make(tx, KIND_SERVER,
	         "{\"shard\":\"tokyo\",\"host\":\"2001:db8::1\","
	         "\"port\":9090}");
	kit_end(&setting.world);
	setting.servers = servers_new(1);
	assert_non_null(setting.servers);
	*state = &setting;
	return 0;
}

static int teardown(void **state)
{
	struct setting *setting = *state;

	servers_free(setting->servers);
	kit_world_fini(&setting->world);
	return 0;
}

static enum server_sync sync_at(struct setting *setting, int64_t now_s)
{
	servers_status(setting->servers, setting->server,
	               setting->world.documents, now_s, &setting->status);
	return setting->status.sync;
}

/* It has what there is now, of those two kinds. */
static struct server_report up_to_date(struct setting *setting)
{
	const struct documents *documents = setting->world.documents;
	struct server_report report = { .revision = 1,
		                        .loaded = SERVER_LOADED };

	report.written[DOCUMENT_TARGETS] = slice_from(
		documents_get(documents, "tokyo", DOCUMENT_TARGETS)->etag);
	report.written[DOCUMENT_RULES] = slice_from(
		documents_get(documents, "tokyo", DOCUMENT_RULES)->etag);
	return report;
}

static void tell(struct setting *setting, const struct server_report *report,
                 int64_t now_s)
{
	assert_int_equal(servers_report(setting->servers, setting->server,
	                                report, now_s),
	                 0);
}

static void edit(struct setting *setting)
{
	struct model_tx *tx = kit_begin(&setting->world);

	kit_make(tx, KIND_RULE,
	         "{\"name\":\"r\",\"clause\":\"up\",\"duration\":\"1m\"}");
	kit_end(&setting->world);
}

static void its_life(void **state)
{
	struct setting *setting = *state;
	uint64_t id = object_id(setting->server);
	struct server_report report = up_to_date(setting);

	assert_int_equal(sync_at(setting, NOW), SERVER_SILENT);
	assert_int_equal(servers_watched(setting->servers, id), 0);
	assert_int_equal(sync_at(setting, NOW), SERVER_SILENT);
	assert_true(setting->status.connected);
	tell(setting, &report, NOW + 1);
	assert_int_equal(sync_at(setting, NOW + 2), SERVER_IN_SYNC);
	assert_int_equal(setting->status.since_s, NOW + 2);
	assert_true(setting->status.written[DOCUMENT_TARGETS]);
	assert_false(setting->status.used[DOCUMENT_URLS]);

	edit(setting);
	assert_int_equal(sync_at(setting, NOW + 3), SERVER_BEHIND);
	assert_true(setting->status.written[DOCUMENT_TARGETS]);
	assert_false(setting->status.written[DOCUMENT_RULES]);
	servers_unwatched(setting->servers, id, NOW + 4);
	assert_int_equal(sync_at(setting, NOW + 4), SERVER_BEHIND);
	assert_int_equal(sync_at(setting, NOW + 60), SERVER_LOST);
	assert_int_equal(setting->status.since_s, NOW + 60);

	report = up_to_date(setting);
	tell(setting, &report, NOW + 61);
	assert_int_equal(sync_at(setting, NOW + 61), SERVER_IN_SYNC);
	report.error = slice_from("the disk is full");
	tell(setting, &report, NOW + 62);
	assert_int_equal(sync_at(setting, NOW + 62), SERVER_FAILED);
	assert_string_equal(server_sync_words(&setting->status),
	                    "the disk is full");
	report.error = slice_from("");
	report.loaded = SERVER_NOT_LOADED;
	tell(setting, &report, NOW + 63);
	assert_int_equal(sync_at(setting, NOW + 63), SERVER_FAILED);
	assert_non_null(strstr(server_sync_words(&setting->status), "reload"));
}

static void what_is_told_is_bounded(void **state)
{
	struct setting *setting = *state;
	struct server_report report = up_to_date(setting);
	char words[2 * SERVERS_WORDS_MAX + 1];

	memset(words, 'x', sizeof(words));
	words[sizeof(words) - 1] = '\0';
	report.error = slice_from(words);
	report.version = slice_from(words);
	report.written[DOCUMENT_TARGETS] = slice_from(words);
	tell(setting, &report, NOW);
	assert_int_equal(sync_at(setting, NOW), SERVER_FAILED);
	assert_int_equal(strlen(setting->status.error), SERVERS_WORDS_MAX - 1);
	assert_false(setting->status.written[DOCUMENT_TARGETS]);
}

/* What was told before it moved tells nothing of where it is now. */
static void the_revision_of_a_move_is_known(void **state)
{
	struct setting *setting = *state;
	struct servers *servers = setting->servers;
	const struct object *server = setting->server;
	struct assignment to = { .field = SERVER_SHARD };
	struct model_tx *tx;
	struct err err;

	/* nothing is kept of one that nobody watches */
	assert_int_equal(servers_placed(servers, server, 3), 3);
	assert_int_equal(servers_placed(servers, server, 4), 4);
	assert_int_equal(servers_watched(servers, object_id(server)), 0);
	assert_int_equal(servers_placed(servers, server, 5), 5);
	assert_int_equal(servers_placed(servers, server, 8), 5);

	tx = kit_begin(&setting->world);
	to.value.object = kit_make(tx, KIND_SHARD, "{\"name\":\"osaka\"}");
	assert_int_equal(model_update(tx, setting->server, &to, 1, &err), 0);
	kit_end(&setting->world);
	assert_int_equal(servers_placed(servers, server, 9), 9);
	assert_int_equal(servers_placed(servers, server, 12), 9);
}

static void those_that_are_gone_are_forgotten(void **state)
{
	struct setting *setting = *state;

	for (uint64_t id = 1000; id < 1100; id++) {
		assert_int_equal(servers_watched(setting->servers, id), 0);
		servers_unwatched(setting->servers, id, NOW);
	}
	servers_prune(setting->servers, setting->world.model);
	/* what is not there is no trouble */
	servers_unwatched(setting->servers, 1000, NOW);
	assert_int_equal(sync_at(setting, NOW), SERVER_SILENT);
}

static void no_memory_changes_nothing(void **state)
{
	struct setting *setting = *state;
	struct server_report report = up_to_date(setting);
	struct servers *before = setting->servers;
	size_t n;

	faults_count();
	setting->servers = servers_new(2);
	assert_non_null(setting->servers);
	tell(setting, &report, NOW);
	servers_free(setting->servers);
	setting->servers = NULL;
	n = faults_end();
	assert_true(n > 0);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		setting->servers = servers_new(3);
		if (setting->servers) {
			assert_int_equal(servers_report(setting->servers,
			                                setting->server,
			                                &report, NOW),
			                 -ENOMEM);
			assert_int_equal(sync_at(setting, NOW), SERVER_SILENT);
		}
		servers_free(setting->servers);
		(void)faults_end();
	}
	setting->servers = before;
}

static void names_are_found(void **state)
{
	const struct model *model = ((struct setting *)*state)->world.model;
	char name[SERVER_NAME_MAX];
	struct err err;
	struct object *found = servers_find(model, "p1:9090", &err);

	assert_non_null(found);
	assert_string_equal(server_name(found, name), "p1:9090");
	assert_ptr_equal(servers_find(model, "P1", &err), found);
	assert_ptr_equal(servers_find(model, "P1:9090", &err), found);
	assert_null(servers_find(model, "P1:9091", &err));
	found = servers_find(model, "[2001:db8::1]:9090", &err);
	assert_non_null(found);
	assert_string_equal(server_name(found, name), "[2001:db8::1]:9090");
	assert_ptr_equal(servers_find(model, "2001:db8::1", &err), found);
	assert_ptr_equal(servers_find(model, "2001:DB8:0::1", &err), found);
	assert_ptr_equal(servers_find(model, "[2001:DB8:0::1]:9090", &err),
	                 found);
	assert_non_null(servers_find(model, "p2:9091", &err));
}

static void names_that_are_none_have_a_remedy(void **state)
{
	static const struct {
		const char *name;
		const char *words;
	} rows[] = {
		{ "p1:9091", "register-server" },
		{ "p3", "register-server" },
		{ "p2", "several" },
		{ "", "HOST:PORT" },
		{ "p1:", "HOST:PORT" },
		{ "p1:0", "HOST:PORT" },
		{ ":9090", "HOST:PORT" },
		{ "p1:70000", "HOST:PORT" },
	};
	const struct model *model = ((struct setting *)*state)->world.model;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err;

		assert_null(servers_find(model, rows[i].name, &err));
		assert_non_null(strstr(err.message, rows[i].words));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_life),
		TEST(what_is_told_is_bounded),
		TEST(the_revision_of_a_move_is_known),
		TEST(those_that_are_gone_are_forgotten),
		TEST(no_memory_changes_nothing),
		TEST(names_are_found),
		TEST(names_that_are_none_have_a_remedy),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
