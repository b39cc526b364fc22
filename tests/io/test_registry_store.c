/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's database: its tables, what is written and loaded, the audit
 * log, readings, and one commit for many. */
#include "store_kit.h"
#include "support/faults.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/mem.h"
#include "registry/store/schema.h"
#include "registry/store/store_parts.h"

/* --- the tables --------------------------------------------------------------- */

static const char *column_type(const struct field *field)
{
	switch (field->type) {
	case FIELD_TEXT:
	case FIELD_LABELS:
	case FIELD_PARAMS:
		return "TEXT";
	case FIELD_NUMBER:
	case FIELD_FLAG:
	case FIELD_TIME:
	case FIELD_REF:
		break;
	}
	return "INTEGER";
}

/* "id INTEGER, name TEXT, …": as the table of kinds has it. */
static void expect_columns(enum kind kind, char *out, size_t size)
{
	int n = snprintf(out, size, "id INTEGER");

	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		const struct field *field = &kinds[kind].fields[i];
		char name[KIND_COLUMN_MAX];

		n += snprintf(out + n, size - (size_t)n, ", %s %s",
		              kind_column(field, name), column_type(field));
	}
}

static void check_reference(enum kind kind, const struct field *field)
{
	char name[KIND_COLUMN_MAX];
	char sql[512];

	if (field->type != FIELD_REF)
		return;
	(void)snprintf(sql, sizeof(sql),
	               "SELECT group_concat(\"table\") FROM"
	               " pragma_foreign_key_list('%s') WHERE \"from\" = '%s'",
	               kinds[kind].name, kind_column(field, name));
	assert_string_equal(text_of(sql), kinds[field->to].name);
	/* or each deletion would read the whole table */
	(void)snprintf(sql, sizeof(sql),
	               "SELECT count(*) FROM pragma_index_list('%s') l,"
	               " pragma_index_info(l.name) i"
	               " WHERE i.seqno = 0 AND i.name = '%s'",
	               kinds[kind].name, name);
	if (number_of(sql) < 1)
		fail_msg("%s.%s has no index", kinds[kind].name, name);
}

static void tables_are_as_the_kinds(void **state)
{
	struct store *store = open_store();
	char expected[2048], sql[512];

	(void)state;
	for (int kind = 0; kind < N_KINDS; kind++) {
		expect_columns((enum kind)kind, expected, sizeof(expected));
		(void)snprintf(sql, sizeof(sql),
		               "SELECT group_concat(name || ' ' || type, ', ')"
		               " FROM pragma_table_info('%s')",
		               kinds[kind].name);
		assert_string_equal(text_of(sql), expected);
		for (unsigned i = 0; i < kinds[kind].n_fields; i++)
			check_reference((enum kind)kind,
			                &kinds[kind].fields[i]);
	}
	assert_int_equal(number_of("PRAGMA application_id"), 0x626e6372);
	assert_int_equal(number_of("PRAGMA user_version"), 2);
	assert_string_equal(text_of("PRAGMA journal_mode"), "wal");
	assert_int_equal(number_of("SELECT count(*) FROM sqlite_master"
	                           " WHERE type = 'table' AND sql NOT LIKE"
	                           " '%STRICT' AND name NOT LIKE 'sqlite_%'"),
	                 sqlite3_libversion_number() >= 3037000 ? 0
	                                                        : N_KINDS + 2);
	close_store(store);
}

static void a_new_one_has_seeds(void **state)
{
	struct store *store = open_store();
	struct model *model = load_model(store);
	struct object *probe;
	struct stat st;

	(void)state;
	assert_int_equal(model_count(model, KIND_PROBE), 1);
	probe = model_find_name(model, KIND_PROBE, "http_2xx");
	assert_non_null(probe);
	assert_string_equal(object_text(probe, PROBE_DESCRIPTION),
	                    "Default http check");
	assert_int_equal(model_count(model, KIND_DEFAULT_EXPORTER), 4);
	assert_int_equal(model_count(model, KIND_TOKEN), 0);
	assert_int_equal(model_count(model, KIND_SHARD), 0);
	assert_int_equal(store_revision(store), 0);
	/* it holds secrets */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	model_free(model);
	close_store(store);
}

