/* SPDX-License-Identifier: Apache-2.0 */
/* model: what is done in a transaction is there, or is not, as a whole; who
 * goes takes along what hangs on it; nobody is there twice. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"
#include "registry_kit.h"

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
	kit_make(tx, KIND_FARM, "{\"name\": \"f\", \"project\": \"web\"}");
	return 0;
}

static int end(void **state)
{
	if (tx)
		model_commit(tx);
	model_free(model);
	return 0;
}

static void next_tx(void)
{
	model_commit(tx);
	tx = model_begin(model, KIT_NOW + 10);
}

static char *dump(void)
{
	struct buf out;

	buf_init(&out, 16 << 20);
	kit_dump(model, &out);
	return buf_take(&out);
}

/* Nothing is different from what it was @before. */
static void assert_same(char *before)
{
	char *now = dump();

	assert_string_equal(now, before);
	mem_free(now);
	mem_free(before);
}

/* --- what is kept --------------------------------------------------------- */

static void test_objects(void **state)
{
	struct object *host =
		kit_make(tx, KIND_HOST,
	                 "{\"name\": \"[2001:DB8:0::1]\", \"farm\": \"web\"}");
	struct object *exporter = kit_make(
		tx, KIND_EXPORTER,
		"{\"job\": \"node\", \"port\": \"9100\", \"project_id\": 1,"
		" \"params\": {\"module\": [\"b\", \"a\"], \"x\": 1}}");
	char title[OBJECT_TITLE_MAX];

	assert_string_equal(object_text(host, HOST_NAME), "2001:db8::1");
	assert_string_equal(object_title(host, title),
	                    "host 2001:db8::1 of project web");
	assert_string_equal(object_title(exporter, title),
	                    "exporter node:9100 of project web");
	assert_string_equal(object_text(exporter, EXPORTER_SCHEME), "http");
	assert_int_equal(object_number(exporter, EXPORTER_ENABLED), 1);
	assert_int_equal(object_labels(exporter, EXPORTER_PARAMS)->n, 3);
	assert_ptr_equal(object_ref(host, HOST_FARM),
	                 model_find(model, KIND_FARM, 1));
	assert_null(model_find(model, KIND_FARM, 2));
	assert_null(model_find_name(model, KIND_SERVICE, "shops"));
	assert_null(model_find_name(model, KIND_FARM, "f"));
	kit_check(model);
}

static void test_find_key(void **state)
{
	struct object *farm = model_find(model, KIND_FARM, 1);
	struct object *host =
		kit_make(tx, KIND_HOST, "{\"name\": \"::1\", \"farm_id\": 1}");
	char *text = malloc(20000);

	memset(text, 'x', 19999);
	text[19999] = '\0';
	assert_ptr_equal(model_find_key(model, KIND_HOST, 0,
	                                (union value[]){ { .text = "[0:0::1]" },
	                                                 { .object = farm } }),
	                 host);
	assert_null(model_find_key(
		model, KIND_HOST, 0,
		(union value[]){ { .text = "::2" }, { .object = farm } }));
	assert_null(model_find_name(model, KIND_SERVICE, text));
	free(text);
}

struct duplicate {
	enum kind kind;
	const char *json, *words, *other;
};

