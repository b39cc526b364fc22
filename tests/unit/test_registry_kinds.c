/* SPDX-License-Identifier: Apache-2.0 */
/* kind, check, label_set, assign: what may stand in a registry, and how it is
 * said in JSON. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"
#include "registry/model/check.h"
#include "registry_kit.h"
#include "support/faults.h"

/* --- the table ------------------------------------------------------------ */

static void test_table(void **state)
{
	for (unsigned i = 0; i < N_KINDS; i++) {
		const struct kind_info *info = &kinds[i];
		enum kind kind = N_KINDS;

		assert_true(kind_find(slice_from(info->name), &kind));
		assert_int_equal(kind, i);
		assert_true(kind_find(slice_from(info->plural), &kind));
		assert_int_equal(kind, i);
		assert_in_range(info->n_fields, 1, KIND_MAX_FIELDS);
		assert_in_range(info->n_keys, 1, KIND_MAX_KEYS);
		assert_true(info->max > 0);
		for (unsigned f = 0; f < info->n_fields; f++) {
			const struct field *field = &info->fields[f];

			assert_non_null(field->help);
			assert_int_equal(kind_field((enum kind)i,
			                            slice_from(field->name)),
			                 f);
			/* it is loaded before those that refer to it */
			if (field->type == FIELD_REF)
				assert_true(field->to <= i);
			if (field->check && field->fallback)
				assert_int_equal(
					field->check(
						slice_from(field->fallback),
						NULL),
					0);
		}
		for (unsigned k = 0; k < info->n_keys; k++) {
			unsigned n = 0;

			while (info->keys[k][n] >= 0)
				assert_in_range(info->keys[k][n++], 0,
				                info->n_fields - 1);
			assert_in_range(n, 1, KIND_KEY_FIELDS - 1);
		}
	}
	assert_false(kind_find(slice_from("shardss"), &(enum kind){ 0 }));
	assert_int_equal(kind_field(KIND_HOST, slice_from("nam")), -1);
}

/* --- checks --------------------------------------------------------------- */

struct row {
	int (*check)(struct slice text, struct err *err);
	const char *good[14]; /* ended by NULL */
	const char *bad[20];
};

#define LONG_63 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct row rows[] = {
	/* Promgen wants two letters; one is a name, too */
	{ check_name,
	  { "ab", "x", "7", "_", "test-project", "Two words", "a.b", "größe",
	    "日本" },
	  { "", "-a", " a", ".a", "a ", "a/b", "a\nb", "a\"b", "svc » proj",
	    "a\xc2\xa0", "\xff", "a\xe2\x80\xae", "a{b}",
	    LONG_63 LONG_63 "abc" } },
	{ check_label_name,
	  { "a", "_a", "A1", "__x" },
	  { "", "1a", "a-b", "a:b", "é", "a b" } },
	{ check_metric_name,
	  { "a", "job:up:sum", ":a", "_" },
	  { "", "1a", "a-b", "a b", "a{}", "é" } },
	{ check_duration,
	  { "", "0", "5m", "1h30m", "250ms", "1d12h", "1y2w3d4h5m6s7ms", "0s",
	    "90m" },
	  { "5", "m", "abc5mzz", "5mm", "5m5m", "30m1h", "1.5h", "-5m", " 5m",
	    "5m ", "5M", "300y", "18446744073709551616s", "1h 30m", "00" } },
	{ check_positive_duration,
	  { "", "15s", "1m30s" },
	  { "0", "0s", "0h0m", "x" } },
	{ check_host,
	  { "web-1", "web-1.example.com", "1.example", "a", "192.0.2.1", "::1",
	    "[::1]", "2001:db8::1", "[2001:DB8::0:1]", "::ffff:192.0.2.1",
	    "3com", LONG_63 ".de", "xn--bcher-kva.example" },
	  { "", "300.1.1.1", "192.0.2", "1", "[192.0.2.1]", "[::1", "::1]",
	    "[]", "web:9100", "http://web", "a_b", "-a", "a-", "a..b", ".a",
	    "a.", "::1%eth0", LONG_63 "a", "a b" } },
	{ check_ip,
	  { "192.0.2.1", "::1", "[::1]", "2001:DB8::1" },
	  { "", "web", "192.0.2.256", "192.0.2.1:80", "192.0.02.1", "1",
	    "[192.0.2.1]" } },
	{ check_path,
	  { "", "/", "/metrics", "/probe?module=a&x=b", "/a%20b" },
	  { "metrics", "/a b", "/a#b", "/a\"", "http://a/", "/a\n" } },
	{ check_web_url,
	  { "http://a", "https://a:8080/x?y=z", "http://[::1]/", "http://a/ü",
	    "https://u:p@a/" },
	  { "", "ftp://a", "http://", "http:///x", "a", "http://a b", "//a",
	    "http://:80/", "http://?x", "http://a/#b" } },
	{ check_optional_url, { "", "http://a" }, { "a" } },
	{ check_scheme, { "http", "https" }, { "", "HTTP", "ftp" } },
	{ check_match, { "any", "all" }, { "", "or" } },
	{ check_operator, { "=", "!=", "=~", "!~" }, { "", "==", "~" } },
	{ check_scope, { "read", "write", "admin", "alerts" }, { "", "root" } },
	{ check_lines, { "", "a\n\tb\n", "ü" }, { "a\rb", "\x1b[0m", "\xff" } },
	{ check_text, { "", "a b" }, { "a\nb", "\x7f", "\xc0\x80" } },
	{ check_hash,
	  { "0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0123456789abcdef" },
	  { "", "0123456789ABCDEF0123456789abcdef"
	        "0123456789abcdef0123456789abcdef" } },
};