/* --- written and loaded --------------------------------------------------------- */

static struct object *create(struct model_tx *tx, enum kind kind,
                             const struct assignment *set, size_t n)
{
	struct object *object;
	struct err err = { 0 };

	if (model_create(tx, kind, set, n, &object, &err) < 0)
		fail_msg("%s", err.message);
	return object;
}

#define CREATE(tx, kind, ...)                                        \
	create(tx, kind, (const struct assignment[]){ __VA_ARGS__ }, \
	       ARRAY_SIZE(((const struct assignment[]){ __VA_ARGS__ })))

#define TEXT(field, value)              \
	{                               \
		field,                  \
		{                       \
			.text = (value) \
		}                       \
	}
#define NUMBER(field, value)              \
	{                                 \
		field,                    \
		{                         \
			.number = (value) \
		}                         \
	}
#define REF(field, value)                 \
	{                                 \
		field,                    \
		{                         \
			.object = (value) \
		}                         \
	}

static struct label_set *labels_of(bool several)
{
	struct label labels[] = {
		{ slice_from("env"), slice_from("a \"b\"\n") },
		{ slice_from("zone"), slice_from("ü") },
		{ slice_from("zone"), slice_from("2") },
	};
	struct label_set *set;

	assert_int_equal(
		label_set_new(labels, several ? 3 : 2, several, &set, NULL), 0);
	return set;
}

/* An object of each kind that hangs on others. */
static void fill(struct model *model, struct model_tx *tx)
{
	struct label_set *one = labels_of(false), *several = labels_of(true);
	struct object *shard = CREATE(tx, KIND_SHARD, TEXT(SHARD_NAME, "paris"),
	                              TEXT(SHARD_AUTHORIZATION, "Bearer s3"));
	struct object *service =
		CREATE(tx, KIND_SERVICE, TEXT(SERVICE_NAME, "shop"),
	               { SERVICE_LABELS, { .labels = one } });
	struct object *project = CREATE(
		tx, KIND_PROJECT, TEXT(PROJECT_NAME, "web"),
		REF(PROJECT_SERVICE, service), REF(PROJECT_SHARD, shard));
	struct object *farm = CREATE(tx, KIND_FARM, TEXT(FARM_NAME, "web-farm"),
	                             REF(FARM_PROJECT, project));
	struct object *notifier;

	(void)CREATE(tx, KIND_SERVER, REF(SERVER_SHARD, shard),
	             TEXT(SERVER_HOST, "p1"), NUMBER(SERVER_PORT, 9090));
	(void)CREATE(tx, KIND_HOST, TEXT(HOST_NAME, "h1"),
	             REF(HOST_FARM, farm));
	(void)CREATE(tx, KIND_EXPORTER, TEXT(EXPORTER_JOB, "node"),
	             REF(EXPORTER_PROJECT, project),
	             NUMBER(EXPORTER_PORT, 9100),
	             { EXPORTER_PARAMS, { .labels = several } });
	(void)CREATE(
		tx, KIND_URL, TEXT(URL_URL, "http://example.org/"),
		REF(URL_PROJECT, project),
		REF(URL_PROBE, model_find_name(model, KIND_PROBE, "http_2xx")));
	(void)CREATE(tx, KIND_RULE, TEXT(RULE_NAME, "Down"),
	             REF(RULE_PROJECT, project), TEXT(RULE_CLAUSE, "up == 0"));
	notifier = CREATE(tx, KIND_NOTIFIER, TEXT(NOTIFIER_SENDER, "slack"),
	                  REF(NOTIFIER_SERVICE, service),
	                  TEXT(NOTIFIER_VALUE, "https://hooks/s3cret"));
	(void)CREATE(tx, KIND_FILTER, REF(FILTER_NOTIFIER, notifier),
	             TEXT(FILTER_NAME, "severity"), TEXT(FILTER_VALUE, "page"));
	(void)CREATE(tx, KIND_NODE, TEXT(NODE_IP, "10.0.0.1"),
	             NUMBER(NODE_PORT, 9100), REF(NODE_SHARD, shard));
	mem_free(one);
	mem_free(several);
}