static void test_unique(void **state)
{
	static const struct duplicate rows[] = {
		{ KIND_SHARD, "{\"name\": \"b\"}",
		  "name: there is already "
		  "shard b",
		  "{\"name\": \"c\"}" },
		{ KIND_SERVER,
		  "{\"shard\": 1, \"host\": \"[::1]\", \"port\": 9090}",
		  "host: there is already server [::1]:9090",
		  "{\"shard\": 1, \"host\": \"[::1]\", \"port\": 9091}" },
		{ KIND_SERVICE, "{\"name\": \"b\"}", "service b",
		  "{\"name\": \"B\"}" },
		{ KIND_PROJECT,
		  "{\"name\": \"b\", \"service\": \"shop\", \"shard\": 1}",
		  "project b",
		  "{\"name\": \"d\", \"service\": \"shop\", \"shard\": 1}" },
		{ KIND_FARM, "{\"name\": \"f\", \"project\": \"b\"}",
		  "farm f of project b",
		  "{\"name\": \"f\", \"project\": \"d\"}" },
		{ KIND_HOST, "{\"name\": \"h\", \"farm\": \"b\"}",
		  "host h of project b", "{\"name\": \"h\", \"farm\": \"d\"}" },
		{ KIND_EXPORTER,
		  "{\"job\": \"j\", \"port\": 1, \"project\": \"b\"}",
		  "exporter j:1 of project b",
		  "{\"job\": \"j\", \"port\": 1, \"project\": \"b\","
		  " \"scheme\": \"https\"}" },
		{ KIND_DEFAULT_EXPORTER, "{\"job\": \"j\", \"port\": 1}",
		  "default exporter j:1",
		  "{\"job\": \"j\", \"port\": 1, \"path\": \"/a\"}" },
		{ KIND_PROBE, "{\"module\": \"m\"}", "probe m",
		  "{\"module\": \"n\"}" },
		{ KIND_URL,
		  "{\"url\": \"http://a\", \"project\": \"b\", \"probe\": 1}",
		  "url http://a of project b",
		  "{\"url\": \"http://a\", \"project\": \"b\","
		  " \"probe\": \"n\"}" },
		{ KIND_RULE, "{\"name\": \"r\", \"clause\": \"up\"}", "rule r",
		  "{\"name\": \"s\", \"clause\": \"up\"}" },
		{ KIND_NOTIFIER,
		  "{\"sender\": \"slack\", \"value\": \"http://v\"}",
		  "notifier slack",
		  "{\"sender\": \"slack\", \"value\": \"http://v\","
		  " \"service\": \"b\"}" },
		{ KIND_FILTER,
		  "{\"notifier\": 1, \"name\": \"a\", \"value\": \"v\"}",
		  "filter a=v",
		  "{\"notifier\": 1, \"name\": \"a\", \"value\": \"v\","
		  " \"operator\": \"!=\"}" },
		{ KIND_NODE, "{\"ip\": \"::1\", \"shard\": 1}",
		  "node [::1]:9100", "{\"ip\": \"::2\", \"shard\": 1}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		kit_make(tx, rows[i].kind, rows[i].json);
		kit_refused(tx, rows[i].kind, rows[i].json, -EEXIST,
		            rows[i].words);
		kit_make(tx, rows[i].kind, rows[i].other);
	}
	kit_check(model);
}

/* Empty text of a field that has a fallback is as if it were not given. */
static void test_empty_is_fallback(void **state)
{
	struct object *farm = model_find(model, KIND_FARM, 1);
	struct object *filter;
	struct err err;

	kit_make(tx, KIND_NOTIFIER,
	         "{\"sender\": \"slack\", \"value\": \"http://v\"}");
	filter = kit_make(tx, KIND_FILTER,
	                  "{\"notifier\": 1, \"name\": \"a\","
	                  " \"operator\": \"\", \"value\": \"v\"}");
	assert_string_equal(object_text(filter, FILTER_OPERATOR), "=");
	assert_int_equal(kit_update(tx, filter, "{\"operator\": \"=~\"}", &err),
	                 0);
	assert_int_equal(kit_update(tx, filter, "{\"operator\": \"\"}", &err),
	                 0);
	assert_string_equal(object_text(filter, FILTER_OPERATOR), "=");
	kit_refused(tx, KIND_FILTER,
	            "{\"notifier\": 1, \"name\": \"a\", \"value\": \"v\"}",
	            -EEXIST, "filter a=v");
	assert_int_equal(kit_update(tx, farm, "{\"source\": \"\"}", &err), 0);
	assert_string_equal(object_text(farm, FARM_SOURCE), "promgen");
	kit_check(model);
}

static struct object *token(const char *name, char digit, int *rcp)
{
	struct object *object = NULL;
	char hash[65];
	struct err err;

	memset(hash, digit, 64);
	hash[64] = '\0';
	*rcp = model_create(tx, KIND_TOKEN,
	                    (struct assignment[]){
				    { TOKEN_NAME, { .text = name } },
				    { TOKEN_HASH, { .text = hash } },
				    { TOKEN_SCOPE, { .text = "read" } },
			    },
	                    3, &object, &err);
	return object;
}

static void test_two_keys(void **state)
{
	struct object *a;
	char *before;
	struct err err;
	int rc;

	a = token("a", 'a', &rc);
	assert_int_equal(rc, 0);
	assert_int_equal(object_number(a, TOKEN_CREATED_AT), KIT_NOW);
	(void)token("b", 'a', &rc);
	assert_int_equal(rc, -EEXIST);
	assert_int_equal(model_bad_field(tx), TOKEN_HASH);
	(void)token("a", 'b', &rc);
	assert_int_equal(rc, -EEXIST);
	assert_int_equal(model_bad_field(tx), TOKEN_NAME);
	(void)token("c", 'Z', &rc);
	assert_int_equal(rc, -EINVAL);
	next_tx();
	before = dump();
	assert_int_equal(kit_update(tx, a, "{\"name\": \"c\"}", &err), 0);
	(void)token("a", 'b', &rc);
	assert_int_equal(rc, 0);
	kit_check(model);
	model_rollback(tx);
	tx = NULL;
	kit_check(model);
	assert_same(before);
}

/* --- nodes ---------------------------------------------------------------- */

static void set_deleted(struct object *node, bool deleted, int code)
{
	struct err err = { 0 };

	assert_int_equal(
		model_update(tx, node,
	                     &(struct assignment){ NODE_DELETED,
	                                           { .number = deleted } },
	                     1, &err),
		code);
}

static struct object *node_of(const char *ip)
{
	return model_find_key(model, KIND_NODE, 0,
	                      &(union value){ .text = ip });
}

/* An address is there once, but for those that are deleted. */
static void test_node_comes_back(void **state)
{
	const char *json = "{\"ip\": \"192.0.2.1\", \"shard\": 1}";
	struct object *old = kit_make(tx, KIND_NODE, json);
	struct object *new;
	char *before;

	assert_int_equal(object_number(old, NODE_PORT), 9100);
	assert_int_equal(object_number(old, NODE_CREATED_AT), KIT_NOW);
	next_tx();
	set_deleted(old, true, 0);
	assert_int_equal(object_number(old, NODE_CREATED_AT), KIT_NOW);
	assert_int_equal(object_number(old, NODE_UPDATED_AT), KIT_NOW + 10);
	assert_null(node_of("192.0.2.1"));
	new = kit_make(tx, KIND_NODE, json);
	assert_ptr_equal(node_of("192.0.2.1"), new);
	kit_refused(tx, KIND_NODE, json, -EEXIST, "node 192.0.2.1:9100");
	set_deleted(old, false, -EEXIST);
	next_tx();
	before = dump();
	set_deleted(new, true, 0);
	set_deleted(old, false, 0);
	assert_ptr_equal(node_of("192.0.2.1"), old);
	kit_check(model);
	model_rollback(tx);
	tx = NULL;
	assert_same(before);
	assert_ptr_equal(node_of("192.0.2.1"), new);
	kit_check(model);
}

/* --- rules ---------------------------------------------------------------- */

#define RULE(name, more) \
	"{\"name\": \"" name "\", \"clause\": \"up == 0\"" more "}"

static void test_rule_owner(void **state)
{
	struct object *rule;
	struct err err;

	kit_refused(tx, KIND_RULE,
	            RULE("a", ", \"service\": 1, \"project\": 1"), -EINVAL,
	            "project: a rule is for a service or for a project");
	kit_refused(tx, KIND_NOTIFIER,
	            "{\"sender\": \"slack\", \"value\": \"http://v\","
	            " \"service\": 1, \"project\": 1}",
	            -EINVAL, "project: a notifier is for");
	rule = kit_make(tx, KIND_RULE, RULE("a", ", \"service\": \"shop\""));
	assert_int_equal(kit_update(tx, rule, "{\"service\": null}", &err),
	                 -EINVAL);
	assert_non_null(strstr(err.message, "service: cannot be changed"));
	assert_int_equal(model_bad_field(tx), RULE_SERVICE);
}

static void test_overrides(void **state)
{
	static const struct {
		const char *json;
		int code;
	} rows[] = {
		{ RULE("a", ", \"parent\": \"global\""), -EINVAL },
		{ RULE("b", ", \"parent\": \"global\", \"service\": 1"), 0 },
		{ RULE("c", ", \"parent\": \"global\", \"project\": 1"), 0 },
		{ RULE("d", ", \"parent\": \"mine\", \"service\": 1"),
		  -EINVAL },
		{ RULE("e", ", \"parent\": \"mine\", \"project\": 1"), 0 },
		{ RULE("f", ", \"parent\": \"other\", \"project\": 1"),
		  -EINVAL },
		{ RULE("g", ", \"parent\": \"c\", \"project\": 1"), -EINVAL },
		{ RULE("h", ", \"parent\": \"global\", \"project\": 1,"
		            " \"recording\": true"),
		  -EINVAL },
	};
	struct object *project = model_find(model, KIND_PROJECT, 1);
	struct object *mine, *child;
	struct err err;
	size_t n;

	kit_make(tx, KIND_SERVICE, "{\"name\": \"other\"}");
	kit_make(tx, KIND_RULE, RULE("global", ""));
	mine = kit_make(tx, KIND_RULE, RULE("mine", ", \"service\": 1"));
	kit_make(tx, KIND_RULE, RULE("other", ", \"service\": \"other\""));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].code)
			kit_refused(tx, KIND_RULE, rows[i].json, rows[i].code,
			            "parent: ");
		else
			kit_make(tx, KIND_RULE, rows[i].json);
	}
	/* it would leave the service whose rule it overrides */
	assert_int_equal(kit_update(tx, project, "{\"service\": 2}", &err),
	                 -EINVAL);
	assert_non_null(strstr(err.message, "service: its rule e overrides"));

	/* who overrides stays when the rule goes */
	next_tx();
	child = model_find_name(model, KIND_RULE, "e");
	assert_int_equal(model_delete(tx, mine, &err), 0);
	assert_null(object_ref(child, RULE_PARENT));
	assert_int_equal(model_records(tx, &n)[0].op, RECORD_UPDATED);
	assert_int_equal(model_records(tx, &n)[1].op, RECORD_DELETED);
	assert_int_equal(n, 2);
	assert_int_equal(kit_update(tx, project, "{\"service\": 2}", &err), 0);
	model_rollback(tx);
	tx = NULL;
	assert_ptr_equal(object_ref(child, RULE_PARENT), mine);
}