static void test_checks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t at = 0; rows[i].good[at]; at++) {
			struct err err = { 0 };

			if (rows[i].check(slice_from(rows[i].good[at]), &err))
				fail_msg("row %zu: `%s`: %s", i,
				         rows[i].good[at], err.message);
		}
		for (size_t at = 0; rows[i].bad[at]; at++) {
			struct err err = { 0 };

			if (rows[i].check(slice_from(rows[i].bad[at]), &err) !=
			            -EINVAL ||
			    !err.message[0])
				fail_msg("row %zu: `%s` is taken", i,
				         rows[i].bad[at]);
		}
	}
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} durations[] = {
		{ "0", 0 },           { "250ms", 250 },
		{ "1h30m", 5400000 }, { "1y", 31536000000 },
		{ "1d", 86400000 },   { "292y", 292 * 31536000000 },
	};
	uint64_t ms;

	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		assert_int_equal(duration_of_prometheus(
					 slice_from(durations[i].text), &ms),
		                 0);
		assert_int_equal(ms, durations[i].ms);
	}
}

static void test_hosts(void **state)
{
	static const char *const hosts[][2] = {
		{ "[2001:DB8:0:0::1]", "2001:db8::1" },
		{ "::FFFF:192.0.2.1", "::ffff:192.0.2.1" },
		{ "192.0.2.1", "192.0.2.1" },
		{ "Web-1", "Web-1" },
	};
	char out[CHECK_HOST_MAX + 1];
	char *text = malloc(CHECK_HOST_MAX + 2);

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		assert_true(host_canonical(slice_from(hosts[i][0]), out));
		assert_string_equal(out, hosts[i][1]);
	}
	memset(text, 'a', CHECK_HOST_MAX + 1);
	assert_true(host_canonical(slice_make(text, CHECK_HOST_MAX), out));
	assert_false(host_canonical(slice_make(text, CHECK_HOST_MAX + 1), out));
	free(text);
}

/* --- what the model refuses ----------------------------------------------- */

static struct model *model;
static struct model_tx *tx;

