/* SPDX-License-Identifier: Apache-2.0 */
/* What Promgen and prommgr export, taken over: what we hand out ourselves comes
 * back byte for byte, what they hand out in their shapes, and what cannot be
 * kept is refused with words. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "registry/model/documents.h"
#include "registry/model/import_promgen.h"
#include "registry/model/import_prommgr.h"
#include "registry/model/plan.h"
#include "registry_kit.h"
#include "support/faults.h"

#define TEXT_MAX (16 << 20)

/* --- the kit -------------------------------------------------------------- */

struct result {
	struct model *model;
	struct buf notes;
	struct err err;
	int r;
};

static void run_import(struct result *result, struct model *model,
                       const char *text, const char *shard, bool prommgr)
{
	static const struct plan_options options = { .partial = true };
	struct portable portable;
	struct model_tx *tx;

	*result = (struct result){ .model = model };
	buf_init(&result->notes, TEXT_MAX);
	result->r = portable_init(&portable);
	if (result->r == 0)
		result->r =
			prommgr ? import_prommgr(&portable, slice_from(text),
		                                 shard, &result->err)
				: import_promgen(&portable, slice_from(text),
		                                 shard, &result->notes,
		                                 &result->err);
	tx = result->r == 0 ? model_begin(model, KIT_NOW) : NULL;
	if (tx) {
		result->r = plan_apply(tx, &portable, &options, &result->err);
		if (result->r == 0)
			model_commit(tx);
		else
			model_rollback(tx);
	}
	portable_fini(&portable);
}

static void import(struct model *model, const char *text, const char *notes)
{
	struct result result;

	run_import(&result, model, text, NULL, false);
	if (result.r < 0)
		fail_msg("%s", result.err.message);
	assert_string_equal(buf_text(&result.notes), notes);
	buf_fini(&result.notes);
}

static void refuse(const char *text, const char *words)
{
	struct model *model = model_new(1);
	struct result result;

	assert_non_null(model);
	run_import(&result, model, text, NULL, false);
	assert_int_not_equal(result.r, 0);
	assert_string_equal(result.err.message, words);
	buf_fini(&result.notes);
	model_free(model);
}

static char *export_text(const struct model *model)
{
	struct portable portable;
	struct buf out;
	char *text;

	buf_init(&out, TEXT_MAX);
	assert_int_equal(portable_init(&portable), 0);
	assert_int_equal(portable_take(&portable, model, true), 0);
	assert_int_equal(portable_write_yaml(&portable, &out), 0);
	portable_fini(&portable);
	text = buf_take(&out);
	assert_non_null(text);
	return text;
}

static void assert_export(const struct model *model, const char *expected)
{
	char *text = export_text(model);

	assert_string_equal(text, expected);
	mem_free(text);
}

/* What Prometheus servers are handed. */
static char *render(const struct model *model, enum document_kind kind)
{
	static const struct documents_options options = { "global", "" };
	struct documents *documents = documents_new(model, &options);
	const struct document *document;
	struct err err;
	char *text;

	assert_non_null(documents);
	assert_int_equal(documents_render(documents, 1, NULL, NULL, &err), 0);
	document = documents_get(documents, NULL, kind);
	assert_non_null(document);
	text = mem_strndup(document->text.p, document->text.n);
	assert_non_null(text);
	documents_free(documents);
	return text;
}

/* --- what we hand out comes back ------------------------------------------ */

static uint32_t seed;