static void check_value(const struct field *field, const union value *a,
                        const union value *b)
{
	switch (field->type) {
	case FIELD_TEXT:
		assert_string_equal(a->text, b->text);
		break;
	case FIELD_NUMBER:
	case FIELD_FLAG:
	case FIELD_TIME:
		assert_int_equal(a->number, b->number);
		break;
	case FIELD_REF:
		assert_int_equal(a->object ? object_id(a->object) : 0,
		                 b->object ? object_id(b->object) : 0);
		break;
	case FIELD_LABELS:
	case FIELD_PARAMS:
		assert_true(label_set_equal(a->labels, b->labels));
		break;
	}
}

static void check_same(struct model *a, struct model *b)
{
	for (int kind = 0; kind < N_KINDS; kind++) {
		enum kind k = (enum kind)kind;

		assert_int_equal(model_count(a, k), model_count(b, k));
		MODEL_FOR_EACH(object, a, k)
		{
			struct object *other =
				model_find(b, k, object_id(object));

			assert_non_null(other);
			for (unsigned i = 0; i < kinds[k].n_fields; i++)
				check_value(&kinds[k].fields[i],
				            &object_values(object)[i],
				            &object_values(other)[i]);
		}
	}
}

static void what_is_written_is_loaded(void **state)
{
	struct store *store = open_store();
	struct model *model = load_model(store), *again;
	struct model_tx *tx = model_begin(model, NOW_S);
	struct written written;

	(void)state;
	fill(model, tx);
	write_batch(store, batch_of(tx), &written);
	await(&written, 0);
	assert_int_equal(written.write.revision, 1);
	assert_int_equal(store_revision(store), 1);

	again = load_model(store);
	check_same(model, again);
	model_free(again);
	close_store(store);

	store = open_store();
	assert_int_equal(store_revision(store), 1);
	again = load_model(store);
	check_same(model, again);
	model_free(again);
	close_store(store);
	model_free(model);
}

/* A rule may override one that was made after it. */
static void a_younger_parent_is_loaded(void **state)
{
	struct store *store = open_store();
	struct model *model = load_model(store), *again;
	struct model_tx *tx = model_begin(model, NOW_S);
	struct object *service, *child, *parent;
	struct assignment set;
	struct written written;
	struct err err = { 0 };

	(void)state;
	service = CREATE(tx, KIND_SERVICE, TEXT(SERVICE_NAME, "shop"));
	child = CREATE(tx, KIND_RULE, TEXT(RULE_NAME, "Down"),
	               REF(RULE_SERVICE, service), TEXT(RULE_CLAUSE, "up < 1"));
	parent = CREATE(tx, KIND_RULE, TEXT(RULE_NAME, "DownAll"),
	                TEXT(RULE_CLAUSE, "up{<exclude>} < 1"));
	set = (struct assignment)REF(RULE_PARENT, parent);
	if (model_update(tx, child, &set, 1, &err) < 0)
		fail_msg("%s", err.message);
	write_batch(store, batch_of(tx), &written);
	await(&written, 0);
	again = load_model(store);
	check_same(model, again);
	model_free(again);
	model_free(model);
	close_store(store);
}

static void ids_are_not_used_again(void **state)
{
	struct store *store = open_store();
	struct model *model = load_model(store);
	struct object *service;
	struct model_tx *tx;
	struct written written;
	uint64_t id;

	(void)state;
	write_batch(store, new_service(model, "first"), &written);
	await(&written, 0);
	service = model_find_name(model, KIND_SERVICE, "first");
	id = object_id(service);
	tx = model_begin(model, NOW_S);
	assert_int_equal(model_delete(tx, service, NULL), 0);
	write_batch(store, batch_of(tx), &written);
	await(&written, 0);
	model_free(model);
	close_store(store);

	store = open_store();
	model = load_model(store);
	assert_int_equal(model_count(model, KIND_SERVICE), 0);
	assert_int_equal(model_next_id(model, KIND_SERVICE), id + 1);
	model_free(model);
	close_store(store);
}

