/* SPDX-License-Identifier: Apache-2.0 */
/* documents: the exact bytes that Prometheus servers are handed. */
#include "support/cmocka.h"

#include <errno.h>
#include "proto/gunzip.h"
#include "registry/model/rule_macro.h"
#include "registry/model/rules_yaml.h"
#include "documents_kit.h"

static void expect_gzip(const struct document *document)
{
	struct gunzip *gunzip_state = NULL;
	struct err err = { 0 };
	struct buf out;

	buf_init(&out, 100000000);
	assert_int_equal(gunzip(&gunzip_state, document->gzip, &out, &err), 0);
	assert_true(slice_equal(buf_slice(&out), document->text));
	gunzip_free(gunzip_state);
	buf_fini(&out);
}

/* One of everything; returns the project. */
static struct object *make_shop(struct model_tx *tx)
{
	struct object *project;

	kit_make(tx, KIND_SHARD, "{\"name\": \"a shard\"}");
	kit_make(tx, KIND_SERVICE, "{\"name\": \"shop\"}");
	project = kit_make(tx, KIND_PROJECT,
	                   "{\"name\": \"web\", \"service\": \"shop\","
	                   " \"shard\": \"a shard\"}");
	kit_make(tx, KIND_FARM, "{\"name\": \"farm-1\", \"project\": \"web\"}");
	kit_make(tx, KIND_HOST, "{\"name\": \"b.example\", \"farm\": \"web\"}");
	kit_make(tx, KIND_HOST, "{\"name\": \"a.example\", \"farm\": \"web\"}");
	kit_make(tx, KIND_HOST,
	         "{\"name\": \"2001:db8::1\","
	         " \"farm\": \"web\"}");
	kit_make(tx, KIND_EXPORTER,
	         "{\"job\": \"node\", \"port\": 9100, \"project\": \"web\"}");
	return project;
}

#define HEAD                                                     \
	"\"__farm_source\":\"promgen\",\"__scheme__\":\"http\"," \
	"\"__shard\":\"a shard\",\"farm\":\"farm-1\","

static void test_nothing(void **state)
{
	struct kit_world world;

	kit_world_init(&world);
	kit_begin(&world);
	kit_make(world.tx, KIND_SHARD, "{\"name\": \"empty\"}");
	kit_end(&world);
	for (unsigned kind = 0; kind < N_DOCUMENT_KINDS; kind++) {
		const char *text =
			kind == DOCUMENT_RULES ? "groups: []\n" : "[]\n";

		kit_expect(&world, "empty", (enum document_kind)kind, text);
		kit_expect(&world, NULL, (enum document_kind)kind, text);
		expect_gzip(documents_get(world.documents, "empty",
		                          (enum document_kind)kind));
		assert_null(documents_get(world.documents, "other",
		                          (enum document_kind)kind));
	}
	kit_world_fini(&world);
}

static void test_targets(void **state)
{
	struct kit_world world;

	kit_world_init(&world);
	make_shop(kit_begin(&world));
	kit_make(world.tx, KIND_EXPORTER,
	         "{\"job\": \"app\", \"port\": 80, \"project\": \"web\","
	         " \"scheme\": \"https\", \"path\": \"/m\"}");
	kit_make(world.tx, KIND_EXPORTER,
	         "{\"job\": \"off\", \"port\": 81, \"project\": \"web\","
	         " \"enabled\": false}");
	kit_end(&world);
	kit_expect(&world, "a shard", DOCUMENT_TARGETS,
	           "[\n{\"labels\":{\"__farm_source\":\"promgen\","
	           "\"__metrics_path__\":\"/m\",\"__scheme__\":\"https\","
	           "\"__shard\":\"a shard\",\"farm\":\"farm-1\","
	           "\"job\":\"app\",\"project\":\"web\","
	           "\"service\":\"shop\"},\"targets\":[\"[2001:db8::1]:80\","
	           "\"a.example:80\",\"b.example:80\"]},\n"
	           "{\"labels\":{" HEAD "\"job\":\"node\",\"project\":\"web\","
	           "\"service\":\"shop\"},\"targets\":"
	           "[\"[2001:db8::1]:9100\",\"a.example:9100\","
	           "\"b.example:9100\"]}\n]\n");
	expect_gzip(documents_get(world.documents, NULL, DOCUMENT_TARGETS));
	assert_int_equal(
		documents_get(world.documents, NULL, DOCUMENT_TARGETS)->n_items,
		6);
	kit_world_fini(&world);
}