static unsigned any(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

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

static void make_project(struct model_tx *tx, unsigned nth)
{
	unsigned n = 1 + any(6);

	make(tx, KIND_PROJECT,
	     "{\"name\":\"project%u\",\"service\":\"service%u\","
	     "\"shard\":\"shard%u\",\"labels\":{\"tier\":\"t %u\"}}",
	     nth, any(3), any(2), any(2));
	make(tx, KIND_FARM,
	     "{\"name\":\"farm%u\",\"project\":\"project%u\","
	     "\"source\":\"%s\"%s}",
	     any(4), nth, any(2) ? "promgen" : "other",
	     any(2) ? "" : ",\"labels\":{\"dc\":\"a\"}");
	for (unsigned i = 0; i < n; i++) {
		unsigned long long farm =
			model_next_id(model_of(tx), KIND_FARM) - 1;

		make(tx, KIND_HOST, "{\"name\":\"web-%u\",\"farm\":%llu%s}", i,
		     farm, any(3) ? "" : ",\"labels\":{\"rack\":\"r1\"}");
		make(tx, KIND_HOST, "{\"name\":\"2001:db8::%u\",\"farm\":%llu}",
		     i, farm);
	}
	for (unsigned i = any(4); i; i--)
		make(tx, KIND_EXPORTER,
		     "{\"job\":\"job%u\",\"project\":\"project%u\","
		     "\"port\":%u,\"path\":\"%s\",\"scheme\":\"%s\","
		     "\"params\":%s,\"scrape_interval\":\"%s\",\"labels\":%s}",
		     i, nth, 9100 + any(3), any(2) ? "/metrics" : "",
		     any(2) ? "http" : "https",
		     any(3) == 0 ? "{\"m\":[\"a\",\"b c\"],\"n\":\"1\"}"
		     : any(2)    ? "{\"m\":\"x&y\"}"
		                 : "{}",
		     any(2) ? "30s" : "", any(2) ? "{\"own\":\"1\"}" : "{}");
	make(tx, KIND_URL,
	     "{\"url\":\"https://example.com/%u\",\"project\":\"project%u\","
	     "\"probe\":\"http_%u\"}",
	     any(9), nth, any(2));
	make(tx, KIND_RULE,
	     "{\"name\":\"Rule%u\",\"project\":\"project%u\",\"clause\":"
	     "\"up == %u\",\"duration\":\"5m\",\"interval\":\"%s\","
	     "\"labels\":{\"severity\":\"page\"},"
	     "\"annotations\":{\"summary\":\"{{ $value }}\"}}",
	     nth, nth, nth, any(2) ? "30s" : "");
}

static struct model *any_model(uint32_t random)
{
	struct model *model = model_new(7);
	struct model_tx *tx = model ? model_begin(model, KIT_NOW) : NULL;

	assert_non_null(tx);
	seed = random * 2654435761u;
	for (unsigned i = 0; i < 2; i++) {
		make(tx, KIND_SHARD, "{\"name\":\"shard%u\"}", i);
		make(tx, KIND_PROBE, "{\"module\":\"http_%u\"}", i);
		make(tx, KIND_NODE,
		     "{\"ip\":\"192.0.2.%u\",\"port\":9100,\"shard\":"
		     "\"shard%u\"}",
		     i, i);
	}
	for (unsigned i = 0; i < 3; i++)
		make(tx, KIND_SERVICE,
		     "{\"name\":\"service%u\",\"labels\":{\"team\":\"x%u\"}}",
		     i, i);
	make(tx, KIND_RULE,
	     "{\"name\":\"Down\",\"clause\":\"up{<exclude>} == 0\"}");
	make(tx, KIND_RULE,
	     "{\"name\":\"job:up:sum\",\"recording\":true,"
	     "\"service\":\"service1\",\"clause\":\"sum(up)\"}");
	for (unsigned i = 0; i < 6; i++)
		make_project(tx, i);
	model_commit(tx);
	return model;
}

static void test_own_documents_come_back(void **state)
{
	static const enum document_kind kinds_[] = { DOCUMENT_TARGETS,
		                                     DOCUMENT_URLS,
		                                     DOCUMENT_RULES };

	(void)state;
	for (uint32_t random = 1; random <= 40; random++) {
		struct model *model = any_model(random);
		struct model *copy = model_new(9);
		char *texts[3];

		for (unsigned i = 0; i < 3; i++) {
			texts[i] = render(model, kinds_[i]);
			import(copy, texts[i], "");
		}
		for (unsigned i = 0; i < 3; i++) {
			char *text = render(copy, kinds_[i]);

			/* the macro is gone by then, what it means is not */
			assert_string_equal(texts[i], text);
			mem_free(text);
			mem_free(texts[i]);
		}
		model_free(model);
		model_free(copy);
	}
}

/* --- Promgen's shapes ----------------------------------------------------- */

static const char targets[] =
	"[\n"
	"  {\"labels\": {\"__farm_source\": \"promgen\",\n"
	"    \"__metrics_path__\": \"/probe\", \"__param_module\": \"a\",\n"
	"    \"__scheme__\": \"https\", \"__shard\": \"tokyo\",\n"
	"    \"farm\": \"web\", \"job\": \"snmp\", \"project\": \"web\",\n"
	"    \"service\": \"shop\"},\n"
	"   \"targets\": [\"web-1:9116\", \"[2001:db8::1]:9116\"]},\n"
	"  {\"labels\": {\"__farm_source\": \"promgen\",\n"
	"    \"__metrics_path__\": \"/probe\", \"__param_module\": \"b\",\n"
	"    \"__scheme__\": \"https\", \"__shard\": \"tokyo\",\n"
	"    \"farm\": \"web\", \"job\": \"snmp\", \"project\": \"web\",\n"
	"    \"service\": \"shop\"},\n"
	"   \"targets\": [\"web-1:9116\", \"[2001:db8::1]:9116\"]},\n"
	"  {\"labels\": {\"__farm_source\": \"promgen\",\n"
	"    \"__scheme__\": \"http\", \"__shard\": \"tokyo\",\n"
	"    \"farm\": \"db\", \"job\": \"mysqld\", \"project\": \"data\",\n"
	"    \"service\": \"shop\"},\n"
	"   \"targets\": []}\n"
	"]\n";

static void test_targets(void **state)
{
	struct model *model = model_new(1);

	(void)state;
	import(model, targets,
	       "left out: exporter mysqld of project data: it has no targets, "
	       "so its port is not known\n");
	assert_export(model, "probes: []\n"
	                     "default_exporters: []\n"
	                     "shards:\n"
	                     "  - tokyo\n"
	                     "rules: []\n"
	                     "notifiers: []\n"
	                     "services:\n"
	                     "  - name: shop\n"
	                     "    projects:\n"
	                     "      - name: data\n"
	                     "        shard: tokyo\n"
	                     "        farm:\n"
	                     "          name: db\n"
	                     "      - name: web\n"
	                     "        shard: tokyo\n"
	                     "        farm:\n"
	                     "          name: web\n"
	                     "          hosts:\n"
	                     "            - \"2001:db8::1\"\n"
	                     "            - web-1\n"
	                     "        exporters:\n"
	                     "          - job: snmp\n"
	                     "            port: 9116\n"
	                     "            path: /probe\n"
	                     "            scheme: https\n"
	                     "            params:\n"
	                     "              module: a\n"
	                     "          - job: snmp\n"
	                     "            port: 9116\n"
	                     "            path: \"/probe?module=b\"\n"
	                     "            scheme: https\n"
	                     "nodes: []\n");
	model_free(model);
}

static void test_shard(void **state)
{
	struct model *model = model_new(1);
	struct result result;
	char *text;

	(void)state;
	run_import(&result, model, targets, "osaka", false);
	assert_int_equal(result.r, 0);
	buf_fini(&result.notes);
	text = export_text(model);
	assert_null(strstr(text, "tokyo"));
	assert_non_null(strstr(text, "shard: osaka"));
	mem_free(text);
	model_free(model);
}

static void test_rules(void **state)
{
	struct model *model = model_new(1);

	(void)state;
	import(model, targets,
	       "left out: exporter mysqld of project data: it has no targets, "
	       "so its port is not known\n");
	import(model,
	       "groups:\n"
	       "- name: example.com\n"
	       "  rules:\n"
	       "  - alert: Down\n"
	       "    annotations:\n"
	       "      rule: http://example.com/rule/1\n"
	       "      summary: it is down\n"
	       "    expr: up{project!~\"web\",} == 0\n"
	       "    for: 5m\n"
	       "    labels: {severity: page}\n"
	       "- name: \"shop » web\"\n"
	       "  interval: 30s\n"
	       "  rules:\n"
	       "  - alert: DownWeb\n"
	       "    expr: up{project=\"web\",} == 0\n"
	       "    for: 1m\n"
	       "    keep_firing_for: 2m\n"
	       "    labels: {project: web, service: shop}\n"
	       "  - record: job:up:sum\n"
	       "    expr: sum(up)\n"
	       "    labels: {service: shop}\n",
	       "");
	{
		char *text = export_text(model);

		assert_non_null(strstr(
			text, "rules:\n"
			      "  - alert: Down\n"
			      "    expr: \"up{project!~\\\"web\\\",} == 0\"\n"
			      "    for: 5m\n"
			      "    labels:\n"
			      "      severity: page\n"
			      "    annotations:\n"
			      "      summary: it is down\n"));
		assert_non_null(strstr(text, "    rules:\n"
		                             "      - record: job:up:sum\n"
		                             "        expr: \"sum(up)\"\n"
		                             "        interval: 30s\n"));
		assert_non_null(strstr(text, "            keep_firing_for: 2m\n"
		                             "            interval: 30s\n"));
		mem_free(text);
	}
	model_free(model);
}

static const char dump[] =
	"{\"targets\":[],\"urls\":[],\"rules\":\"groups: []\",\"v2\":{"
	"\"shards\":[{\"id\":3,\"name\":\"tokyo\",\"url\":\"http://p:9090\","
	"\"proxy\":true,\"enabled\":true,\"samples\":5000000,"
	"\"targets\":10000}],"
	"\"probes\":[{\"id\":1,\"module\":\"http_2xx\",\"description\":"
	"\"Default http check\"}],"
	"\"services\":[{\"id\":4,\"name\":\"shop\",\"description\":\"d\","
	"\"owner\":\"admin\"}],"
	"\"projects\":[{\"id\":7,\"name\":\"web\",\"description\":\"\","
	"\"owner\":\"admin\",\"owner_id\":1,\"service\":{\"id\":4,"
	"\"name\":\"shop\"},\"shard\":{\"id\":3,\"name\":\"tokyo\"},"
	"\"farm\":{\"id\":5,\"name\":\"web\",\"source\":\"promgen\"}}],"
	"\"farms\":[{\"id\":5,\"project\":\"web\",\"project_id\":7,"
	"\"remote\":false,\"name\":\"web\",\"source\":\"promgen\","
	"\"hosts\":[{\"id\":1,\"name\":\"web-1\",\"farm\":\"web\"},"
	"{\"id\":2,\"name\":\"[::1]\",\"farm\":\"web\"}]}],"
	"\"exporters\":[{\"id\":1,\"project\":\"web\",\"project_id\":7,"
	"\"job\":\"node\",\"port\":9100,\"path\":\"\",\"scheme\":\"http\","
	"\"enabled\":false}],"
	"\"urls\":[{\"id\":1,\"project\":\"web\",\"probe\":\"http_2xx\","
	"\"url\":\"https://example.com\"}],"
	"\"rules\":[{\"id\":1,\"content_name\":\"example.com\","
	"\"content_type\":\"site\",\"object_id\":1,\"name\":\"Down\","
	"\"clause\":\"up{<exclude>} == 0\",\"duration\":\"5m\","
	"\"enabled\":true,\"labels\":{},\"annotations\":{\"rule\":\"x\"},"
	"\"description\":\"\",\"parent\":null},"
	"{\"id\":2,\"content_name\":\"web\",\"content_type\":\"project\","
	"\"object_id\":7,\"name\":\"Down_web\",\"clause\":\"up == 0\","
	"\"duration\":\"5m\",\"enabled\":false,\"labels\":{\"service\":"
	"\"shop\",\"project\":\"web\",\"a\":\"b\"},\"annotations\":{},"
	"\"description\":\"\",\"parent\":1}],"
	"\"notifiers\":[{\"id\":1,\"owner\":\"admin\",\"label\":\"\","
	"\"sender\":\"promgen.notification.slack\",\"value\":"
	"\"http://hook/1\",\"alias\":\"\",\"object_id\":4,\"enabled\":true,"
	"\"content_type\":\"service\",\"filters\":[{\"id\":1,\"name\":"
	"\"severity\",\"value\":\"page\"}]},"
	"{\"id\":2,\"sender\":\"promgen.notification.webhook\",\"value\":null,"
	"\"alias\":\"ops\",\"object_id\":7,\"enabled\":true,"
	"\"content_type\":\"project\"},"
	"{\"id\":3,\"sender\":\"promgen.notification.email\",\"value\":"
	"\"a@b\",\"alias\":\"\",\"object_id\":1,\"enabled\":true,"
	"\"content_type\":\"user\"},"
	"{\"id\":4,\"sender\":\"promgen.notification.email\",\"value\":"
	"\"a@b\",\"alias\":\"\",\"object_id\":4,\"enabled\":true,"
	"\"content_type\":\"service\",\"filters\":[{\"id\":2,\"name\":"
	"\"severity\",\"value\":\"page\"}]},"
	"{\"id\":5,\"sender\":\"promgen.notification.linenotify\","
	"\"value\":\"x\",\"object_id\":7,\"content_type\":\"project\"},"
	"{\"id\":6,\"sender\":\"promgen.notification.user\",\"value\":"
	"\"3\",\"object_id\":1,\"content_type\":\"site\"},"
	"{\"id\":7,\"sender\":\"corp.notification.pager\",\"value\":"
	"\"x\",\"object_id\":4,\"content_type\":\"service\"},"
	"{\"id\":8,\"sender\":\"promgen.notification.slack\",\"value\":"
	"\"#ops\",\"object_id\":4,\"content_type\":\"service\"}]}}";

static void test_dump(void **state)
{
	struct model *model = model_new(1);

	(void)state;
	import(model, dump,
	       "left out: notifier promgen.notification.webhook ops of project "
	       "web: Promgen does not tell where it goes; make it anew\n"
	       "left out: notifier promgen.notification.email: it is a "
	       "person's own\n"
	       "left out: notifier promgen.notification.email of service shop: "
	       "we send no mail; use apprise with the URL of an Apprise API "
	       "that has a mailto://, or a webhook\n"
	       "left out: notifier promgen.notification.linenotify of project "
	       "web: LINE Notify ended in 2025; use apprise with a line://, or "
	       "a webhook\n"
	       "left out: notifier promgen.notification.user: there are no "
	       "users here; give the service or the project a notifier of its "
	       "own\n"
	       "left out: notifier corp.notification.pager of service shop: "
	       "must be one of webhook, json, alertmanager, pagerduty, slack, "
	       "mattermost, discord, ntfy, gotify and apprise, also with "
	       "promgen.notification. before it\n"
	       "left out: notifier promgen.notification.slack of service shop: "
	       "must be a URL with http:// or https://\n");
	assert_export(model, "probes:\n"
	                     "  - module: http_2xx\n"
	                     "    description: Default http check\n"
	                     "default_exporters: []\n"
	                     "shards:\n"
	                     "  - name: tokyo\n"
	                     "    url: http://p:9090\n"
	                     "    proxy: true\n"
	                     "rules:\n"
	                     "  - alert: Down\n"
	                     "    expr: \"up{<exclude>} == 0\"\n"
	                     "    for: 5m\n"
	                     "notifiers: []\n"
	                     "services:\n"
	                     "  - name: shop\n"
	                     "    description: d\n"
	                     "    owner: admin\n"
	                     "    notifiers:\n"
	                     "      - sender: promgen.notification.slack\n"
	                     "        value: http://hook/1\n"
	                     "        owner: admin\n"
	                     "        filters:\n"
	                     "          - name: severity\n"
	                     "            value: page\n"
	                     "    projects:\n"
	                     "      - name: web\n"
	                     "        shard: tokyo\n"
	                     "        owner: admin\n"
	                     "        farm:\n"
	                     "          name: web\n"
	                     "          hosts:\n"
	                     "            - \"::1\"\n"
	                     "            - web-1\n"
	                     "        exporters:\n"
	                     "          - job: node\n"
	                     "            port: 9100\n"
	                     "            enabled: false\n"
	                     "        urls:\n"
	                     "          - url: https://example.com\n"
	                     "            probe: http_2xx\n"
	                     "        rules:\n"
	                     "          - alert: Down_web\n"
	                     "            parent: Down\n"
	                     "            expr: \"up == 0\"\n"
	                     "            for: 5m\n"
	                     "            enabled: false\n"
	                     "            labels:\n"
	                     "              a: b\n"
	                     "nodes: []\n");
	model_free(model);
}

/* By name, and in any order. */
static void test_references(void **state)
{
	static const char text[] =
		"{\"v2\":{\"services\":[{\"id\":3,\"name\":\"shop\"}],"
		"\"projects\":[{\"name\":\"web\",\"service\":\"shop\","
		"\"shard\":{\"name\":\"tokyo\"}}],\"exporters\":[{\"project\":"
		"\"web\",\"job\":\"node\",\"port\":9100},{\"project\":{"
		"\"name\":\"web\"},\"job\":\"app\",\"port\":80}],\"rules\":[{"
		"\"id\":2,\"name\":\"Here\",\"clause\":\"up == 0\","
		"\"content_type\":\"service\",\"object_id\":3,\"parent\":1},{"
		"\"id\":1,\"name\":\"Down\",\"clause\":"
		"\"up{<exclude>} == 0\",\"content_type\":\"site\"}]}}";
	struct model *model = model_new(1);
	char *out;

	(void)state;
	import(model, text, "");
	out = export_text(model);
	assert_non_null(strstr(out, "job: app\n            port: 80\n"));
	assert_non_null(strstr(out, "job: node\n            port: 9100\n"));
	assert_non_null(strstr(out, "parent: Down\n"));
	mem_free(out);
	model_free(model);
}

static void test_prommgr(void **state)
{
	static const char servers[] =
		"[{\"id\":3,\"server_ip\":\"192.0.2.1\",\"server_port\":9100,"
		"\"created_at\":\"2017-03-25T10:00:00Z\",\"updated_at\":"
		"\"2017-03-25T10:00:00Z\",\"deleted\":false,\"comment\":"
		"\"the first\"},{\"id\":2,\"server_ip\":\"2001:db8::1\","
		"\"server_port\":9200,\"deleted\":false,\"comment\":\"\"},"
		"{\"id\":1,\"server_ip\":\"192.0.2.9\",\"server_port\":9100,"
		"\"deleted\":true,\"comment\":\"\"}]";
	struct model *model = model_new(1);
	struct result result;
	char *text;

	(void)state;
	run_import(&result, model, servers, NULL, true);
	assert_int_equal(result.r, 0);
	buf_fini(&result.notes);
	text = export_text(model);
	assert_non_null(strstr(text, "nodes:\n"
	                             "  - ip: 192.0.2.1\n"
	                             "    comment: the first\n"
	                             "    shard: Default\n"
	                             "  - ip: \"2001:db8::1\"\n"
	                             "    port: 9200\n"
	                             "    shard: Default\n"));
	mem_free(text);
	run_import(&result, model, "{\"detail\":\"no\"}", NULL, true);
	assert_int_equal(result.r, -EINVAL);
	assert_string_equal(result.err.message,
	                    "this is no list of servers; prommgr answers with "
	                    "it at /api/servers");
	buf_fini(&result.notes);
	run_import(&result, model,
	           "[{\"server_ip\":\"192.0.2.2\",\"server_port\":\"9200\"}]",
	           NULL, true);
	assert_int_equal(result.r, -EINVAL);
	assert_non_null(strstr(result.err.message, "65535"));
	buf_fini(&result.notes);
	model_free(model);
}

/* --- what is wrong -------------------------------------------------------- */

#define GROUP(labels, list) "[{\"labels\":{" labels "},\"targets\":[" list "]}]"
#define OWNED \
	"\"service\":\"aa\",\"project\":\"bb\",\"farm\":\"cc\",\"job\":\"dd\""

static void test_errors(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} rows[] = {
		{ "  ", "there is nothing in it" },
		{ "{}", "this is nothing that Promgen exports: it has neither "
		        "targets, urls, rules nor v2" },
		{ GROUP(OWNED, "\"web-1\""),
		  "group 1: its target \"web-1\" has no port; write it as "
		  "HOST:PORT" },
		{ GROUP(OWNED, "\"web-1:99999\""),
		  "group 1: its target \"web-1:99999\" has no port; write it "
		  "as "
		  "HOST:PORT" },
		{ GROUP(OWNED, "\"2001:db8::1:9100\""),
		  "group 1: its target \"2001:db8::1:9100\" is IPv6 without "
		  "brackets; write it as [ADDRESS]:PORT" },
		{ GROUP("\"service\":\"aa\",\"farm\":\"cc\",\"job\":\"d\"", ""),
		  "group 1: has no label project" },
		{ GROUP(OWNED ",\"__address__\":\"x\"", ""),
		  "group 1: has the label __address__, which the registry "
		  "cannot keep" },
		{ GROUP(OWNED ",\"n\":1", ""),
		  "group 1: its label n is no text" },
		{ "[{\"labels\":{}}]", "group 1: has no list of targets" },
		{ "[{\"labels\":{" OWNED ",\"__shard\":\"s1\"},\"targets\":[]},"
		  "{\"labels\":{" OWNED ",\"__shard\":\"s2\"},\"targets\":[]}]",
		  "group 2: project bb is on two shards, s1 and s2" },
		{ "groups:\n- name: a\n  limit: 3\n",
		  "line 3: the registry has no limit" },
		{ "groups:\n- rules:\n  - expr: up\n",
		  "line 3: a rule has alert or record" },
		{ "groups:\n- rules:\n  - {alert: A, expr: up}\n"
		  "  - {alert: A, expr: up}\n",
		  "line 4: there is a rule A already; a name stands for one" },
		{ "text", "these are no rules: there is no list of groups" },
		{ "a: [",
		  "rules:2: not YAML: did not find expected node content "
		  "(column 1)" },
		{ "{\"v2\":{\"exporters\":[{\"project_id\":1}]}}",
		  "exporter 1: its project is not among the projects" },
		{ "{\"v2\":{\"rules\":[{\"content_type\":\"site\","
		  "\"name\":\"Down\",\"labels\":{\"n\":1}}]}}",
		  "rule 1: its label n is no text" },
		{ "{\"v2\":{\"services\":{\"count\":1,\"results\":["
		  "{\"name\":\"shop\"}]}}}",
		  "\"services\" must be a list, of what all pages have as "
		  "their results" },
		{ "{\"v2\":{\"services\":[{\"id\":1,\"name\":\"shop\"}],"
		  "\"projects\":[{\"id\":1,\"name\":\"web\",\"service\":1}],"
		  "\"farms\":[{\"project_id\":1,\"name\":\"web\",\"hosts\":"
		  "[7]}]}}",
		  "host : name: is required" },
		{ "{\"targets\":{\"targets\":[]}}",
		  "targets: must be a list of groups" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		refuse(rows[i].text, rows[i].words);
}

/* Too much of one thing is told of that thing. */
static void test_too_many_labels(void **state)
{
	struct buf rule, values, address;
	struct result result;
	struct model *model;

	(void)state;
	buf_init(&rule, TEXT_MAX);
	buf_init(&values, TEXT_MAX);
	buf_init(&address, TEXT_MAX);
	(void)buf_puts(&rule, "{\"v2\":{\"rules\":[{\"content_type\":\"site\","
	                      "\"name\":\"Down\",\"clause\":\"up == 0\","
	                      "\"labels\":{\"l0\":\"\"");
	for (int i = 1; i <= 64; i++)
		(void)buf_printf(&rule, ",\"l%d\":\"\"", i);
	(void)buf_puts(&rule, "}}]}}");
	refuse(buf_text(&rule), "rule 1: has more than 64 labels");

	for (int i = 0; i <= 64; i++)
		(void)buf_printf(&values,
		                 "%s{\"labels\":{" OWNED
		                 ",\"__param_m\":\"%d\",\"param_m\":\"%d\"},"
		                 "\"targets\":[\"web-1:1\"]}",
		                 i ? "," : "[", i, i);
	(void)buf_puts(&values, "]");
	refuse(buf_text(&values),
	       "group 65: has more than 64 values of parameters");

	buf_reset(&values);
	(void)buf_printf(&values,
	                 GROUP(OWNED ",\"a\":\"%070000d\"", "\"web-1:1\""), 1);
	refuse(buf_text(&values),
	       "exporter dd:1: has more than 64 labels or 65536 bytes");

	(void)buf_printf(&address, "[{\"server_ip\":\"%020000d\"}]", 1);
	model = model_new(1);
	run_import(&result, model, buf_text(&address), NULL, true);
	assert_int_equal(result.r, -E2BIG);
	assert_string_equal(result.err.message, "it describes too much");
	buf_fini(&result.notes);
	model_free(model);

	buf_fini(&rule);
	buf_fini(&values);
	buf_fini(&address);
}

/* Notes that have no place are not lost without a word. */
static void test_too_many_notes(void **state)
{
	static const char text[] =
		"[{\"labels\":{" OWNED "},\"targets\":[]},{\"labels\":{" OWNED
		"},\"targets\":[]}]";
	static const char line[] =
		"left out: exporter dd of project bb: it has no targets, so "
		"its port is not known\n";
	static const char more[] = "and more is left out\n";

	(void)state;
	for (size_t max = 30; max < 3 * sizeof(line); max++) {
		struct portable portable;
		struct err err = { 0 };
		struct buf notes;

		buf_init(&notes, max);
		assert_int_equal(portable_init(&portable), 0);
		assert_int_equal(import_promgen(&portable, slice_from(text),
		                                NULL, &notes, &err),
		                 0);
		if (max < strlen(line) + strlen(more))
			assert_string_equal(buf_text(&notes), more);
		else if (max < 2 * strlen(line))
			assert_string_equal(buf_text(&notes) + strlen(line),
			                    more);
		else
			assert_int_equal(notes.n, 2 * strlen(line));
		portable_fini(&portable);
		buf_fini(&notes);
	}
}

static void *count_bytes(void *context, void *pointer, size_t size)
{
	size_t *np = context;

	*np += size;
	if (size > 0)
		return realloc(pointer, size);
	free(pointer);
	return NULL;
}

/* Allocated for one group of targets whose ports alternate. */
static size_t bytes_of(unsigned n_targets)
{
	struct portable portable;
	struct err err = { 0 };
	size_t n_bytes = 0;
	struct buf text, notes;

	buf_init(&text, TEXT_MAX);
	buf_init(&notes, TEXT_MAX);
	(void)buf_puts(&text, "[{\"labels\":{" OWNED "},\"targets\":[\"h:1\"");
	for (unsigned i = 1; i < n_targets; i++)
		(void)buf_printf(&text, ",\"h:%u\"", i % 2 + 1);
	(void)buf_puts(&text, "]}]");
	assert_int_equal(text.failed, 0);

	mem_set_allocator(count_bytes, &n_bytes);
	assert_int_equal(portable_init(&portable), 0);
	if (import_promgen(&portable, buf_slice(&text), NULL, &notes, &err) < 0)
		fail_msg("%s", err.message);
	portable_fini(&portable);
	faults_install_mem();
	buf_fini(&text);
	buf_fini(&notes);
	return n_bytes;
}

static void test_memory_is_as_the_text(void **state)
{
	(void)state;
	assert_in_range(bytes_of(8000), 1, 3 * bytes_of(4000));
}

static void test_no_memory(void **state)
{
	static const char *const texts[] = { targets, dump };
	struct result result;
	struct model *model;

	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(texts); t++) {
		size_t n;

		faults_count();
		model = model_new(1);
		run_import(&result, model, texts[t], NULL, false);
		buf_fini(&result.notes);
		model_free(model);
		n = faults_end();
		assert_true(n > 50);
		for (size_t k = 1; k <= n; k++) {
			faults_fail(k);
			model = model_new(1);
			if (model) {
				run_import(&result, model, texts[t], NULL,
				           false);
				buf_fini(&result.notes);
			}
			model_free(model);
			(void)faults_end();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_documents_come_back),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_shard),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_prommgr),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_too_many_labels),
		cmocka_unit_test(test_too_many_notes),
		cmocka_unit_test(test_memory_is_as_the_text),
		cmocka_unit_test(test_no_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