static const char *clause_of(const char *name)
{
	struct object *rule = model_find_name(model, KIND_RULE, name);

	assert_non_null(rule);
	return object_text(rule, RULE_CLAUSE);
}

/* Who overrides for a service or project names it, and follows its name. */
static void test_names_in_overrides(void **state)
{
	struct object *shop = model_find_name(model, KIND_SERVICE, "shop");
	struct object *web = model_find_name(model, KIND_PROJECT, "web");
	size_t n;

	kit_make(tx, KIND_SERVICE, "{\"name\": \"bank\"}");
	kit_make(tx, KIND_RULE,
	         "{\"name\": \"S\", \"service\": \"shop\", \"clause\":"
	         " \"up{service=\\\"shop\\\",<exclude>} or"
	         " a{service=\\\"shop\\\"} or"
	         " a{service=\\\"shop\\\",<exclude>,x=\\\"y\\\"}\"}");
	kit_make(tx, KIND_RULE,
	         "{\"name\": \"P\", \"project\": \"web\", \"clause\":"
	         " \"up{service=\\\"shop\\\",project=\\\"web\\\","
	         "<exclude>}\"}");
	kit_make(tx, KIND_RULE,
	         "{\"name\": \"Q\", \"project\": \"web\", \"clause\":"
	         " \"up{myproject=\\\"web\\\",<exclude>}\"}");
	next_tx();
	assert_int_equal(kit_update(tx, shop, "{\"name\": \"store 2\"}", NULL),
	                 0);
	assert_string_equal(clause_of("S"),
	                    "up{service=\"store 2\",<exclude>} or"
	                    " a{service=\"shop\"} or"
	                    " a{service=\"store 2\",<exclude>,x=\"y\"}");
	assert_string_equal(
		clause_of("P"),
		"up{service=\"store 2\",project=\"web\",<exclude>}");
	(void)model_records(tx, &n);
	assert_int_equal(n, 3); /* the log tells of each */
	next_tx();
	assert_int_equal(kit_update(tx, web,
	                            "{\"name\": \"www\","
	                            " \"service\": \"bank\"}",
	                            NULL),
	                 0);
	assert_string_equal(clause_of("P"),
	                    "up{service=\"bank\",project=\"www\",<exclude>}");
	assert_string_equal(clause_of("Q"), "up{myproject=\"web\",<exclude>}");
	model_rollback(tx);
	tx = model_begin(model, KIT_NOW);
	assert_string_equal(
		clause_of("P"),
		"up{service=\"store 2\",project=\"web\",<exclude>}");
}

