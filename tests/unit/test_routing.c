/* SPDX-License-Identifier: Apache-2.0 */
/* routing: who is told of an alert, who is not, and why. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"
#include "registry/model/routing.h"
#include "registry_kit.h"

static struct model *model;
static struct am_reader *reader;
static struct drop_rules *rules;

/*
 * shop (web, till) and bank (vault); a notifier of each is known by what
 * stands in its URL.
 */
static int setup(void **state)
{
	struct model_tx *tx;

	model = model_new(1);
	reader = am_reader_new();
	tx = model_begin(model, KIT_NOW);
	kit_make(tx, KIND_SHARD, "{\"name\": \"s1\"}");
	kit_make(tx, KIND_SERVICE, "{\"name\": \"shop\"}");
	kit_make(tx, KIND_SERVICE, "{\"name\": \"bank\"}");
	kit_make(tx, KIND_PROJECT,
	         "{\"name\":\"web\",\"service\":\"shop\",\"shard\":\"s1\"}");
	kit_make(tx, KIND_PROJECT,
	         "{\"name\":\"till\",\"service\":\"shop\",\"shard\":\"s1\"}");
	kit_make(tx, KIND_PROJECT,
	         "{\"name\":\"vault\",\"service\":\"bank\",\"shard\":\"s1\"}");
	model_commit(tx);
	return 0;
}

static int teardown(void **state)
{
	drop_rules_free(rules);
	rules = NULL;
	am_reader_free(reader);
	model_free(model);
	return 0;
}

/* @owner: "service\":\"shop", or NULL; @more: members with a comma. */
static struct object *notifier(const char *name, const char *owner,
                               const char *more)
{
	struct model_tx *tx = model_begin(model, KIT_NOW);
	struct object *made;
	struct buf json;

	buf_init(&json, 4096);
	(void)buf_printf(&json,
	                 "{\"sender\":\"webhook\",\"value\":\"http://%s/\"",
	                 name);
	if (owner)
		(void)buf_printf(&json, ",\"%s\"", owner);
	(void)buf_printf(&json, "%s}", more);
	made = kit_make(tx, KIND_NOTIFIER, buf_text(&json));
	model_commit(tx);
	buf_fini(&json);
	return made;
}

static void filter(const struct object *of, const char *name,
                   const char *operator_, const char *value)
{
	struct model_tx *tx = model_begin(model, KIT_NOW);
	struct buf json;

	buf_init(&json, 4096);
	(void)buf_printf(&json,
	                 "{\"notifier\":%llu,\"name\":\"%s\",\"operator\":"
	                 "\"%s\",\"value\":\"%s\"}",
	                 (unsigned long long)object_id(of), name, operator_,
	                 value);
	kit_make(tx, KIND_FILTER, buf_text(&json));
	model_commit(tx);
	buf_fini(&json);
}

#define SHOP  "service\":\"shop"
#define BANK  "service\":\"bank"
#define WEB   "project\":\"web"
#define VAULT "project\":\"vault"

/* A message with those labels in common, and those of each alert: the inside
 * of objects. */
struct posted {
	const char *common;
	const char *alerts[4];
};

static void put_message(struct buf *out, const struct posted *posted)
{
	(void)buf_printf(out, "{\"commonLabels\":{%s},\"alerts\":[",
	                 posted->common);
	for (size_t i = 0; i < 4 && posted->alerts[i]; i++)
		(void)buf_printf(out,
		                 "%s{\"status\":\"firing\",\"labels\":{%s%s%s},"
		                 "\"startsAt\":\"2026-01-01T00:00:00Z\"}",
		                 i ? "," : "", posted->common,
		                 posted->common[0] && posted->alerts[i][0] ? ","
		                                                           : "",
		                 posted->alerts[i]);
	(void)buf_puts(out, "]}");
}

static const struct object *renamed(void *context, enum kind kind,
                                    struct slice name)
{
	return kind == KIND_SERVICE && slice_is(name, "store")
	               ? model_find_name(model, KIND_SERVICE, "shop")
	               : NULL;
}

static const struct routing_names names = { .former = renamed };

/* "web:2 shop-" : told of 2 alerts; looked at and not told, with its verdict's
 * first letter. */
static void put_routes(struct buf *out, const struct routing *routing)
{
	LIST_FOR_EACH (node, &routing->routes) {
		const struct route *route =
			container_of(node, struct route, node);
		const char *url = object_text(route->notifier, NOTIFIER_VALUE);
		int n = (int)strcspn(url + 7, "/");

		(void)buf_printf(out, "%s%.*s", out->n ? " " : "", n, url + 7);
		if (route->verdict == ROUTE_TOLD)
			(void)buf_printf(out, ":%u", route->n_alerts);
		else
			(void)buf_printf(out, "-%c",
			                 route_verdict_name(route->verdict)[0]);
		assert_non_null(route->why);
		assert_true(route->why[0] != '\0');
	}
}