/* --- the audit log ------------------------------------------------------------------ */

static void everything_is_audited(void **state)
{
	struct store *store = open_store();
	struct model *model = load_model(store);
	struct model_tx *tx = model_begin(model, NOW_S);
	struct written written;

	(void)state;
	fill(model, tx);
	write_batch(store, batch_of(tx), &written);
	await(&written, 0);
	assert_int_equal(number_of("SELECT count(*) FROM audit"), 12);
	assert_int_equal(number_of("SELECT count(*) FROM audit WHERE"
	                           " actor = 'tester' AND op = 'created'"
	                           " AND old IS NULL AND new IS NOT NULL"
	                           " AND created_at = 1700000000"),
	                 12);
	/* secrets are not in it */
	assert_int_equal(number_of("SELECT count(*) FROM audit WHERE"
	                           " new LIKE '%s3%'"),
	                 0);
	/* whose they are: itself, what it hangs on, and so on */
	assert_string_equal(
		text_of("SELECT parent_kind || ' ' || parent_id || ' ' ||"
	                " service_id || ' ' || project_id FROM audit"
	                " WHERE kind = 'host'"),
		"farm 1 1 1");
	assert_string_equal(text_of("SELECT parent_kind || ' ' || service_id"
	                            " FROM audit WHERE kind = 'filter'"),
	                    "notifier 1");
	assert_string_equal(text_of("SELECT parent_kind FROM audit"
	                            " WHERE kind = 'project'"),
	                    "service");

	tx = model_begin(model, NOW_S + 5);
	assert_int_equal(
		model_delete(tx, model_find_name(model, KIND_SERVICE, "shop"),
	                     NULL),
		0);
	write_batch(store, batch_of(tx), &written);
	await(&written, 0);
	assert_int_equal(number_of("SELECT count(*) FROM audit WHERE"
	                           " op = 'deleted' AND new IS NULL"
	                           " AND old IS NOT NULL AND service_id = 1"),
	                 9);
	assert_int_equal(number_of("SELECT count(*) FROM host"), 0);
	model_free(model);
	close_store(store);
}

static void old_audit_goes(void **state)
{
	struct store *store = open_store();
	struct model *model = load_model(store);
	struct written written;
	bool passed = false;
	char name[32];

	(void)state;
	for (int i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "service-%d", i);
		write_batch(store, new_service(model, name), &written);
		await(&written, 0);
	}
	run_sql("INSERT INTO audit(created_at, actor, op, kind, object_id,"
	        " title) VALUES(strftime('%s','now'), 'a', 'created', 'host',"
	        " 1, 'new')");
	store_keep_audit(store, 3600);
	store->timer.timer_cb(&store->timer); /* an hour later */
	while (!passed) {
		test_loop_for(&loop, 1);
		passed = !store->prune_due && store->job == JOB_NONE;
	}
	assert_string_equal(text_of("SELECT group_concat(title) FROM audit"),
	                    "new");
	model_free(model);
	close_store(store);
}

/* --- one commit for many --------------------------------------------------------------- */

#define N_MANY 200

static void many_are_one_commit(void **state)
{
	struct store *store = open_store();
	struct model *model = load_model(store);
	static struct written written[N_MANY];
	struct store_stats stats;
	char name[32];

	(void)state;
	for (int i = 0; i < N_MANY; i++) {
		(void)snprintf(name, sizeof(name), "service-%d", i);
		write_batch(store, new_service(model, name), &written[i]);
	}
	store_stats(store, &stats);
	assert_true(stats.n_queued_bytes > 0);
	for (int i = 0; i < N_MANY; i++)
		await(&written[i], 0);
	store_stats(store, &stats);
	assert_int_equal(stats.n_batches, N_MANY);
	assert_int_equal(stats.n_failed, 0);
	assert_int_equal(stats.n_queued_bytes, 0);
	assert_true(stats.size_bytes > 4096);
	assert_true(stats.last_commit_us > 0);
	/* the first, and those that came while it was under way */
	assert_int_equal(stats.n_commits, 2);
	assert_int_equal(written[0].write.revision, 1);
	assert_int_equal(written[N_MANY - 1].write.revision, 2);
	assert_int_equal(number_of("SELECT count(*) FROM service"), N_MANY);
	model_free(model);
	close_store(store);
}