/* … or nothing happens: the clause would be too long. */
static void test_names_do_not_fit(void **state)
{
	struct object *shop = model_find_name(model, KIND_SERVICE, "shop");
	struct err err;
	struct buf rule;
	char *before;

	buf_init(&rule, 2 * FIELD_MAX_TEXT);
	(void)buf_puts(&rule, "{\"name\": \"S\", \"service\": \"shop\","
	                      " \"clause\": \"up{service=\\\"shop\\\","
	                      "<exclude>} ");
	while (rule.n < FIELD_MAX_TEXT + 40)
		(void)buf_putc(&rule, ' ');
	(void)buf_puts(&rule, "> 0\"}");
	kit_make(tx, KIND_RULE, rule.p);
	buf_fini(&rule);
	before = dump();
	assert_int_equal(kit_update(tx, shop,
	                            "{\"name\": \"a name that is so long"
	                            " that it can be no name there\"}",
	                            &err),
	                 -EINVAL);
	assert_non_null(strstr(err.message, "rule S of service"));
	assert_int_equal(model_bad_field(tx), -1);
	assert_same(before);
}

static void test_recording(void **state)
{
	kit_make(tx, KIND_RULE, RULE("job:up:sum", ", \"recording\": true"));
	kit_refused(tx, KIND_RULE,
	            RULE("a:b", ", \"recording\": true, \"duration\": \"5m\""),
	            -EINVAL, "duration: a rule that records has none");
	kit_refused(tx, KIND_RULE,
	            RULE("a:b", ", \"recording\": true,"
	                        " \"keep_firing_for\": \"5m\""),
	            -EINVAL, "keep_firing_for: a rule that records has none");
	kit_refused(tx, KIND_RULE,
	            RULE("a:b", ", \"recording\": true,"
	                        " \"annotations\": {\"a\": \"b\"}"),
	            -EINVAL, "annotations: a rule that records has none");
}