static void test_empty_farm(void **state)
{
	struct kit_world world;

	kit_world_init(&world);
	kit_begin(&world);
	kit_make(world.tx, KIND_SHARD, "{\"name\": \"a shard\"}");
	kit_make(world.tx, KIND_SERVICE, "{\"name\": \"shop\"}");
	kit_make(world.tx, KIND_PROJECT,
	         "{\"name\": \"web\", \"service\": \"shop\","
	         " \"shard\": \"a shard\"}");
	kit_make(world.tx, KIND_EXPORTER,
	         "{\"job\": \"node\", \"port\": 9100, \"project\": \"web\"}");
	kit_end(&world);
	kit_expect(&world, "a shard", DOCUMENT_TARGETS, "[]\n");
	kit_begin(&world);
	kit_make(world.tx, KIND_FARM,
	         "{\"name\": \"farm-1\", \"project\": \"web\"}");
	kit_end(&world);
	kit_expect(&world, "a shard", DOCUMENT_TARGETS,
	           "[\n{\"labels\":{" HEAD
	           "\"job\":\"node\",\"project\":\"web\","
	           "\"service\":\"shop\"},\"targets\":[]}\n]\n");
	kit_world_fini(&world);
}

/* Nearer ones count; hosts of other labels stand in a group of their own. */
static void test_labels(void **state)
{
	struct object *service, *project, *farm, *exporter;
	struct kit_world world;

	kit_world_init(&world);
	project = make_shop(kit_begin(&world));
	service = object_ref(project, PROJECT_SERVICE);
	farm = object_child(project, KIND_FARM, FARM_PROJECT, NULL);
	exporter = object_child(project, KIND_EXPORTER, EXPORTER_PROJECT, NULL);
	kit_change(world.tx, service,
	           "{\"labels\": {\"l\": \"service\", \"s\": \"1\"}}");
	kit_change(world.tx, project,
	           "{\"labels\": {\"l\": \"project\", \"p\": \"2\"}}");
	kit_change(world.tx, farm,
	           "{\"labels\": {\"l\": \"farm\", \"f\": \"3\"}}");
	kit_change(world.tx, object_child(farm, KIND_HOST, HOST_FARM, NULL),
	           "{\"labels\": {\"l\": \"host\", \"h\": \"\\\"4\\\\\"}}");
	kit_change(world.tx, exporter,
	           "{\"labels\": {\"e\": \"5\", \"h2\": \"6\"},"
	           " \"scrape_interval\": \"1m\","
	           " \"scrape_timeout\": \"10s\"}");
	kit_end(&world);
	kit_expect(
		&world, "a shard", DOCUMENT_TARGETS,
		"[\n{\"labels\":{\"__farm_source\":\"promgen\","
		"\"__scheme__\":\"http\",\"__scrape_interval__\":\"1m\","
		"\"__scrape_timeout__\":\"10s\",\"__shard\":\"a shard\","
		"\"e\":\"5\",\"f\":\"3\",\"farm\":\"farm-1\",\"h2\":\"6\","
		"\"job\":\"node\",\"l\":\"farm\",\"p\":\"2\","
		"\"project\":\"web\",\"s\":\"1\",\"service\":\"shop\"},"
		"\"targets\":[\"[2001:db8::1]:9100\",\"a.example:9100\"]},\n"
		"{\"labels\":{\"__farm_source\":\"promgen\","
		"\"__scheme__\":\"http\",\"__scrape_interval__\":\"1m\","
		"\"__scrape_timeout__\":\"10s\",\"__shard\":\"a shard\","
		"\"e\":\"5\",\"f\":\"3\",\"farm\":\"farm-1\","
		"\"h\":\"\\\"4\\\\\",\"h2\":\"6\",\"job\":\"node\","
		"\"l\":\"host\",\"p\":\"2\",\"project\":\"web\",\"s\":\"1\","
		"\"service\":\"shop\"},\"targets\":[\"b.example:9100\"]}\n]\n");
	kit_begin(&world);
	kit_change(world.tx, exporter, "{\"labels\": {\"l\": \"exporter\"}}");
	kit_delete(world.tx, object_child(farm, KIND_HOST, HOST_FARM, NULL));
	kit_end(&world);
	kit_expect_part(&world, NULL, DOCUMENT_TARGETS, "\"l\":\"exporter\"");
	kit_world_fini(&world);
}