static int route_text(const char *text, struct buf *out, struct buf *explained)
{
	struct am_message message;
	struct routing routing;
	struct json_writer json;
	int r = am_read(reader, slice_from(text), &message, NULL);

	if (r != 0)
		return r;
	r = routing_make(&routing, model, &message, &names, rules);
	if (r == 0)
		put_routes(out, &routing);
	if (r == 0 && explained) {
		json_write_init(&json, explained);
		json_write_object(&json);
		routing_write(&json, &routing);
		json_write_object_end(&json);
	}
	routing_fini(&routing);
	return r;
}

static void routed(const struct posted *posted, const char *expected)
{
	struct buf text;
	struct buf out;

	buf_init(&text, 65536);
	buf_init(&out, 65536);
	put_message(&text, posted);
	assert_int_equal(route_text(buf_text(&text), &out, NULL), 0);
	assert_string_equal(buf_text(&out), expected);
	buf_fini(&out);
	buf_fini(&text);
}

/* What is said of it has these words. */
static void explained(const struct posted *posted, const char *words)
{
	struct buf text;
	struct buf out;
	struct buf said;

	buf_init(&text, 65536);
	buf_init(&out, 65536);
	buf_init(&said, 65536);
	put_message(&text, posted);
	assert_int_equal(route_text(buf_text(&text), &out, &said), 0);
	if (!strstr(buf_text(&said), words))
		fail_msg("no \"%s\" in %s", words, buf_text(&said));
	buf_fini(&said);
	buf_fini(&out);
	buf_fini(&text);
}

#define L(name, value) "\"" name "\":\"" value "\""
#define IN_SHOP        L("service", "shop")
#define IN_WEB         L("project", "web")

/* --- where ------------------------------------------------------------------ */

static void test_service_and_project(void **state)
{
	notifier("s", SHOP, "");
	notifier("w", WEB, "");
	notifier("b", BANK, "");
	routed(&(struct posted){ IN_SHOP "," IN_WEB, { "" } }, "s:1 w:1");
	routed(&(struct posted){ IN_SHOP, { "" } }, "s:1");
	/* the project alone does not tell its service, as in the original */
	routed(&(struct posted){ IN_WEB, { "" } }, "w:1");
	routed(&(struct posted){ L("service", "nobody"), { "" } }, "");
	routed(&(struct posted){ "", { "" } }, "");
	/* names are whole and exact */
	routed(&(struct posted){ L("service", "Shop"), { "" } }, "");
}

/* One that lists no alerts has its common labels. */
static void test_no_list(void **state)
{
	notifier("s", SHOP, "");
	routed(&(struct posted){ IN_SHOP, { NULL } }, "s:1");
}

static void test_project_of_another_service(void **state)
{
	const struct posted wrong = { L("service", "bank") "," IN_WEB, { "" } };

	notifier("b", BANK, "");
	notifier("w", WEB, "");
	routed(&wrong, "");
	explained(&wrong, "contradict each other");
	notifier("all", NULL, "");
	routed(&wrong, "all:1");
}

static void test_everything(void **state)
{
	notifier("all", NULL, "");
	routed(&(struct posted){ "", { "", "" } }, "all:2");
	routed(&(struct posted){ L("service", "nobody"), { "" } }, "all:1");
	explained(&(struct posted){ L("service", "nobody"), { "" } },
	          "no service is called \\\"nobody\\\"");
}

/* The original wants group_by: [service, project]. */
static void test_each_alert_by_itself(void **state)
{
	notifier("s", SHOP, "");
	notifier("b", BANK, "");
	notifier("v", VAULT, "");
	routed(&(struct posted){ L("alertname", "Down"),
	                         { IN_SHOP "," IN_WEB, IN_SHOP,
	                           L("service", "bank") "," L("project",
	                                                      "vault"),
	                           L("x", "y") } },
	       "s:2 b:1 v:1");
}

static void test_renamed(void **state)
{
	notifier("s", SHOP, "");
	routed(&(struct posted){ L("service", "store"), { "" } }, "s:1");
	explained(&(struct posted){ L("service", "store"), { "" } },
	          "which was called store");
}

/* --- whom -------------------------------------------------------------------- */

static void test_disabled(void **state)
{
	notifier("s", SHOP, ",\"enabled\":false");
	routed(&(struct posted){ IN_SHOP, { "" } }, "s-d");
	explained(&(struct posted){ IN_SHOP, { "" } }, "it is disabled");
}