/* --- deleting ------------------------------------------------------------- */

static void fill(void)
{
	kit_make(tx, KIND_SERVER,
	         "{\"shard\": 1, \"host\": \"prom\", \"port\": 9090}");
	kit_make(tx, KIND_HOST, "{\"name\": \"h1\", \"farm\": 1}");
	kit_make(tx, KIND_HOST, "{\"name\": \"h2\", \"farm\": 1}");
	kit_make(tx, KIND_EXPORTER,
	         "{\"job\": \"node\", \"port\": 9100, \"project\": 1}");
	kit_make(tx, KIND_PROBE, "{\"module\": \"http_2xx\"}");
	kit_make(tx, KIND_URL,
	         "{\"url\": \"http://a/\", \"project\": 1, \"probe\": 1}");
	kit_make(tx, KIND_RULE, RULE("global", ""));
	kit_make(tx, KIND_RULE,
	         RULE("s", ", \"service\": 1, \"parent\": \"global\""));
	kit_make(tx, KIND_RULE,
	         RULE("p", ", \"project\": 1, \"parent\": \"s\""));
	kit_make(tx, KIND_NOTIFIER,
	         "{\"sender\": \"slack\","
	         " \"value\": \"http://u\", \"service\": 1}");
	kit_make(tx, KIND_NOTIFIER,
	         "{\"sender\": \"slack\","
	         " \"value\": \"http://u\", \"project\": 1}");
	kit_make(tx, KIND_FILTER,
	         "{\"notifier\": 2, \"name\": \"a\", \"value\": \"b\"}");
	kit_make(tx, KIND_NODE, "{\"ip\": \"::1\", \"shard\": 1}");
}