static void test_params(void **state)
{
	struct kit_world world;
	struct object *project;

	kit_world_init(&world);
	project = make_shop(kit_begin(&world));
	kit_change(world.tx,
	           object_child(project, KIND_EXPORTER, EXPORTER_PROJECT, NULL),
	           "{\"path\": \"/probe?module=a%20b+c&x=1&module=\","
	           " \"params\": {\"target\": [\"t2\", \"t1\"],"
	           " \"x\": \"1\"}}");
	kit_delete(world.tx,
	           object_child(project, KIND_FARM, FARM_PROJECT, NULL));
	kit_make(world.tx, KIND_FARM,
	         "{\"name\": \"farm-1\", \"project\": \"web\"}");
	kit_end(&world);
#define GROUP(module, target)                                                \
	"{\"labels\":{\"__farm_source\":\"promgen\","                        \
	"\"__metrics_path__\":\"/probe\",\"__param_module\":\"" module "\"," \
	"\"__param_target\":\"" target "\",\"__param_x\":\"1\","             \
	"\"__scheme__\":\"http\",\"__shard\":\"a shard\","                   \
	"\"farm\":\"farm-1\",\"job\":\"node\",\"param_module\":\"" module    \
	"\",\"param_target\":\"" target "\",\"project\":\"web\","            \
	"\"service\":\"shop\"},\"targets\":[]}"
	kit_expect(
		&world, NULL, DOCUMENT_TARGETS,
		"[\n" GROUP("a b c", "t2") ",\n" GROUP(
			"a b c",
			"t1") ",\n" GROUP("", "t2") ",\n" GROUP("",
	                                                        "t1") "\n]\n");
	kit_world_fini(&world);
}

static void test_urls(void **state)
{
	struct kit_world world;

	kit_world_init(&world);
	make_shop(kit_begin(&world));
	kit_make(world.tx, KIND_PROBE, "{\"module\": \"http_2xx\"}");
	kit_make(world.tx, KIND_PROBE, "{\"module\": \"cert\"}");
	kit_make(world.tx, KIND_URL,
	         "{\"url\": \"https://b.example/?a=1&b=2\","
	         " \"project\": \"web\", \"probe\": \"http_2xx\"}");
	kit_make(world.tx, KIND_URL,
	         "{\"url\": \"https://a.example/\", \"project\": \"web\","
	         " \"probe\": \"http_2xx\"}");
	kit_make(world.tx, KIND_URL,
	         "{\"url\": \"https://a.example/\", \"project\": \"web\","
	         " \"probe\": \"cert\"}");
	kit_end(&world);
	kit_expect(&world, "a shard", DOCUMENT_URLS,
	           "[\n{\"labels\":{\"__param_module\":\"cert\","
	           "\"__shard\":\"a shard\",\"job\":\"cert\","
	           "\"project\":\"web\",\"service\":\"shop\"},"
	           "\"targets\":[\"https://a.example/\"]},\n"
	           "{\"labels\":{\"__param_module\":\"http_2xx\","
	           "\"__shard\":\"a shard\",\"job\":\"http_2xx\","
	           "\"project\":\"web\",\"service\":\"shop\"},"
	           "\"targets\":[\"https://a.example/\","
	           "\"https://b.example/?a=1&b=2\"]}\n]\n");
	kit_world_fini(&world);
}