static void test_filters_any(void **state)
{
	struct object *n = notifier("s", SHOP, "");

	filter(n, "severity", "=", "critical");
	filter(n, "team", "=", "a");
	routed(&(struct posted){ IN_SHOP "," L("severity", "critical"),
	                         { "" } },
	       "s:1");
	routed(&(struct posted){ IN_SHOP "," L("team", "a"), { "" } }, "s:1");
	routed(&(struct posted){ IN_SHOP "," L("severity", "minor"), { "" } },
	       "s-f");
	routed(&(struct posted){ IN_SHOP, { "" } }, "s-f");
	explained(
		&(struct posted){ IN_SHOP "," L("severity", "minor"), { "" } },
		"none of its filters matches: severity=\\\"critical\\\", "
		"team=\\\"a\\\"; the alert has severity=\\\"minor\\\", no "
		"team");
}

static void test_filters_all(void **state)
{
	struct object *n = notifier("s", SHOP, ",\"match\":\"all\"");

	filter(n, "severity", "=", "critical");
	filter(n, "team", "!=", "a");
	routed(&(struct posted){ IN_SHOP "," L("severity", "critical"),
	                         { "" } },
	       "s:1");
	routed(&(struct posted){ IN_SHOP "," L("severity",
	                                       "critical") "," L("team", "a"),
	                         { "" } },
	       "s-f");
	explained(&(struct posted){ IN_SHOP "," L("severity", "critical") "," L(
					    "team", "a"),
	                            { "" } },
	          "not all of its filters match");
}

static void test_filter_operators(void **state)
{
	filter(notifier("eq", SHOP, ""), "x", "=", "a.c");
	filter(notifier("ne", SHOP, ""), "x", "!=", "a.c");
	filter(notifier("re", SHOP, ""), "x", "=~", "a.c|z");
	filter(notifier("nr", SHOP, ""), "x", "!~", "a.c|z");
	routed(&(struct posted){ IN_SHOP "," L("x", "a.c"), { "" } },
	       "eq:1 ne-f re:1 nr-f");
	routed(&(struct posted){ IN_SHOP "," L("x", "abc"), { "" } },
	       "eq-f ne:1 re:1 nr-f");
	/* the whole value must match */
	routed(&(struct posted){ IN_SHOP "," L("x", "abcd"), { "" } },
	       "eq-f ne:1 re-f nr:1");
	/* one that is absent is empty */
	routed(&(struct posted){ IN_SHOP, { "" } }, "eq-f ne:1 re-f nr:1");
}

/* A label that only some alerts have: the original sees none of it. */
static void test_filter_of_some(void **state)
{
	filter(notifier("s", SHOP, ""), "severity", "=", "critical");
	routed(&(struct posted){ IN_SHOP,
	                         { L("severity", "critical"),
	                           L("severity", "minor"),
	                           L("severity", "critical") } },
	       "s:2");
	explained(&(struct posted){ IN_SHOP,
	                            { L("severity", "critical"),
	                              L("severity", "minor") } },
	          "1 of 2 alerts match its filter");
}

/* --- the same receiver --------------------------------------------------------- */

static void test_same_receiver(void **state)
{
	notifier("x", SHOP, "");
	notifier("x", WEB, "");
	notifier("x", NULL, "");
	routed(&(struct posted){ IN_SHOP "," IN_WEB, { "" } }, "x:1 x-s x-s");
	explained(&(struct posted){ IN_SHOP "," IN_WEB, { "" } },
	          "notifier 1 has the same receiver");
	/* what the others would be told of is joined */
	routed(&(struct posted){ "", { IN_WEB, IN_SHOP, "" } }, "x:3 x-s x-s");
}

static void test_same_receiver_filtered(void **state)
{
	filter(notifier("x", SHOP, ""), "severity", "=", "critical");
	notifier("x", WEB, "");
	routed(&(struct posted){ IN_SHOP "," IN_WEB, { "" } }, "x-f x:1");
}

/* --- dropped ------------------------------------------------------------------- */

static void drop(const char *first, const char *second)
{
	const char *const texts[] = { first, second };

	assert_int_equal(drop_rules_new(texts, second ? 2 : 1, &rules, NULL),
	                 0);
}

