/* SPDX-License-Identifier: Apache-2.0 */
/* The portable document and the plan: what is exported comes back as it was,
 * whatever was there before, and what is wrong is said with its place. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "proto/json.h"
#include "registry/model/plan.h"
#include "registry/model/portable.h"
#include "support/faults.h"
#include "registry_kit.h"

#define TEXT_MAX (16 << 20)

/* --- the kit -------------------------------------------------------------- */

static char *export_text(const struct model *model, bool secrets, bool json)
{
	struct portable portable;
	struct buf out;
	char *text;

	buf_init(&out, TEXT_MAX);
	assert_int_equal(portable_init(&portable), 0);
	assert_int_equal(portable_take(&portable, model, secrets), 0);
	assert_int_equal(json ? portable_write_json(&portable, &out)
	                      : portable_write_yaml(&portable, &out),
	                 0);
	portable_fini(&portable);
	text = buf_take(&out);
	assert_non_null(text);
	return text;
}

static void write_plan(const struct record *records, size_t n, struct buf *out)
{
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	plan_write_json(records, n, &json);
	json_write_object_end(&json);
}

/* A line for each change. */
static void put_plan(const struct record *records, size_t n, struct buf *out)
{
	const struct json_t *changes;
	struct json_t *root;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	write_plan(records, n, &text);
	assert_int_equal(json_parse(buf_slice(&text), &root, NULL), 0);
	changes = json_get(root, "changes");
	assert_int_equal(json_count(changes), n);
	for (size_t i = 0; i < n; i++)
		(void)buf_printf(out, "%s\n",
		                 json_as_string(json_get(json_item(changes, i),
		                                         "text")));
	json_free(root);
	buf_fini(&text);
}

/* The plan's lines, or the words of what is wrong; mem_free(). */
static int try_apply(struct model *model, const char *text,
                     struct plan_options options, char **wordsp)
{
	struct portable portable;
	struct model_tx *tx;
	struct err err = { 0 };
	struct buf words;
	size_t n = 0;
	int r;

	buf_init(&words, TEXT_MAX);
	assert_int_equal(portable_init(&portable), 0);
	r = portable_read(&portable, "a.yml", slice_from(text), &words);
	if (r == 0) {
		tx = model_begin(model, KIT_NOW);
		assert_non_null(tx);
		r = plan_apply(tx, &portable, &options, &err);
		if (r < 0) {
			(void)buf_puts(&words, err.message);
			model_rollback(tx);
		} else {
			const struct record *records = model_records(tx, &n);

			put_plan(records, n, &words);
			model_commit(tx);
		}
	}
	portable_fini(&portable);
	(void)buf_puts(&words, "");
	*wordsp = words.n ? buf_take(&words) : mem_strdup("");
	assert_non_null(*wordsp);
	buf_fini(&words);
	return r;
}

static void apply(struct model *model, const char *text,
                  struct plan_options options, const char *expected)
{
	char *words;

	assert_int_equal(try_apply(model, text, options, &words), 0);
	if (expected)
		assert_string_equal(words, expected);
	mem_free(words);
}

static void refuse(struct model *model, const char *text,
                   struct plan_options options, const char *expected)
{
	char *words;
	char *before = export_text(model, true, false);
	char *after;

	assert_int_not_equal(try_apply(model, text, options, &words), 0);
	assert_string_equal(words, expected);
	after = export_text(model, true, false);
	assert_string_equal(before, after);
	mem_free(words);
	mem_free(before);
	mem_free(after);
}

static const struct plan_options whole = { .prune = true };
static const struct plan_options some = { .partial = true };
static const struct plan_options adding = { 0 };

static struct model *new_model(void)
{
	struct model *model = model_new(7);

	assert_non_null(model);
	return model;
}

/* --- random models -------------------------------------------------------- */

static uint32_t seed;