static void test_nodes(void **state)
{
	struct kit_world world;
	struct object *node;

	kit_world_init(&world);
	make_shop(kit_begin(&world));
	kit_make(world.tx, KIND_NODE,
	         "{\"ip\": \"192.0.2.9\", \"shard\": \"a shard\"}");
	node = kit_make(world.tx, KIND_NODE,
	                "{\"ip\": \"192.0.2.8\", \"shard\": \"a shard\"}");
	kit_make(world.tx, KIND_NODE,
	         "{\"ip\": \"2001:db8::9\", \"port\": 9101,"
	         " \"shard\": \"a shard\"}");
	kit_delete(world.tx, node);
	kit_delete(world.tx,
	           model_find_name(world.model, KIND_SERVICE, "shop"));
	kit_end(&world);
	kit_expect(&world, "a shard", DOCUMENT_TARGETS,
	           "[\n{\"labels\":{\"__scheme__\":\"http\","
	           "\"__shard\":\"a shard\",\"job\":\"node\"},"
	           "\"targets\":[\"192.0.2.9:9100\","
	           "\"[2001:db8::9]:9101\"]}\n]\n");
	kit_expect(&world, "a shard", DOCUMENT_NODES,
	           "[\n{\"id\":1,\"ip\":\"192.0.2.9\",\"port\":9100},\n"
	           "{\"id\":3,\"ip\":\"2001:db8::9\",\"port\":9101}\n]\n");
	kit_world_fini(&world);
}

/* --- rules ----------------------------------------------------------------- */

static void make_rules(struct model_tx *tx)
{
	kit_make(tx, KIND_RULE,
	         "{\"name\": \"Down\", \"clause\": \"up{<exclude>} == 0\","
	         " \"duration\": \"5m\", \"labels\": {\"service\": \"no\","
	         " \"a\": \"1\", \"z\": \"2\"}, \"annotations\":"
	         " {\"summary\": \"{{ $labels.instance }}: down\\n\"}}");
	kit_make(tx, KIND_RULE,
	         "{\"name\": \"DownShop\", \"clause\":"
	         " \"up{service=\\\"shop\\\",<exclude>} == 0\","
	         " \"service\": \"shop\", \"parent\": \"Down\"}");
	kit_make(tx, KIND_RULE,
	         "{\"name\": \"DownWeb\", \"clause\": \"up == 0\","
	         " \"project\": \"web\", \"parent\": \"DownShop\","
	         " \"labels\": {\"x\": \"1\"}, \"keep_firing_for\": \"1m\"}");
	kit_make(tx, KIND_RULE,
	         "{\"name\": \"a:b\", \"recording\": true,"
	         " \"clause\": \"sum(up)\", \"interval\": \"30s\"}");
}

#define DOWN(macro)                                                    \
	"groups:\n- name: \"global\"\n  rules:\n  - alert: \"Down\"\n" \
	"    expr: \"up{" macro "} == 0\"\n    for: \"5m\"\n"          \
	"    labels:\n      \"a\": \"1\"\n      \"z\": \"2\"\n"        \
	"    annotations:\n      \"summary\": \""                      \
	"{{ $labels.instance }}: down\\n\"\n"                          \
	"- name: \"global (30s)\"\n  interval: \"30s\"\n  rules:\n"    \
	"  - record: \"a:b\"\n    expr: \"sum(up)\"\n"
#define SHOP(macro)                                               \
	"- name: \"shop\"\n  rules:\n  - alert: \"DownShop\"\n"   \
	"    expr: \"up{service=\\\"shop\\\"," macro "} == 0\"\n" \
	"    labels:\n      \"service\": \"shop\"\n"