static int begin(void **state)
{
	model = model_new(1);
	tx = model_begin(model, KIT_NOW);
	kit_make(tx, KIND_SHARD, "{\"name\": \"Default\"}");
	kit_make(tx, KIND_SERVICE, "{\"name\": \"shop\"}");
	kit_make(tx, KIND_PROJECT,
	         "{\"name\": \"web\", \"service\": \"shop\","
	         " \"shard\": \"Default\"}");
	return 0;
}

static int end(void **state)
{
	model_commit(tx);
	model_free(model);
	return 0;
}

#define EXPORTER(more) "{\"job\": \"a\", \"project\": \"web\"" more "}"

static void test_refused(void **state)
{
	static const struct {
		enum kind kind;
		int code;
		const char *json, *words;
	} refused[] = {
		{ KIND_SERVICE, -EINVAL, "{}", "name: is required" },
		{ KIND_SERVICE, -EINVAL, "[]", "must be an object" },
		{ KIND_SERVICE, -EINVAL, "{\"name\": \"\"}",
		  "name: is required" },
		{ KIND_SERVICE, -EINVAL, "{\"name\": null}",
		  "name: is required" },
		{ KIND_SERVICE, -EINVAL, "{\"name\": 7}",
		  "name: must be text" },
		{ KIND_SERVICE, -EINVAL, "{\"name\": \"a\\u0000b\"}",
		  "name: must be UTF-8" },
		{ KIND_SERVICE, -EINVAL, "{\"name\": \"a/b\"}",
		  "name: must be letters" },
		{ KIND_SERVICE, -EINVAL, "{\"name\": \"a\", \"colour\": 1}",
		  "`colour`: no service has such a field" },
		{ KIND_SERVICE, -EINVAL, "{\"name\": \"a\", \"name_id\": 1}",
		  "`name_id`: no service has such a field" },
		{ KIND_SERVICE, -EINVAL,
		  "{\"name\": \"a\", \"labels\": {\"job\": \"b\"}}",
		  "labels: `job` is set by the registry itself" },
		{ KIND_SERVICE, -EINVAL,
		  "{\"name\": \"a\", \"labels\": {\"__x\": \"b\"}}",
		  "labels: `__x` is set by the registry itself" },
		{ KIND_SERVICE, -EINVAL,
		  "{\"name\": \"a\", \"labels\": {\"a-b\": \"b\"}}",
		  "labels: `a-b`: a label's name must be" },
		{ KIND_SERVICE, -EINVAL,
		  "{\"name\": \"a\", \"labels\": {\"a\": [\"b\"]}}",
		  "labels: the value of `a` must be text" },
		{ KIND_SERVICE, -EINVAL, "{\"name\": \"a\", \"labels\": 5}",
		  "labels: must be an object" },
		{ KIND_FARM, -ENOENT,
		  "{\"name\": \"a\", \"project\": \"nobody\"}",
		  "project: there is no project `nobody`" },
		{ KIND_FARM, -ENOENT, "{\"name\": \"a\", \"project\": 70}",
		  "project: there is no project with the id 70" },
		{ KIND_FARM, -EINVAL, "{\"name\": \"a\", \"project\": true}",
		  "project: must be the id or name of a project" },
		{ KIND_FARM, -EINVAL, "{\"name\": \"a\", \"project\": null}",
		  "project: is required" },
		{ KIND_EXPORTER, -EINVAL, EXPORTER(""), "port: is required" },
		{ KIND_EXPORTER, -EINVAL, EXPORTER(", \"port\": 0"),
		  "port: must be from 1 to 65535" },
		{ KIND_EXPORTER, -EINVAL, EXPORTER(", \"port\": 65536"),
		  "port: must be from 1 to 65535" },
		{ KIND_EXPORTER, -EINVAL, EXPORTER(", \"port\": 999999"),
		  "port: must be from 1 to 65535" },
		{ KIND_EXPORTER, -EINVAL, EXPORTER(", \"port\": -1"),
		  "port: must be from 1 to 65535" },
		{ KIND_EXPORTER, -EINVAL, EXPORTER(", \"port\": \"x\""),
		  "port: must be a whole number" },
		{ KIND_EXPORTER, -EINVAL, EXPORTER(", \"port\": 1.5"),
		  "port: must be a whole number" },
		{ KIND_EXPORTER, -EINVAL,
		  EXPORTER(", \"port\": 1, \"enabled\": 2"),
		  "enabled: must be true or false" },
		{ KIND_EXPORTER, -EINVAL,
		  EXPORTER(", \"port\": 1, \"params\": {\"a-b\": 1}"),
		  "params: `a-b`: a label's name" },
		{ KIND_EXPORTER, -EINVAL,
		  EXPORTER(", \"port\": 1, \"params\": {\"a\": [1,2,3,4,5],"
		           " \"b\": [1,2,3,4,5,6,7], \"c\": [1, 2]}"),
		  "params: its values give more than 64 combinations" },
		{ KIND_EXPORTER, -EINVAL,
		  EXPORTER(", \"port\": 1, \"scrape_interval\": \"15s\","
		           " \"scrape_timeout\": \"1m\""),
		  "scrape_timeout: is longer than scrape_interval" },
		{ KIND_RULE, -EINVAL, "{\"name\": \"a b\", \"clause\": \"up\"}",
		  "name: must be letters" },
		{ KIND_RULE, -EINVAL, "{\"name\": \"a\"}",
		  "clause: is required" },
		{ KIND_RULE, -EINVAL,
		  "{\"name\": \"a\", \"clause\": \"up\","
		  " \"labels\": {\"alertname\": \"x\"}}",
		  "labels: `alertname` is set" },
		{ KIND_NODE, -EINVAL,
		  "{\"ip\": \"::1\", \"shard\": 1, \"deleted\": true}",
		  "deleted: cannot be set" },
		{ KIND_TOKEN, -EINVAL,
		  "{\"name\": \"a\", \"scope\": \"read\", \"hash\": \"x\"}",
		  "hash: cannot be set" },
		{ KIND_TOKEN, -EINVAL,
		  "{\"name\": \"a\", \"scope\": \"read\","
		  " \"expires_at\": \"tomorrow\"}",
		  "expires_at: must be a moment" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		kit_refused(tx, refused[i].kind, refused[i].json,
		            refused[i].code, refused[i].words);
}

static void test_limit(void **state)
{
	char json[64];

	for (uint32_t i = 0; i < kinds[KIND_PROBE].max; i++) {
		(void)snprintf(json, sizeof(json), "{\"module\": \"m%u\"}", i);
		kit_make(tx, KIND_PROBE, json);
	}
	kit_refused(tx, KIND_PROBE, "{\"module\": \"one_more\"}", -E2BIG,
	            "there are already 1000 probes");
}

/* --- JSON ----------------------------------------------------------------- */

static char *written(const struct object *object, bool masked)
{
	struct json_writer json;
	struct buf out;

	buf_init(&out, 1 << 20);
	json_write_init(&json, &out);
	json_write_object(&json);
	object_write(&json, object_kind(object), object_values(object), masked);
	json_write_object_end(&json);
	return buf_take(&out);
}

static void assert_written(const struct object *object, bool masked,
                           const char *expected)
{
	char *text = written(object, masked);

	assert_string_equal(text, expected);
	mem_free(text);
}

/* What is written can be read, and changes nothing. */
static void test_written(void **state)
{
	struct object *object;
	char *text;
	struct err err;
	size_t n;

	kit_make(tx, KIND_FARM, "{\"name\": \"f\", \"project_id\": \"1\"}");
	object = kit_make(
		tx, KIND_EXPORTER,
		EXPORTER(", \"port\": 80, \"enabled\": \"off\","
	                 " \"params\": {\"b\": [2, true], \"a\": 1.5}"));
	assert_written(object, true,
	               "{\"job\":\"a\",\"project\":\"web\",\"project_id\":1,"
	               "\"port\":80,\"path\":\"\",\"scheme\":\"http\","
	               "\"enabled\":false,\"params\":{\"a\":\"1.5\",\"b\":["
	               "\"2\",\"true\"]},\"labels\":{},\"scrape_interval\":\"\""
	               ",\"scrape_timeout\":\"\"}");
	object =
		kit_make(tx, KIND_HOST, "{\"name\": \"h\", \"farm\": \"web\"}");
	assert_written(object, true,
	               "{\"name\":\"h\",\"farm\":\"f\",\"farm_id\":1,"
	               "\"labels\":{}}");
	model_commit(tx);
	tx = model_begin(model, KIT_NOW);
	text = written(object, true);
	assert_int_equal(kit_update(tx, object, text, &err), 0);
	mem_free(text);
	(void)model_records(tx, &n);
	assert_int_equal(n, 0);
}

static void test_secrets(void **state)
{
	struct object *object = kit_make(
		tx, KIND_NOTIFIER,
		"{\"sender\": \"slack\", \"value\": \"https://secret\"}");
	char *text = written(object, true);
	struct err err;

	assert_null(strstr(text, "https://secret"));
	assert_non_null(strstr(text, "\"value\":\"******\""));
	assert_non_null(strstr(text, "\"service\":null,\"service_id\":null"));
	/* what we showed comes back, and is not the secret */
	assert_int_equal(kit_update(tx, object, text, &err), 0);
	assert_string_equal(object_text(object, NOTIFIER_VALUE),
	                    "https://secret");
	mem_free(text);
	text = written(object, false);
	assert_non_null(strstr(text, "https://secret"));
	mem_free(text);
}

/* Who may not read a secret cannot have it sent to a machine of theirs. */
static void test_secret_stays(void **state)
{
	static const struct {
		const char *json;
		bool accepted;
	} moves[] = {
		{ "{\"url\": \"http://a:1/other?b\"}", true },
		{ "{\"url\": \"http://a:2/p\"}", false },
		{ "{\"url\": \"https://a:1/p\"}", false },
		{ "{\"url\": \"http://a:1@b:1/p\"}", false },
		{ "{\"url\": \"\"}", false },
		{ "{\"name\": \"other\"}", true },
		{ "{\"url\": \"http://b/\", \"authorization\": \"\"}", true },
		{ "{\"url\": \"http://c/\", \"authorization\": \"mine\"}",
		  true },
	};
	struct object *shard;
	struct err err;

	shard = kit_make(tx, KIND_SHARD,
	                 "{\"name\": \"x\", \"url\": \"http://a:1/p\","
	                 " \"authorization\": \"Bearer s\"}");
	for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
		err = (struct err){ 0 };
		if ((kit_update(tx, shard, moves[i].json, &err) == 0) !=
		    moves[i].accepted)
			fail_msg("%s: %s", moves[i].json, err.message);
	}
	assert_string_equal(object_text(shard, SHARD_AUTHORIZATION), "mine");
}

static void test_times(void **state)
{
	struct object *node =
		kit_make(tx, KIND_NODE, "{\"ip\": \"::1\", \"shard\": 1}");

	assert_written(node, true,
	               "{\"ip\":\"::1\",\"port\":9100,\"comment\":\"\","
	               "\"deleted\":false,"
	               "\"created_at\":\"2026-09-21T14:13:20.000Z\","
	               "\"updated_at\":\"2026-09-21T14:13:20.000Z\","
	               "\"shard\":\"Default\",\"shard_id\":1}");
}

/* An id counts more than the name beside it, in either order. */
static void test_id_and_name(void **state)
{
	struct object *project = model_find(model, KIND_PROJECT, 1);
	struct err err;

	kit_make(tx, KIND_SHARD, "{\"name\": \"two\"}");
	assert_int_equal(kit_update(tx, project,
	                            "{\"shard_id\": 2, \"shard\": \"Default\"}",
	                            &err),
	                 0);
	assert_int_equal(object_id(object_ref(project, PROJECT_SHARD)), 2);
	assert_int_equal(kit_update(tx, project,
	                            "{\"shard\": \"two\", \"shard_id\": 1}",
	                            &err),
	                 0);
	assert_int_equal(object_id(object_ref(project, PROJECT_SHARD)), 1);
	assert_int_equal(kit_update(tx, project,
	                            "{\"shard_id\": null, \"shard\": \"two\"}",
	                            &err),
	                 0);
	assert_int_equal(object_id(object_ref(project, PROJECT_SHARD)), 2);
	assert_int_equal(kit_update(tx, project, "{\"shard_id\": null}", &err),
	                 -EINVAL);
}

static void test_only(void **state)
{
	struct json_t *root = NULL;
	struct assignments given;

	assert_int_equal(
		json_parse(slice_from("{\"enabled\": false}"), &root, NULL), 0);
	assert_int_equal(assign_json(&given, model, KIND_EXPORTER, root,
	                             1 << EXPORTER_ENABLED, true),
	                 0);
	assert_int_equal(given.n, 1);
	assert_int_equal(given.items[0].field, EXPORTER_ENABLED);
	assignments_fini(&given);
	assert_int_equal(assign_json(&given, model, KIND_EXPORTER, root,
	                             1 << EXPORTER_PORT, true),
	                 -EINVAL);
	assignments_fini(&given);
	json_free(root);
}

/* --- sets of labels ------------------------------------------------------- */

#define LABEL(name, value)                       \
	{                                        \
		{ name, sizeof(name) - 1 },      \
		{                                \
			value, sizeof(value) - 1 \
		}                                \
	}

static void test_label_set(void **state)
{
	static const struct label labels[] = { LABEL("b", "1"), LABEL("a", "2"),
		                               LABEL("b", "0"),
		                               LABEL("c", "") };
	struct label many[LABEL_SET_MAX + 1];
	struct label_set *one, *several, *copy;
	struct err err;

	assert_int_equal(label_set_new(labels, 4, false, &one, &err), 0);
	assert_int_equal(one->n, 3);
	assert_true(slice_is(one->items[1].value, "0"));
	assert_int_equal(label_set_new(labels, 4, true, &several, &err), 0);
	assert_int_equal(several->n, 4);
	assert_true(slice_is(several->items[1].value, "1"));
	assert_true(slice_is(several->items[2].value, "0"));
	assert_false(label_set_equal(one, several));
	assert_false(label_set_equal(one, NULL));
	assert_true(label_set_equal(NULL, NULL));
	copy = label_set_copy(several);
	assert_true(label_set_equal(copy, several));
	mem_free(copy);
	mem_free(one);
	mem_free(several);
	assert_int_equal(label_set_new(labels, 0, true, &one, &err), 0);
	assert_null(one);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = labels[0];
	assert_int_equal(
		label_set_new(many, ARRAY_SIZE(many), false, &one, &err),
		-E2BIG);
	assert_null(one);
	many[0].value.n = LABEL_SET_BYTES; /* never looked at */
	assert_int_equal(label_set_new(many, 1, false, &one, &err), -E2BIG);
}

static void read_once(void)
{
	struct json_t *root = NULL;
	struct assignments given;

	if (json_parse(slice_from("{\"name\": \"x\", \"project\": \"web\","
	                          " \"labels\": {\"a\": \"b\"}}"),
	               &root, NULL) < 0)
		return;
	if (assign_json(&given, model, KIND_FARM, root, 0, false) < 0)
		assert_int_not_equal(given.err.code, 0);
	assignments_fini(&given);
	json_free(root);
}

static void test_no_memory(void **state)
{
	size_t n;

	faults_install_mem();
	faults_count();
	read_once();
	n = faults_end();
	assert_true(n > 3);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		read_once();
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_hosts),
		TEST(test_refused),
		TEST(test_limit),
		TEST(test_written),
		TEST(test_secrets),
		TEST(test_secret_stays),
		TEST(test_times),
		TEST(test_id_and_name),
		TEST(test_only),
		cmocka_unit_test(test_label_set),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