static void test_dropped(void **state)
{
	const struct posted mixed = { IN_SHOP,
		                      { "\"severity\":\"debug\"", "",
		                        "\"severity\":\"blackhole\"",
		                        "\"alertname\":\"Watchdog\"" } };
	const struct posted one = { IN_SHOP, { "\"severity\":\"debug\"" } };
	/* what an alert lacks is taken from what all have in common */
	const struct posted common = { IN_SHOP ",\"severity\":\"debug\"",
		                       { NULL } };

	(void)state;
	notifier("s", SHOP, "");
	notifier("all", NULL, "");
	drop("severity=~\"debug|blackhole\"", "alertname=\"Watchdog\"");
	routed(&mixed, "s:1 all:1");
	explained(&mixed, "\"dropped\":[{\"rule\":0,\"alerts\":2,\"why\":"
	                  "\"dropped by drop_alerts[0]: "
	                  "severity=~\\\"debug|blackhole\\\"\"},"
	                  "{\"rule\":1,\"alerts\":1,");
	explained(&mixed, "\"alerts\":1,\"why\":\"service shop");
	routed(&one, "");
	explained(&one, "{\"told\":0,\"labels\":[],\"notifiers\":[],"
	                "\"dropped\":[{\"rule\":0,");
	routed(&common, "");
}

static void drops_all(const struct posted *posted, bool expected)
{
	struct am_message message;
	struct buf text;

	buf_init(&text, 65536);
	put_message(&text, posted);
	assert_int_equal(am_read(reader, buf_slice(&text), &message, NULL), 0);
	assert_true(routing_drops_all(&message, rules) == expected);
	buf_fini(&text);
}

static void test_all_dropped(void **state)
{
	static const char *const wrong[] = { "a=~\"(\"" };
	struct err err;

	(void)state;
	drops_all(&(struct posted){ "", { "\"x\":\"1\"" } }, false);
	drop("x=~\"1|2\",y!=\"z\"", NULL);
	drops_all(&(struct posted){ "", { "\"x\":\"1\"" } }, true);
	drops_all(&(struct posted){ "", { "\"x\":\"1\"", "\"x\":\"2\"" } },
	          true);
	drops_all(&(struct posted){ "", { "\"x\":\"1\"", "\"x\":\"3\"" } },
	          false);
	drops_all(&(struct posted){ "", { "\"x\":\"1\",\"y\":\"z\"" } }, false);
	drops_all(&(struct posted){ "\"x\":\"2\"", { NULL } }, true);
	drops_all(&(struct posted){ "", { NULL } }, false);
	drop_rules_free(rules);
	assert_int_equal(drop_rules_new(wrong, 1, &rules, &err), -EINVAL);
	assert_null(rules);
	assert_int_equal(strncmp(err.message, "drop_alerts[0]: ", 16), 0);
	assert_int_equal(drop_rules_new(wrong, 1, &rules, NULL), -EINVAL);
}

/* --- trouble ------------------------------------------------------------------- */

static const char whole[] =
	"{\"commonLabels\":{\"service\":\"shop\"},\"alerts\":["
	"{\"status\":\"firing\",\"labels\":{\"service\":\"shop\",\"x\":\"1\"}},"
	"{\"status\":\"firing\",\"labels\":{\"x\":\"debug\"}},"
	"{\"status\":\"firing\",\"labels\":{\"service\":\"shop\","
	"\"project\":\"web\"}}]}";

static void scenario(int *rp)
{
	static const char *const texts[] = { "a=\"b\"", "x=~\"d.*\"" };
	struct am_message message;
	struct routing routing;

	*rp = drop_rules_new(texts, ARRAY_SIZE(texts), &rules, NULL);
	if (*rp == 0)
		*rp = am_read(reader, slice_from(whole), &message, NULL);
	if (*rp == 0) {
		*rp = routing_make(&routing, model, &message, &names, rules);
		if (*rp == 0)
			assert_int_equal(routing.n_told, 2);
		routing_fini(&routing);
	}
	drop_rules_free(rules);
	rules = NULL;
}

static void test_allocation_faults(void **state)
{
	struct object *n = notifier("s", SHOP, "");
	size_t n_allocations;
	int r;

	filter(n, "x", "=~", "1|2");
	filter(n, "project", "=", "web");
	notifier("w", WEB, "");
	notifier("s", NULL, "");
	scenario(&r); /* the reader has its memory then */
	faults_count();
	scenario(&r);
	n_allocations = faults_end();
	assert_int_equal(r, 0);
	assert_true(n_allocations > 5);
	for (size_t k = 1; k <= n_allocations; k++) {
		faults_fail(k);
		scenario(&r);
		faults_end();
		assert_true(r == 0 || r == -ENOMEM);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_service_and_project),
		TEST(test_no_list),
		TEST(test_project_of_another_service),
		TEST(test_everything),
		TEST(test_each_alert_by_itself),
		TEST(test_renamed),
		TEST(test_disabled),
		TEST(test_filters_any),
		TEST(test_filters_all),
		TEST(test_filter_operators),
		TEST(test_filter_of_some),
		TEST(test_same_receiver),
		TEST(test_same_receiver_filtered),
		TEST(test_dropped),
		TEST(test_all_dropped),
		TEST(test_allocation_faults),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