#define WEB                                                           \
	"- name: \"shop » web\"\n  rules:\n  - alert: \"DownWeb\"\n" \
	"    expr: \"up == 0\"\n    keep_firing_for: \"1m\"\n"        \
	"    labels:\n      \"project\": \"web\"\n"                   \
	"      \"service\": \"shop\"\n      \"x\": \"1\"\n"

static void test_rules(void **state)
{
	struct kit_world world;

	kit_world_init(&world);
	make_shop(kit_begin(&world));
	kit_make(world.tx, KIND_SHARD, "{\"name\": \"other\"}");
	make_rules(world.tx);
	kit_end(&world);
	kit_expect(&world, "a shard", DOCUMENT_RULES,
	           DOWN("service!~\\\"shop\\\"") SHOP("project!~\\\"web\\\"")
	                   WEB);
	kit_expect(&world, "other", DOCUMENT_RULES,
	           DOWN("service!~\\\"shop\\\""));
	expect_gzip(documents_get(world.documents, "a shard", DOCUMENT_RULES));

	/* who is disabled leaves no gap, and hides nobody */
	kit_begin(&world);
	kit_change(world.tx,
	           model_find_name(world.model, KIND_RULE, "DownShop"),
	           "{\"enabled\": false}");
	kit_end(&world);
	kit_expect(&world, "a shard", DOCUMENT_RULES,
	           DOWN("project!~\\\"web\\\"") WEB);

	kit_begin(&world);
	kit_change(world.tx, model_find_name(world.model, KIND_RULE, "DownWeb"),
	           "{\"enabled\": false}");
	kit_end(&world);
	kit_expect(&world, "a shard", DOCUMENT_RULES, DOWN(""));
	kit_world_fini(&world);
}

static void test_renames(void **state)
{
	struct kit_world world;
	struct object *project;

	kit_world_init(&world);
	project = make_shop(kit_begin(&world));
	make_rules(world.tx);
	kit_end(&world);
	kit_begin(&world);
	kit_change(world.tx, object_ref(project, PROJECT_SERVICE),
	           "{\"name\": \"s2\"}");
	kit_end(&world);
	kit_expect_part(&world, "a shard", DOCUMENT_RULES,
	                "- name: \"s2 » web\"");
	kit_expect_part(&world, "a shard", DOCUMENT_RULES,
	                "service!~\\\"s2\\\"");
	kit_expect_part(&world, "a shard", DOCUMENT_TARGETS,
	                "\"service\":\"s2\"");
	kit_begin(&world);
	kit_change(world.tx, object_ref(project, PROJECT_SHARD),
	           "{\"name\": \"s3\"}");
	kit_change(world.tx, project, "{\"name\": \"p2\"}");
	kit_change(world.tx,
	           object_child(project, KIND_FARM, FARM_PROJECT, NULL),
	           "{\"name\": \"f2\"}");
	kit_end(&world);
	assert_null(
		documents_get(world.documents, "a shard", DOCUMENT_TARGETS));
	kit_expect_part(&world, "s3", DOCUMENT_RULES, "- name: \"s2 » p2\"");
	kit_expect_part(&world, "s3", DOCUMENT_RULES, "project!~\\\"p2\\\"");
	kit_expect_part(&world, "s3", DOCUMENT_TARGETS,
	                "\"__shard\":\"s3\",\"farm\":\"f2\",\"job\":"
	                "\"node\",\"project\":\"p2\"");
	kit_world_fini(&world);
}

/* Members NAME0 … of so many bytes each. */
static void many(struct buf *json, const char *before, unsigned n,
                 const char *name, unsigned n_text, const char *after)
{
	buf_init(json, 1 << 20);
	(void)buf_puts(json, before);
	for (unsigned i = 0; i < n; i++) {
		(void)buf_printf(json, "%s\"%s%u\": \"", i ? "," : "", name, i);
		for (unsigned at = 0; at < n_text; at++)
			(void)buf_putc(json, 'x');
		(void)buf_putc(json, '"');
	}
	assert_int_equal(buf_puts(json, after), 0);
}