static unsigned any(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Texts that a careless writer of YAML would spoil. */
static const char *any_text(void)
{
	static const char *const texts[] = {
		"plain",
		"two words",
		"yes",
		"NULL",
		"~",
		"1e5",
		"0x1f",
		"2026-11-21",
		"12:30:45",
		"a: b",
		"a #b",
		"# a",
		"- a",
		"[a]",
		"{a}",
		"'a'",
		"\\\"a\\\"",
		"back\\\\slash",
		" front",
		"end ",
		"a:",
		"*a",
		"&a",
		"!a",
		"%a",
		"@a",
		"`a`",
		"?",
		"=",
		"<<",
		"...",
		"---",
		"Grüße, 世界 😀",
		"5m",
		"192.0.2.1",
		"1.2.3",
		"+1",
		"-1",
		".5",
		"0",
		"on",
		"\\u2028x",
		"$labels",
		"{{ $value }}",
	};

	return texts[any(ARRAY_SIZE(texts))];
}

static const char *any_lines(void)
{
	static const char *const texts[] = {
		"one\\ntwo",
		"sum by (job) (\\n  rate(x[5m])\\n) > 3",
		" indented\\nfirst",
		"end\\n",
		"a\\n\\nb",
		"a \\nb",
		"a\\tb",
		"up == 0",
	};

	return texts[any(ARRAY_SIZE(texts))];
}

static const char *any_labels(char *out, size_t size, bool several)
{
	char first[160];

	(void)snprintf(first, sizeof(first), "\"l%u\":\"%s\"", any(3),
	               any_text());
	if (any(3) == 0)
		(void)snprintf(out, size, "{}");
	else if (several && any(2))
		(void)snprintf(out, size, "{%s,\"p%u\":[\"%s\",\"%u\"]}", first,
		               3 + any(3), "a b", any(100));
	else
		(void)snprintf(out, size, "{%s,\"m%u\":\"%s\"}", first, any(3),
		               any_text());
	return out;
}

/* Makes one; what is there already by that key is no matter. */
static void make(struct model_tx *tx, enum kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);
static void make(struct model_tx *tx, enum kind kind, const char *format, ...)
{
	struct object *object;
	struct err err = { 0 };
	char text[4096];
	va_list args;
	int r;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	r = kit_create(tx, kind, text, &object, &err);
	if (r != 0 && r != -EEXIST)
		fail_msg("%s: %s", text, err.message);
}

static uint64_t any_id(struct model_tx *tx, enum kind kind)
{
	const struct model *model = model_of(tx);
	unsigned nth = any(model_count(model, kind));
	struct object *object = model_next(model, kind, NULL);

	while (nth--)
		object = model_next(model, kind, object);
	return object_id(object);
}

static void make_leaves(struct model_tx *tx)
{
	char labels[1024];
	unsigned long long project = any_id(tx, KIND_PROJECT);
	unsigned long long farm = any_id(tx, KIND_FARM);

	make(tx, KIND_HOST, "{\"name\":\"web-%u\",\"farm\":%llu,\"labels\":%s}",
	     any(50), farm, any_labels(labels, sizeof(labels), false));
	make(tx, KIND_HOST, "{\"name\":\"2001:db8::%u\",\"farm\":%llu}",
	     any(50), farm);
	make(tx, KIND_EXPORTER,
	     "{\"job\":\"job%u\",\"project\":%llu,\"port\":%u,\"path\":\"%s\","
	     "\"scheme\":\"%s\",\"enabled\":%s,\"params\":%s,"
	     "\"scrape_interval\":\"%s\"}",
	     any(4), project, 9100 + any(20), any(2) ? "/metrics" : "",
	     any(2) ? "http" : "https", any(2) ? "true" : "false",
	     any_labels(labels, sizeof(labels), true), any(2) ? "30s" : "");
	make(tx, KIND_URL,
	     "{\"url\":\"https://example.com/%u\",\"project\":%llu,"
	     "\"probe\":%llu}",
	     any(30), project, (unsigned long long)any_id(tx, KIND_PROBE));
	make(tx, KIND_SERVER,
	     "{\"host\":\"prom-%u\",\"port\":%u,\"shard\":%llu}", any(9),
	     9090 + any(2), (unsigned long long)any_id(tx, KIND_SHARD));
	make(tx, KIND_NODE,
	     "{\"ip\":\"192.0.2.%u\",\"port\":%u,\"comment\":\"%s\","
	     "\"shard\":%llu}",
	     any(250), any(2) ? 9100 : 9200, any_text(),
	     (unsigned long long)any_id(tx, KIND_SHARD));
}

static void make_rule(struct model_tx *tx)
{
	char labels[1024];
	char owner[64] = "";

	if (any(3) == 0)
		(void)snprintf(owner, sizeof(owner), ",\"service\":%llu",
		               (unsigned long long)any_id(tx, KIND_SERVICE));
	else if (any(2))
		(void)snprintf(owner, sizeof(owner), ",\"project\":%llu",
		               (unsigned long long)any_id(tx, KIND_PROJECT));
	if (any(4) == 0)
		make(tx, KIND_RULE,
		     "{\"name\":\"job:x%u:sum\",\"recording\":true,"
		     "\"clause\":\"%s\",\"interval\":\"%s\"%s}",
		     any(40), any_lines(), any(2) ? "1m" : "", owner);
	else
		make(tx, KIND_RULE,
		     "{\"name\":\"Rule%u\",\"clause\":\"%s\",\"duration\":"
		     "\"5m\","
		     "\"description\":\"%s\",\"annotations\":%s,"
		     "\"enabled\":%s%s}",
		     any(40), any_lines(), any_lines(),
		     any_labels(labels, sizeof(labels), false),
		     any(2) ? "true" : "false", owner);
}

static void make_notifier(struct model_tx *tx)
{
	unsigned long long service = any_id(tx, KIND_SERVICE);
	struct object *notifier;
	struct err err = { 0 };
	char text[512];

	(void)snprintf(text, sizeof(text),
	               "{\"sender\":\"webhook\",\"value\":\"http://x/%u\","
	               "\"alias\":\"%s\",\"match\":\"%s\"%s}",
	               any(100), any(2) ? "" : any_text(),
	               any(2) ? "any" : "all", "");
	if (any(2))
		(void)snprintf(text, sizeof(text),
		               "{\"sender\":\"webhook\",\"service\":%llu,"
		               "\"value\":\"http://y/%u\"}",
		               service, any(100));
	if (kit_create(tx, KIND_NOTIFIER, text, &notifier, &err) < 0)
		return;
	for (unsigned i = any(3); i; i--)
		make(tx, KIND_FILTER,
		     "{\"notifier\":%llu,\"name\":\"severity\","
		     "\"operator\":\"%s\",\"value\":\"%s\"}",
		     (unsigned long long)object_id(notifier),
		     any(2) ? "=" : "!=", any_text());
}

static struct model *any_model(uint32_t random)
{
	struct model *model = new_model();
	struct model_tx *tx = model_begin(model, KIT_NOW);
	char labels[1024];
	unsigned n = 1 + random % 4;

	assert_non_null(tx);
	seed = random * 2654435761u;
	for (unsigned i = 0; i < n; i++) {
		make(tx, KIND_SHARD,
		     "{\"name\":\"shard%u\",\"samples\":%u,\"proxy\":%s,"
		     "\"authorization\":\"Bearer %u\"}",
		     any(6), any(2) ? 5000000 : 77, any(2) ? "true" : "false",
		     any(9));
		make(tx, KIND_PROBE,
		     "{\"module\":\"http_%u\",\"description\":\"%s\"}", i,
		     any_lines());
		make(tx, KIND_DEFAULT_EXPORTER,
		     "{\"job\":\"node\",\"port\":%u}", 9100 + any(9));
		make(tx, KIND_SERVICE,
		     "{\"name\":\"service %u\",\"owner\":\"%s\",\"labels\":%s}",
		     any(9), any_text(),
		     any_labels(labels, sizeof(labels), false));
	}
	for (unsigned i = 0; i < 2 * n; i++) {
		make(tx, KIND_PROJECT,
		     "{\"name\":\"project-%u\",\"service\":%llu,"
		     "\"shard\":%llu,\"description\":\"%s\"}",
		     any(20), (unsigned long long)any_id(tx, KIND_SERVICE),
		     (unsigned long long)any_id(tx, KIND_SHARD), any_lines());
		make(tx, KIND_FARM,
		     "{\"name\":\"farm-%u\",\"project\":%llu,\"labels\":%s}",
		     any(9), (unsigned long long)any_id(tx, KIND_PROJECT),
		     any_labels(labels, sizeof(labels), false));
	}
	for (unsigned i = 0; i < 10 * n; i++) {
		make_leaves(tx);
		make_rule(tx);
		make_notifier(tx);
	}
	model_commit(tx);
	return model;
}

static void assert_same(const struct model *a, const struct model *b)
{
	char *x = export_text(a, true, false);
	char *y = export_text(b, true, false);

	if (strcmp(x, y) != 0)
		(void)fprintf(stderr, "%s\n=========\n%s\n", x, y);
	assert_string_equal(x, y);
	mem_free(x);
	mem_free(y);
	x = export_text(a, true, true);
	y = export_text(b, true, true);
	assert_string_equal(x, y);
	mem_free(x);
	mem_free(y);
}

/* --- the property --------------------------------------------------------- */

static void test_round_trip(void **state)
{
	(void)state;
	for (uint32_t random = 1; random <= 30; random++) {
		struct model *model = any_model(random);
		struct model *copy = new_model();
		char *text = export_text(model, true, random % 2);

		apply(copy, text, random % 3 ? whole : adding, NULL);
		assert_same(model, copy);
		apply(copy, text, whole, "");
		apply(copy, text, adding, "");
		apply(copy, text, some, "");
		mem_free(text);
		/* without secrets nothing is lost, either */
		text = export_text(model, false, random % 2);
		assert_null(strstr(text, "http://y/"));
		assert_null(strstr(text, "Bearer"));
		apply(copy, text, whole, "");
		mem_free(text);
		model_free(model);
		model_free(copy);
	}
}

/* Whatever was there: a whole document leaves what it says. */
static void test_from_any_to_any(void **state)
{
	(void)state;
	for (uint32_t random = 1; random <= 30; random++) {
		struct model *model = any_model(random);
		struct model *other = any_model(random + 1000);
		char *text = export_text(model, true, random % 2);

		apply(other, text, whole, NULL);
		assert_same(model, other);
		apply(other, text, whole, "");
		mem_free(text);
		model_free(model);
		model_free(other);
	}
}

/* --- plans in words ------------------------------------------------------- */

static const char shop[] = "shards: [tokyo]\n"
			   "services:\n"
			   "  - name: shop\n"
			   "    projects:\n"
			   "      - name: web\n"
			   "        shard: tokyo\n"
			   "        farm:\n"
			   "          name: web\n"
			   "          hosts: [web-1, web-2]\n"
			   "        exporters:\n"
			   "          - job: node\n"
			   "            port: 9100\n";

static void test_words(void **state)
{
	struct model *model = new_model();

	(void)state;
	apply(model, shop, whole,
	      "+ shard tokyo\n"
	      "+ service shop\n"
	      "+ project web in shop\n"
	      "+ farm web in shop/web\n"
	      "+ host web-1 in shop/web\n"
	      "+ host web-2 in shop/web\n"
	      "+ exporter node:9100 in shop/web\n");
	apply(model,
	      "services:\n"
	      "  - name: shop\n"
	      "    labels: {team: a b}\n"
	      "    projects:\n"
	      "      - name: web\n"
	      "        shard: tokyo\n"
	      "        farm:\n"
	      "          name: web\n"
	      "          hosts: [web-1, {name: web-3, labels: {rack: r1}}]\n"
	      "        exporters:\n"
	      "          - {job: node, port: 9101, params: {m: [a, b]}}\n",
	      whole,
	      "~ service shop: labels.team none → \"a b\"\n"
	      "+ host web-3 in shop/web\n"
	      "~ exporter node:9100 in shop/web: port 9100 → 9101, params.m "
	      "none → a|b\n"
	      "- host web-2 in shop/web\n");
	apply(model, "shards:\n  - {name: osaka, servers: ['[::1]:9090']}\n",
	      adding, "+ shard osaka\n+ server [::1]:9090 in osaka\n");
	apply(model, "shards:\n  - {name: tokyo, servers: ['[::1]:9090']}\n",
	      adding, "~ server [::1]:9090 in osaka: shard osaka → tokyo\n");
	apply(model, "shards: [tokyo]\n", whole,
	      "- shard osaka\n- server [::1]:9090 in tokyo\n");
	apply(model, "services: []\n", whole,
	      "- host web-1 in shop/web\n- host web-3 in shop/web\n"
	      "- farm web in shop/web\n- exporter node:9101 in shop/web\n"
	      "- project web in shop\n- service shop\n");
	model_free(model);
}

static void test_partial(void **state)
{
	struct model *model = new_model();

	(void)state;
	apply(model, shop, whole, NULL);
	apply(model, "services:\n  - name: shop\n    description: of shoes\n",
	      adding, "~ service shop: description \"\" → \"of shoes\"\n");
	apply(model, "projects:\n  - {name: web, farm: {hosts: [web-9]}}\n",
	      some, "+ host web-9 in shop/web\n");
	apply(model, "services:\n  - name: shop\n    labels: {a: b}\n", some,
	      "~ service shop: labels.a none → b\n");
	apply(model, "services: [{name: shop}]\n", adding,
	      "~ service shop: description \"of shoes\" → \"\", labels.a b → "
	      "none\n");
	refuse(model, "projects:\n  - {name: wob, farm: {hosts: [web-9]}}\n",
	       some,
	       "a.yml:2: project wob: is not there: is that its name? A "
	       "new one is made by a document to apply, where it stands "
	       "below its service or names its `service`");
	model_free(model);
}

static void test_rules(void **state)
{
	struct model *model = new_model();
	char *text;

	(void)state;
	apply(model, shop, whole, NULL);
	apply(model,
	      "rules:\n"
	      "  - alert: Down\n"
	      "    expr: up{<exclude>} == 0\n"
	      "    for: 5m\n"
	      "services:\n"
	      "  - name: shop\n"
	      "    rules:\n"
	      "      - name: DownShop\n"
	      "        clause: up == 0\n"
	      "        parent: Down\n"
	      "      - record: shop:up:sum\n"
	      "        expr: sum(up)\n",
	      adding,
	      "+ rule Down\n+ rule DownShop in shop\n"
	      "+ rule shop:up:sum in shop\n");
	text = export_text(model, false, false);
	assert_non_null(strstr(text, "rules:\n"
	                             "  - alert: Down\n"
	                             "    expr: \"up{<exclude>} == 0\"\n"
	                             "    for: 5m\n"));
	assert_non_null(strstr(text, "      - alert: DownShop\n"
	                             "        parent: Down\n"
	                             "        expr: \"up == 0\"\n"
	                             "      - record: shop:up:sum\n"));
	mem_free(text);
	/* whose a rule is cannot be changed: it is made anew */
	apply(model, "rules: [{alert: DownShop, expr: up == 0}]\n", some,
	      "- rule DownShop in shop\n+ rule DownShop\n");
	refuse(model, "rules: [{alert: A, expr: up, parent: B}]\n", adding,
	       "a.yml:1: rule A: there is no rule B");
	model_free(model);
}

static void test_secrets(void **state)
{
	struct model *model = new_model();
	static const char with[] =
		"notifiers:\n"
		"  - {sender: slack, value: 'https://x/1', alias: ops,\n"
		"     filters: [{name: severity, value: page}]}\n";

	(void)state;
	apply(model, with, whole,
	      "+ notifier slack ops\n"
	      "+ filter severity=page in notifier slack ops\n");
	apply(model, "notifiers: [{sender: slack, alias: ops}]\n", whole,
	      "- filter severity=page in notifier slack ops\n");
	refuse(model, "notifiers: [{sender: slack, alias: sec}]\n", adding,
	       "a.yml:1: notifier slack sec: is not there yet, and a new one "
	       "needs its secret `value`; an export has it only if asked for "
	       "secrets");
	model_free(model);
}

static void test_taken(void **state)
{
	struct model *model = new_model();

	(void)state;
	apply(model, shop, whole, NULL);
	refuse(model,
	       "shards: []\nservices:\n  - name: shop\n    projects:\n"
	       "      - {name: web, shard: tokyo}\n",
	       whole,
	       "project web hangs on something that the document does not have "
	       "and that would go; name that, too");
	model_free(model);
}

static void test_nodes(void **state)
{
	struct model *model = new_model();

	(void)state;
	apply(model, "nodes: [192.0.2.1, {ip: 192.0.2.2, port: 9200}]\n", whole,
	      "+ shard Default\n+ node 192.0.2.1:9100 in Default\n"
	      "+ node 192.0.2.2:9200 in Default\n");
	apply(model, "nodes: [192.0.2.1]\n", whole,
	      "- node 192.0.2.2:9200 in Default\n");
	model_free(model);
}

/* An address is the same however it is written. */
static void test_addresses(void **state)
{
	struct model *model = new_model();
	const struct assignment gone = { NODE_DELETED, { .number = 1 } };
	struct model_tx *tx;

	(void)state;
	apply(model, "nodes: ['2001:DB8::1']\n", whole,
	      "+ shard Default\n+ node [2001:db8::1]:9100 in Default\n");
	tx = model_begin(model, KIT_NOW);
	assert_int_equal(model_update(tx, model_find(model, KIND_NODE, 1),
	                              &gone, 1, NULL),
	                 0);
	model_commit(tx);
	apply(model, "nodes: ['2001:DB8:0::1']\n", whole, NULL);
	assert_int_equal(model_count(model, KIND_NODE), 1);
	assert_false(
		object_number(model_find(model, KIND_NODE, 1), NODE_DELETED));
	refuse(model, "nodes:\n- '2001:db8::1'\n- '2001:DB8::1'\n", whole,
	       "a.yml:3: nodes[1]: node [2001:db8::1]:9100 stands at a.yml:2 "
	       "already\n");
	model_free(model);
}

/* --- what is wrong -------------------------------------------------------- */

static void test_errors(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} rows[] = {
		{ "service: []\n", "a.yml:1: service: is no key here; did you "
		                   "mean services?\n" },
		{ "services:\n  - name: shop\n    exporter: 1\n",
		  "a.yml:3: services[0].exporter: is no key here; there are "
		  "name, description, owner, labels, rules, notifiers, "
		  "projects\n" },
		{ "services:\n  - nmae: shop\n",
		  "a.yml:2: services[0].nmae: is no key here; did you mean "
		  "name?\n" },
		{ "services:\n  - owner: shop\n",
		  "a.yml:2: services[0]: has no name\n" },
		{ "services: {}\n", "a.yml:1: services: must be a list\n" },
		{ "services: [[]]\n",
		  "a.yml:1: services[0]: must be one service, not a list\n" },
		{ "services: [shop]\n",
		  "a.yml:1: services[0]: must be a mapping of name, "
		  "description, owner, labels, rules, notifiers, projects\n" },
		{ "services: [{name: [a]}]\n",
		  "a.yml:1: services[0].name: must be one value\n" },
		{ "services: [{name: shop, name: shop}]\n",
		  "a.yml:1: services[0].name: stands there twice; leave one "
		  "out\n" },
		{ "services: [{name: shop, labels: a}]\n",
		  "a.yml:1: services[0].labels: must be a mapping of names to "
		  "values\n" },
		{ "services: [{name: shop, labels: {a: [b]}}]\n",
		  "a.yml:1: services[0].labels.a: must be a text\n" },
		{ "services:\n  - name: shop\n  - name: shop\n",
		  "a.yml:3: services[1]: service shop stands at a.yml:2 "
		  "already\n" },
		{ "default_exporters: [{job: node, port: x}]\n",
		  "a.yml:1: default_exporters[0].port: \"x\" is not a whole "
		  "number\n" },
		{ "default_exporters: [{job: node, port: 70000}]\n",
		  "a.yml:1: default_exporters[0].port: \"70000\" is out of "
		  "range; use 1 to 65535\n" },
		{ "shards: [{name: aa, proxy: maybe}]\n",
		  "a.yml:1: shards[0].proxy: \"maybe\" is neither true nor "
		  "false\n" },
		{ "shards: [{name: aa, servers: [prom]}]\n",
		  "a.yml:1: shards[0].servers[0]: \"prom\" is not a server; "
		  "write it as HOST:PORT\n" },
		{ "rules: [{alert: A, name: B, expr: up}]\n",
		  "a.yml:1: rules[0].name: says the same as another key; leave "
		  "one out\n" },
		{ "- a\n",
		  "a.yml:1: is no description of a registry: it must be a "
		  "mapping of shards, services and so on\n" },
		{ "tokens: []\n",
		  "a.yml:1: tokens: is no key here; did you mean nodes?\n" },
		{ "a: [\n", "a.yml:2: not YAML: did not find expected node "
		            "content (column 1)\n" },
	};
	struct model *model = new_model();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		refuse(model, rows[i].text, whole, rows[i].words);
	apply(model, "", whole, "");
	apply(model, "# nothing\n", whole, "");
	model_free(model);
}