static void the_log_is_brought_in(void **state)
{
	struct store *store = open_store();
	struct model *model = load_model(store);
	struct written written;
	char name[32];
	int most = 0;

	(void)state;
	for (int i = 0; i < 2 * STORE_WAL_IDLE / 5; i++) {
		(void)snprintf(name, sizeof(name), "service-%d", i);
		write_batch(store, new_service(model, name), &written);
		await(&written, 0);
		most = MAX(most, store->wal_pages);
	}
	assert_in_range(most, STORE_WAL_IDLE / 2, STORE_WAL_IDLE + 100);
	model_free(model);
	close_store(store);
}

/* --- readings ----------------------------------------------------------------------------- */

struct reading {
	struct store_read read;
	bool done;
	int code;
	size_t n_rows;
	char words[64];
};

static void on_read(struct store_read *read)
{
	struct reading *reading = container_of(read, struct reading, read);
	struct store_value name = store_read_value(read, 0, 1);

	reading->done = true;
	reading->code = read->err.code;
	reading->n_rows = read->n_rows;
	if (name.type == STORE_TEXT)
		(void)snprintf(reading->words, sizeof(reading->words),
		               "%lld " SLICE_FMT,
		               (long long)store_read_value(read, 0, 0).integer,
		               SLICE_ARG(name.text));
	assert_int_equal(store_read_value(read, read->n_rows, 0).type,
	                 STORE_NULL);
}

static void reads_see_what_is_committed(void **state)
{
	static const char by_job[] = "SELECT port, job FROM default_exporter"
				     " WHERE job = ?1";
	static const char numbers[] =
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM"
		" n WHERE i < 20000) SELECT i, 'x', NULL, 0.5 FROM n";
	struct store *store = open_store();
	struct store_value job = STORE_STR(slice_from("nginx"));
	struct reading first = { 0 }, second = { 0 }, third = { 0 };

	(void)state;
	assert_int_equal(
		store_read(store, by_job, &job, 1, &first.read, on_read), 0);
	assert_int_equal(
		store_read(store, numbers, NULL, 0, &second.read, on_read), 0);
	assert_int_equal(store_read(store, "SELECT nothing", NULL, 0,
	                            &third.read, on_read),
	                 0);
	assert_false(first.done);
	test_loop_until(&loop, &third.done);
	assert_true(first.done && second.done);
	assert_int_equal(first.n_rows, 1);
	assert_string_equal(first.words, "9113 nginx");
	assert_int_equal(second.n_rows, STORE_MAX_ROWS);
	assert_int_equal(third.code, -EINVAL);
	assert_int_equal(third.n_rows, 0);
	/* a reading cannot write */
	third = (struct reading){ 0 };
	assert_int_equal(store_read(store, "DELETE FROM probe", NULL, 0,
	                            &third.read, on_read),
	                 0);
	test_loop_until(&loop, &third.done);
	assert_int_equal(third.code, -EROFS);
	close_store(store);
}

static void count_row(void *context, const struct store_value *values)
{
	*(int64_t *)context += values[0].integer;
}

static void rows_at_the_start(void **state)
{
	struct store *store = open_store();
	int64_t sum = 0;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(store_each(store, "SELECT port FROM default_exporter",
	                            count_row, &sum, &err),
	                 0);
	assert_int_equal(sum, 9100 + 9113 + 9104 + 9117);
	assert_int_equal(store_each(store, "SELECT", count_row, &sum, &err),
	                 -EINVAL);
	close_store(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tables_are_as_the_kinds, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(a_new_one_has_seeds, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(what_is_written_is_loaded,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_younger_parent_is_loaded,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(ids_are_not_used_again, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(everything_is_audited, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(old_audit_goes, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(many_are_one_commit, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(the_log_is_brought_in, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(reads_see_what_is_committed,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(rows_at_the_start, set_up,
		                                tear_down),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