/* Of which each has a group of its own. */
static void make_hosts(struct model_tx *tx, unsigned from, unsigned to)
{
	for (; from < to; from++) {
		char host[128];

		(void)snprintf(host, sizeof(host),
		               "{\"name\": \"h%u\", \"farm\": 1,"
		               " \"labels\": {\"h\": \"%u\"}}",
		               from, from);
		kit_make(tx, KIND_HOST, host);
	}
}

static void make_huge(struct model_tx *tx)
{
	struct buf json;

	many(&json,
	     "{\"name\": \"huge\", \"service\": \"s\","
	     " \"shard\": \"one\", \"labels\": {",
	     30, "l", 2000, "}}");
	kit_make(tx, KIND_PROJECT, json.p);
	buf_fini(&json);
	kit_make(tx, KIND_FARM, "{\"name\": \"f\", \"project\": \"huge\"}");
	make_hosts(tx, 0, 1);
	buf_init(&json, 4096);
	(void)buf_puts(&json, "{\"job\": \"j\", \"project\": \"huge\","
	                      " \"port\": 1, \"params\": {\"p\": [\"0\"");
	for (unsigned i = 1; i < 64; i++)
		(void)buf_printf(&json, ", \"%u\"", i);
	(void)buf_puts(&json, "]}}");
	kit_make(tx, KIND_EXPORTER, json.p);
	buf_fini(&json);
}

/* What would be too large holds nobody else up, and is as it was. */
static void test_too_large(void **state)
{
	char title[OBJECT_TITLE_MAX];
	struct kit_world world;
	struct object *project;

	kit_world_init(&world);
	kit_begin(&world);
	kit_make(world.tx, KIND_SHARD, "{\"name\": \"one\"}");
	kit_make(world.tx, KIND_SHARD, "{\"name\": \"two\"}");
	kit_make(world.tx, KIND_SERVICE, "{\"name\": \"s\"}");
	project = kit_make(world.tx, KIND_PROJECT,
	                   "{\"name\": \"small\", \"service\": \"s\","
	                   " \"shard\": \"two\"}");
	make_huge(world.tx);
	kit_end(&world);
	assert_int_equal(documents_n_too_large(world.documents, title), 0);

	kit_begin(&world);
	make_hosts(world.tx, 1, 20);
	kit_make(world.tx, KIND_RULE,
	         "{\"name\": \"R\", \"clause\": \"up\","
	         " \"project\": \"small\"}");
	kit_end(&world);
	kit_expect_part(&world, "two", DOCUMENT_RULES, "\"R\"");
	kit_expect_part(&world, "one", DOCUMENT_TARGETS, "\"h0:1\"");
	assert_int_equal(documents_get(world.documents, "one", DOCUMENT_TARGETS)
	                         ->n_items,
	                 64);
	assert_int_equal(documents_n_too_large(world.documents, title), 1);
	assert_string_equal(title, "project huge");

	/* the first time, too, as after a start */
	kit_restart(&world);
	kit_begin(&world);
	kit_change(world.tx, project, "{\"name\": \"small2\"}");
	kit_end(&world);
	kit_expect_part(&world, "two", DOCUMENT_RULES, "small2");

	kit_begin(&world);
	kit_delete(world.tx,
	           model_find_name(world.model, KIND_PROJECT, "huge"));
	kit_end(&world);
	assert_int_equal(documents_n_too_large(world.documents, title), 0);
	kit_expect(&world, "one", DOCUMENT_TARGETS, "[]\n");
	kit_world_fini(&world);
}