static void test_two_files(void **state)
{
	struct portable portable;
	struct buf words;

	(void)state;
	buf_init(&words, TEXT_MAX);
	assert_int_equal(portable_init(&portable), 0);
	assert_int_equal(portable_read(&portable, "a.yml",
	                               slice_from("services: [{name: aa}]\n"),
	                               &words),
	                 0);
	assert_int_equal(portable_read(&portable, "b.yml",
	                               slice_from("services: [{name: bb},\n"
	                                          "  {name: aa}]\n"),
	                               &words),
	                 -EINVAL);
	assert_string_equal(buf_text(&words),
	                    "b.yml:2: services[1]: service aa stands at "
	                    "a.yml:1 already\n");
	buf_fini(&words);
	portable_fini(&portable);
}

/* --- memory --------------------------------------------------------------- */

static void scenario(const char *text)
{
	struct model *model = model_new(7);
	struct portable portable, back;
	struct model_tx *tx;
	struct err err = { 0 };
	struct buf words;
	size_t n;
	int r;

	if (!model)
		return;
	buf_init(&words, TEXT_MAX);
	r = portable_init(&portable);
	if (r == 0)
		r = portable_read(&portable, "a.yml", slice_from(text), &words);
	tx = r == 0 ? model_begin(model, KIT_NOW) : NULL;
	if (tx) {
		r = plan_apply(tx, &portable, &whole, &err);
		if (r == 0) {
			const struct record *records = model_records(tx, &n);

			buf_reset(&words);
			write_plan(records, n, &words);
			model_commit(tx);
		} else {
			assert_int_equal(r, -ENOMEM);
			model_rollback(tx);
		}
	}
	r = portable_init(&back);
	if (r == 0)
		r = portable_take(&back, model, true);
	if (r == 0)
		r = portable_write_yaml(&back, &words);
	assert_true(r == 0 || r == -ENOMEM);
	portable_fini(&back);
	portable_fini(&portable);
	buf_fini(&words);
	model_free(model);
}