/* How many of each kind go with it; each before those that it refers to. */
static void assert_goes(enum kind kind, const char *expected)
{
	struct object *object = model_find(model, kind, 1);
	unsigned counts[N_KINDS] = { 0 };
	char *before = dump();
	const struct record *records;
	struct buf out;
	struct err err;
	size_t n;

	assert_int_equal(model_delete(tx, object, &err), 0);
	assert_int_equal(model_delete(tx, object, &err), 0); /* it is gone */
	assert_int_equal(kit_update(tx, object, "{}", &err), -EINVAL);
	records = model_records(tx, &n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(records[i].op, RECORD_DELETED);
		assert_non_null(records[i].old);
		assert_null(records[i].new);
		assert_null(model_find(model, records[i].kind, records[i].id));
		counts[records[i].kind]++;
	}
	assert_ptr_equal(records[n - 1].object, object);
	buf_init(&out, 1000);
	for (unsigned i = 0; i < N_KINDS; i++) {
		if (counts[i])
			(void)buf_printf(&out, "%s %u ", kinds[i].name,
			                 counts[i]);
	}
	assert_string_equal(buf_text(&out), expected);
	buf_fini(&out);
	kit_check(model);
	model_rollback(tx);
	kit_check(model);
	assert_same(before);
	tx = model_begin(model, KIT_NOW);
}

static void test_cascade(void **state)
{
	fill();
	next_tx();
	assert_goes(KIND_SHARD, "shard 1 server 1 project 1 farm 1 host 2 "
	                        "exporter 1 url 1 rule 1 notifier 1 filter 1 "
	                        "node 1 ");
	assert_goes(KIND_SERVICE, "service 1 project 1 farm 1 host 2 "
	                          "exporter 1 url 1 rule 2 notifier 2 "
	                          "filter 1 ");
	assert_goes(KIND_PROJECT, "project 1 farm 1 host 2 exporter 1 url 1 "
	                          "rule 1 notifier 1 filter 1 ");
	assert_goes(KIND_FARM, "farm 1 host 2 ");
	assert_goes(KIND_PROBE, "probe 1 url 1 ");
	assert_goes(KIND_HOST, "host 1 ");
}

/* Made, changed and deleted at once: the records say so, and nothing of it is
 * left, nor is the address of what was deleted good for a ref. */
static void test_all_in_one(void **state)
{
	struct object *host = kit_make(tx, KIND_HOST,
	                               "{\"name\": \"h\", \"farm\": 1,"
	                               " \"labels\": {\"a\": \"b\"}}");
	struct object *farm = object_ref(host, HOST_FARM), *other;
	struct err err;

	assert_int_equal(
		kit_update(tx, host, "{\"name\": \"i\", \"labels\": {}}", &err),
		0);
	assert_int_equal(model_delete(tx, farm, &err), 0);
	assert_int_equal(model_create(tx, KIND_HOST,
	                              (struct assignment[]){
					      { HOST_NAME, { .text = "j" } },
					      { HOST_FARM, { .object = farm } },
				      },
	                              2, &other, &err),
	                 -EINVAL);
	assert_string_equal(err.message, "farm: is deleted");
	assert_int_equal(
		model_create(tx, KIND_HOST,
	                     (struct assignment[]){
				     { HOST_FARM,
	                               { .object = model_find(model, KIND_SHARD,
	                                                      1) } },
			     },
	                     1, &other, &err),
		-EINVAL);
	assert_string_equal(err.message, "farm: must be a farm");
	kit_check(model);
}