static void test_macro(void **state)
{
	static const struct row {
		const char *clause;
		bool overridden;
		const char *expected;
	} rows[] = {
		{ "up", true, "up" },
		{ "up{<exclude>}", false, "up{}" },
		{ "up{<exclude>,a=\"b\"}", false, "up{a=\"b\"}" },
		{ "up{a=\"b\",<exclude> , c=\"d\"}", false,
		  "up{a=\"b\", c=\"d\"}" },
		{ "up{a=\"b\",<exclude>}", false, "up{a=\"b\",}" },
		{ "up{<exclude>} or up{<exclude>,a=\"b\"}", true,
		  "up{project!~\"p\\\\.1\",service!~\"s 2|s\\\\.1\"} or "
		  "up{project!~\"p\\\\.1\",service!~\"s 2|s\\\\.1\",a=\"b\"}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_writer json;
		struct kit_world world;
		struct object *rule;
		struct buf text;

		buf_init(&text, 1000);
		json_write_init(&json, &text);
		json_write_object(&json);
		json_write_key(&json, "name");
		json_write_string(&json, "R");
		json_write_key(&json, "clause");
		json_write_string(&json, rows[i].clause);
		json_write_object_end(&json);
		kit_world_init(&world);
		kit_begin(&world);
		kit_make(world.tx, KIND_SHARD, "{\"name\": \"x\"}");
		kit_make(world.tx, KIND_SERVICE, "{\"name\": \"s.1\"}");
		kit_make(world.tx, KIND_SERVICE, "{\"name\": \"s 2\"}");
		kit_make(world.tx, KIND_PROJECT,
		         "{\"name\": \"p.1\", \"service\": \"s 2\","
		         " \"shard\": \"x\"}");
		rule = kit_make(world.tx, KIND_RULE, text.p);
		for (unsigned at = 0; rows[i].overridden && at < 3; at++) {
			static const char *const by[] = {
				"{\"name\": \"A\", \"service\": \"s 2\","
				" \"parent\": \"R\", \"clause\": \"up\"}",
				"{\"name\": \"B\", \"service\": \"s.1\","
				" \"parent\": \"R\", \"clause\": \"up\"}",
				"{\"name\": \"C\", \"project\": \"p.1\","
				" \"parent\": \"R\", \"clause\": \"up\"}",
			};

			kit_make(world.tx, KIND_RULE, by[at]);
		}
		buf_reset(&text);
		assert_int_equal(rule_macro_expand(rule, &text), 0);
		assert_string_equal(text.p, rows[i].expected);
		kit_end(&world);
		buf_fini(&text);
		kit_world_fini(&world);
	}
}

static void test_rules_as_they_are_now(void **state)
{
	const struct record *records;
	struct kit_world world;
	struct buf text;
	size_t n;

	kit_world_init(&world);
	make_shop(kit_begin(&world));
	buf_init(&text, 100000);
	assert_int_equal(documents_rules_text(world.documents, NULL, 0, &text),
	                 0);
	assert_string_equal(text.p, "groups: []\n");
	make_rules(world.tx);
	buf_reset(&text);
	assert_int_equal(documents_rules_text(world.documents, NULL, 0, &text),
	                 0);
	assert_string_equal(text.p, DOWN("service!~\\\"shop\\\"")
	                                    SHOP("project!~\\\"web\\\"") WEB);
	kit_end(&world);

	kit_begin(&world);
	kit_change(world.tx, model_find_name(world.model, KIND_RULE, "DownWeb"),
	           "{\"parent\": null}");
	records = model_records(world.tx, &n);
	buf_reset(&text);
	assert_int_equal(
		documents_rules_text(world.documents, records, n, &text), 0);
	assert_string_equal(text.p, DOWN("service!~\\\"shop\\\"") SHOP("") WEB);
	model_rollback(world.tx);
	buf_fini(&text);
	kit_world_fini(&world);
}

static void test_of_one_owner(void **state)
{
	struct object *service, *project;
	struct kit_world world;
	struct buf text;

	kit_world_init(&world);
	project = make_shop(kit_begin(&world));
	service = object_ref(project, PROJECT_SERVICE);
	make_rules(world.tx);
	kit_change(world.tx, model_find_name(world.model, KIND_RULE, "DownWeb"),
	           "{\"enabled\": false}");
	kit_end(&world);
	buf_init(&text, 100000);
	assert_int_equal(documents_of(world.documents, service,
	                              DOCUMENT_TARGETS, false, &text),
	                 0);
	kit_expect(&world, NULL, DOCUMENT_TARGETS, text.p);
	buf_reset(&text);
	assert_int_equal(documents_of(world.documents, project,
	                              DOCUMENT_TARGETS, false, &text),
	                 0);
	kit_expect(&world, NULL, DOCUMENT_TARGETS, text.p);
	buf_reset(&text);
	assert_int_equal(documents_of(world.documents, project, DOCUMENT_URLS,
	                              false, &text),
	                 0);
	assert_string_equal(text.p, "[]\n");
	buf_reset(&text);
	assert_int_equal(documents_of(world.documents, project, DOCUMENT_RULES,
	                              false, &text),
	                 0);
	assert_string_equal(text.p, "groups: []\n");
	buf_reset(&text);
	assert_int_equal(documents_of(world.documents, project, DOCUMENT_RULES,
	                              true, &text),
	                 0);
	assert_string_equal(text.p, "groups:\n" WEB);
	buf_fini(&text);
	kit_world_fini(&world);
}

/* --- text ------------------------------------------------------------------- */

static void test_yaml_text(void **state)
{
	static const struct row {
		const char *text;
		const char *expected;
	} rows[] = {
		{ "", "\"\"" },
		{ "a: b # c", "\"a: b # c\"" },
		{ "no", "\"no\"" },
		{ "\"\\\n\t\r", "\"\\\"\\\\\\n\\t\\u000d\"" },
		{ "\x01\x7f", "\"\\u0001\\u007f\"" },
		{ "\xc2\x85", "\"\\u0085\"" },
		{ "\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"" },
		{ "\xef\xbb\xbf", "\"\\ufeff\"" },
		{ "\xc2\xbb\xe3\x81\x82", "\"\xc2\xbb\xe3\x81\x82\"" },
		{ "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
		{ "\xff", "\"\\ufffd\"" },
	};
	struct buf out;

	buf_init(&out, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		buf_reset(&out);
		yaml_write_text(&out, slice_from(rows[i].text));
		assert_string_equal(out.p, rows[i].expected);
	}
	buf_fini(&out);
}

static void test_link(void **state)
{
	const struct documents_options options = {
		"shop", "https://bouncer.example//"
	};
	struct documents *documents;
	struct kit_world world;
	struct err err;

	kit_world_init(&world);
	make_shop(kit_begin(&world));
	kit_make(world.tx, KIND_RULE,
	         "{\"name\": \"R\", \"clause\": \"up\","
	         " \"service\": \"shop\", \"annotations\":"
	         " {\"a\": \"1\", \"z\": \"2\", \"rule\": \"3\"}}");
	kit_end(&world);
	documents = documents_new(world.model, &options);
	assert_non_null(documents);
	assert_int_equal(documents_render(documents, 1, NULL, NULL, &err), 0);
	assert_true(
		slice_is(documents_get(documents, NULL, DOCUMENT_RULES)->text,
	                 "groups:\n- name: \"shop (service)\"\n  rules:\n"
	                 "  - alert: \"R\"\n    expr: \"up\"\n    labels:\n"
	                 "      \"service\": \"shop\"\n    annotations:\n"
	                 "      \"a\": \"1\"\n"
	                 "      \"rule\": \"https://bouncer.example/rule/1\"\n"
	                 "      \"z\": \"2\"\n"));
	documents_free(documents);
	kit_world_fini(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_empty_farm),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_renames),
		cmocka_unit_test(test_macro),
		cmocka_unit_test(test_rules_as_they_are_now),
		cmocka_unit_test(test_of_one_owner),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_yaml_text),
		cmocka_unit_test(test_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