static void test_no_memory(void **state)
{
	struct model *model = any_model(3);
	char *text = export_text(model, true, false);
	size_t n;

	(void)state;
	model_free(model);
	faults_count();
	scenario(text);
	n = faults_end();
	assert_true(n > 100);
	for (size_t k = 1; k <= n; k += 1 + n / 300) {
		faults_fail(k);
		scenario(text);
		(void)faults_end();
	}
	mem_free(text);
}

/* Of texts that begin alike: ours, or something else. */
static void test_is(void **state)
{
	static const struct {
		const char *text;
		int is;
	} rows[] = {
		{ "shards: [a]", 1 },
		{ "{\"nodes\": []}", 1 },
		{ "rules: []\nbogus: 1", 1 }, /* with what is wrong in it */
		{ "rules: \"groups: []\"", 0 },
		{ "groups: []", 0 },
		{ "{\"targets\": [], \"v2\": {}}", 0 },
		{ "[]", 0 },
		{ "shards: [", 0 },
		{ "", 0 },
	};
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(portable_is(slice_from(rows[i].text)),
		                 rows[i].is);
	faults_count();
	assert_int_equal(portable_is(slice_from("shards: [a]")), 1);
	n = faults_end();
	assert_true(n > 0);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		assert_int_equal(portable_is(slice_from("shards: [a]")),
		                 -ENOMEM);
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_from_any_to_any),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_two_files),
		cmocka_unit_test(test_no_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