static void test_nothing_changes(void **state)
{
	struct object *service = model_find(model, KIND_SERVICE, 1);
	struct err err;
	size_t n;

	next_tx();
	assert_int_equal(kit_update(tx, service,
	                            "{\"name\": \"shop\", \"owner\": \"\","
	                            " \"labels\": {}}",
	                            &err),
	                 0);
	(void)model_records(tx, &n);
	assert_int_equal(n, 0);
	/* of two for one field the last counts, and may be the old one */
	assert_int_equal(
		model_update(tx, service,
	                     (struct assignment[]){
				     { SERVICE_NAME, { .text = "x" } },
				     { SERVICE_NAME, { .text = "shop" } },
			     },
	                     2, &err),
		0);
	(void)model_records(tx, &n);
	assert_int_equal(n, 0);
}

/* Children stand by age, also those that came from elsewhere. */
static void test_order(void **state)
{
	struct object *service, *moved;
	uint64_t last = 0;
	struct err err;

	service = kit_make(tx, KIND_SERVICE, "{\"name\": \"two\"}");
	for (int i = 0; i < 6; i++) {
		char json[100];

		(void)snprintf(json, sizeof(json),
		               "{\"name\": \"p%d\", \"service\": %d,"
		               " \"shard\": 1}",
		               i, 1 + i % 2);
		kit_make(tx, KIND_PROJECT, json);
	}
	for (unsigned id = 6; id >= 2; id -= 2) {
		moved = model_find(model, KIND_PROJECT, id);
		assert_int_equal(
			kit_update(tx, moved, "{\"service\": \"two\"}", &err),
			0);
	}
	assert_int_equal(
		object_n_children(service, KIND_PROJECT, PROJECT_SERVICE), 6);
	OBJECT_FOR_EACH(child, service, KIND_PROJECT, PROJECT_SERVICE)
	{
		assert_true(object_id(child) > last);
		last = object_id(child);
	}
	assert_int_equal(last, 7);
}

/* --- loading -------------------------------------------------------------- */

static void test_load(void **state)
{
	struct object *shard = model_find(model, KIND_SHARD, 1);
	union value values[KIND_MAX_FIELDS] = { 0 };
	char *text = malloc(FIELD_MAX_TEXT + 2);
	struct err err;

	model_commit(tx);
	tx = NULL;
	values[SERVER_SHARD].object = shard;
	values[SERVER_HOST].text = "prom";
	values[SERVER_PORT].number = 9090;
	assert_int_equal(
		model_load(model, KIND_SERVER, 1ull << 40, values, &err), 0);
	assert_int_equal(model_next_id(model, KIND_SERVER), (1ull << 40) + 1);
	assert_int_equal(model_load(model, KIND_SERVER, 7, values, &err),
	                 -EEXIST);
	assert_string_equal(err.message,
	                    "server 7: there is already server prom:9090");
	values[SERVER_PORT].number = 9091;
	assert_int_equal(
		model_load(model, KIND_SERVER, 1ull << 40, values, &err),
		-EINVAL);
	assert_int_equal(model_load(model, KIND_SERVER, 0, values, &err),
	                 -EINVAL);
	memset(text, 'a', FIELD_MAX_TEXT + 1);
	text[FIELD_MAX_TEXT + 1] = '\0';
	values[SERVER_HOST].text = text;
	assert_int_equal(model_load(model, KIND_SERVER, 8, values, &err),
	                 -EINVAL);
	free(text);
	values[SERVER_HOST].text = NULL;
	values[SERVER_SHARD].object = NULL;
	assert_int_equal(model_load(model, KIND_SERVER, 8, values, &err),
	                 -EINVAL);
	assert_string_equal(err.message, "server 8: shard: is required");
	assert_int_equal(model_count(model, KIND_SERVER), 1);
	model_load_next_id(model, KIND_FARM, 50);
	model_load_next_id(model, KIND_FARM, 20);
	assert_int_equal(model_next_id(model, KIND_FARM), 50);
	kit_check(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
		TEST(test_objects),
		TEST(test_find_key),
		TEST(test_unique),
		TEST(test_empty_is_fallback),
		TEST(test_two_keys),
		TEST(test_node_comes_back),
		TEST(test_rule_owner),
		TEST(test_overrides),
		TEST(test_names_in_overrides),
		TEST(test_names_do_not_fit),
		TEST(test_recording),
		TEST(test_cascade),
		TEST(test_all_in_one),
		TEST(test_nothing_changes),
		TEST(test_order),
		TEST(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
