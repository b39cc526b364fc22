/* SPDX-License-Identifier: Apache-2.0 */
/* api: the containers of a rule, what is read of them and how they are
 * steered; engines and notices in metrics and health. */
#include "support/cmocka.h"

#include <math.h>
#include "api_kit.h"

#define GET(path)  "GET " path " HTTP/1.1"
#define POST(path) "POST " path " HTTP/1.1"

static void read_part(struct api_kit *kit, const char *head, uint16_t status,
                      const char *part)
{
	api_kit_ask(kit, kit->control, head, "", status, part);
}

static void order(struct api_kit *kit, const char *head, const char *body,
                  uint16_t status, const char *part)
{
	api_kit_ask(kit, kit->control, head, body, status, part);
}

static void test_monitors(void **state)
{
	struct api_kit kit;

	api_kit_init(&kit);
	read_part(&kit, GET("/api/v1/monitors"), 200, "],\"rules\":[]}\n");
	api_kit_add_rule(&kit);
	kit.rule.n_left_out = 4;
	read_part(&kit, GET("/api/v1/monitors"), 200,
	          "{\"monitors\":[{\"name\""
	          ":\"a\",");
	read_part(&kit, GET("/api/v1/monitors"), 200,
	          "],\"rules\":[{\"name\":\"health\",\"covers\":\"containers\","
	          "\"containers\":3,"
	          "\"left_out\":4,\"states\":{\"starting\":1,\"good\":1,"
	          "\"bouncing\":1},\"pause\":null}]}\n");
	read_part(&kit, GET("/api/v1/monitors?rule=health"), 200,
	          "{\"monitors\":[{\"name\":\"health/shop/web/1\",");
	read_part(&kit, GET("/api/v1/monitors/health"), 200,
	          "{\"monitors\":[{\"name\":\"health/shop/web/1\",");
	read_part(&kit, GET("/api/v1/monitors?rule=a"), 404,
	          "no rule is called a");
	read_part(&kit, GET("/api/v1/monitors?rule=%zz"), 400, "malformed");
	read_part(&kit, GET("/api/v1/monitors/health/db"), 200,
	          "\"target\":\"db\"");
	read_part(
		&kit, GET("/api/v1/monitors/health/db"), 200,
		"\"rule\":\"health\",\"container\":\"db\",\"image\":\"nginx\","
		"\"health\":\"unhealthy\",\"streak\":3,\"exit_code\":7");
	read_part(&kit, GET("/api/v1/monitors/a"), 200,
	          "\"rule\":null,\"container\":null,\"image\":null,"
	          "\"health\":null,\"streak\":0,\"exit_code\":null");
	api_kit_fini(&kit);
}

static void observe_value(struct api_kit *kit, double value)
{
	const struct observation observation = { .kind = OBSERVATION_VALUE,
		                                 .value = value };

	supervisor_observe(&kit->supervisor, kit->all[0], &observation,
	                   uv_now(&kit->kit.loop.uv));
}

/* A value, its limit and its level, wherever they are told. */
static void test_values(void **state)
{
	static const struct policy_levels levels = {
		.level = { { .given = true,
		             .limit = { THRESHOLD_AT_LEAST, 0.5 },
		             .for_ms = 30000,
		             .n_steps = 1 },
		           { .given = true,
		             .limit = { THRESHOLD_ABOVE, 100 },
		             .has_clear = true,
		             .clear = { THRESHOLD_BELOW, 90 } } },
		.missing = POLICY_MISSING_LAST,
	};
	struct api_kit kit;

	api_kit_init(&kit);
	read_part(&kit, GET("/api/v1/monitors/a"), 200,
	          "\"value\":null,\"threshold\":null,\"level\":null");
	kit.rules.levels = &levels;
	observe_value(&kit, 0.25);
	read_part(&kit, GET("/api/v1/monitors/a"), 200,
	          "\"value\":0.25,\"threshold\":\">=0.5\",\"level\":null");
	read_part(&kit, GET("/api/v1/monitors/a"), 200,
	          "\"levels\":[{\"level\":\"soft\",\"threshold\":\">=0.5\","
	          "\"clear\":null,\"for_seconds\":30,\"cooldown_seconds\":0,"
	          "\"steps\":1},{\"level\":\"hard\",\"threshold\":\">100\","
	          "\"clear\":\"<90\",\"for_seconds\":0,"
	          "\"cooldown_seconds\":0,\"steps\":0}],"
	          "\"missing\":\"last_value\"");
	observe_value(&kit, (double)INFINITY);
	kit.all[0]->policy.level = POLICY_LEVEL_HARD;
	read_part(&kit, GET("/api/v1/monitors/a/explain"), 200,
	          "\"value\":\"+Inf\",\"threshold\":\">100\","
	          "\"level\":\"hard\"");
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_monitor_level{monitor=\"a\",container=\"\"} 2\n");
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_monitor_value{monitor=\"a\",container=\"\"} "
	          "+Inf\n");
	api_kit_fini(&kit);
}

static void test_names(void **state)
{
	struct api_kit kit;

	api_kit_init(&kit);
	api_kit_add_rule(&kit);
	/* by the container's name, where only one has it */
	read_part(&kit, GET("/api/v1/monitors/shop-web-1"), 200,
	          "{\"name\":\"health/shop/web/1\"");
	read_part(&kit, GET("/api/v1/monitors/db"), 409,
	          "several monitors watch a container db: health/db, "
	          "health/other/db; name one of them");
	read_part(&kit, GET("/api/v1/monitors/shop-web-1/explain"), 200,
	          "Container shop-web-1 of rule health is well");
	read_part(&kit, GET("/api/v1/monitors/health/explain"), 409,
	          "health covers 3 containers; name one of them: "
	          "health/shop/web/1, health/db, health/other/db");
	read_part(&kit, GET("/api/v1/monitors/nobody/explain"), 404,
	          "no monitor is called nobody");
	order(&kit, POST("/api/v1/monitors/health/bounce"), "", 409,
	      "health covers 3 containers");
	order(&kit, POST("/api/v1/monitors/shop-web-1/bounce"), "", 202,
	      "Begins: restart docker shop-web-1.");
	order(&kit, POST("/api/v1/monitors/health/other/db/bounce"), "", 202,
	      "docker db");
	order(&kit, POST("/api/v1/monitors/nobody/bounce"), "", 404, NULL);
	order(&kit, POST("/api/v1/monitors/a"), "", 404,
	      "POST is for /api/v1/monitors/NAME/bounce");
	api_kit_said(&kit, "bounce health/shop/web/1;bounce health/other/db;");
	api_kit_fini(&kit);
}

static void test_empty_rule(void **state)
{
	struct api_kit kit;
	struct rule rule = { .name = "empty", .noun = "containers" };

	api_kit_init(&kit);
	supervisor_add_rule(&kit.supervisor, &rule);
	order(&kit, POST("/api/v1/monitors/empty/bounce"), "", 409,
	      "empty covers no containers now");
	read_part(&kit, GET("/api/v1/monitors/empty"), 200,
	          "{\"monitors\":[],\"rules\":[{\"name\":\"empty\"");
	supervisor_remove_rule(&kit.supervisor, &rule);
	api_kit_fini(&kit);
}

static void test_pause(void **state)
{
	struct api_kit kit;

	api_kit_init(&kit);
	api_kit_add_rule(&kit);
	order(&kit, POST("/api/v1/pause"),
	      "{\"monitor\":\"health\",\"reason\":\"moving\"}", 200,
	      "{\"monitor\":null,\"rule\":\"health\",\"covers\":\"containers\","
	      "\"containers\":3,"
	      "\"until\":null,\"saved\":true}");
	read_part(&kit, GET("/api/v1/monitors/health"), 200,
	          "\"states\":{\"paused\":3},\"pause\":{");
	order(&kit, POST("/api/v1/resume"), "{\"monitor\":\"shop-web-1\"}", 409,
	      "all of health are paused, health/shop/web/1 not by itself; "
	      "resume health");
	order(&kit, POST("/api/v1/resume"), "{\"monitor\":\"health\"}", 200,
	      "\"rule\":\"health\"");
	order(&kit, POST("/api/v1/resume"), "{\"monitor\":\"health\"}", 409,
	      "health is not paused as a whole");
	order(&kit, POST("/api/v1/pause"), "{\"monitor\":\"shop-web-1\"}", 200,
	      "\"monitor\":\"health/shop/web/1\"");
	api_kit_said(&kit, "pause rule health 0 moving;"
	                   "resume health/shop/web/1;resume rule health;"
	                   "resume rule health;pause health/shop/web/1 0 ;");
	api_kit_fini(&kit);
}

static void test_journal(void **state)
{
	struct api_kit kit;

	api_kit_init(&kit);
	api_kit_add_rule(&kit);
	/* all of the rule, one of them by its container */
	read_part(&kit, GET("/api/v1/journal?monitor=health"), 200,
	          "\"monitor\":\"health/db\",\"container\":\"db\"");
	read_part(&kit, GET("/api/v1/journal?monitor=health"), 200,
	          "\"monitor\":\"health/shop/web/1\"");
	read_part(&kit, GET("/api/v1/journal?monitor=shop-web-1"), 200,
	          "{\"entries\":[{\"seq\":1,");
	read_part(&kit, GET("/api/v1/journal?monitor=heal"), 200,
	          "{\"entries\":[],");
	api_kit_fini(&kit);
}

static void test_metrics(void **state)
{
	struct api_kit kit;

	api_kit_init(&kit);
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_monitor_state{monitor=\"a\",container=\"\","
	          "state=\"starting\"} 1\n");
	api_kit_add_rule(&kit);
	kit.rule.n_left_out = 4;
	kit.has_engine = true;
	kit.stats = (struct containers_stats){
		.connected = true,
		.resync_ms = OBSERVATION_NEVER,
		.n_containers = 30,
		.n_events = 40,
		.n_connects = 2,
		.n_lists = 5,
		.n_looks = 60,
		.n_probed = 7,
	};
	kit.has_notices = true;
	kit.notices[NOTIFIER_SENT] = 9;
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_monitor_state{monitor=\"health/shop/web/1\","
	          "container=\"shop-web-1\",state=\"good\"} 1\n");
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_engine_connected{engine=\"docker\"} 1\n");
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_engine_containers{engine=\"docker\"} 30\n");
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_engine_events_total{engine=\"docker\"} 40\n");
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_engine_inspections_total{engine=\"docker\"} 60\n");
	read_part(&kit, GET("/metrics"), 200,
	          "# TYPE bouncer_engine_list_age_seconds gauge\n# HELP");
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_engine_lists_total{engine=\"docker\"} 5\n");
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_engine_probed_containers{engine=\"docker\"} 7\n");
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_notifications_total{result=\"sent\"} 9\n");
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_rule_members{rule=\"health\",covers="
	          "\"containers\"} 3\n");
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_rule_left_out_members{rule=\"health\",covers="
	          "\"containers\"} 4\n");
	kit.stats.resync_ms = uv_now(&kit.kit.loop.uv);
	read_part(&kit, GET("/metrics"), 200,
	          "\nbouncer_engine_list_age_seconds{engine=\"docker\"} 0");
	api_kit_fini(&kit);
}

static void test_health(void **state)
{
	struct api_kit kit;
	struct group *groups[] = { &kit.group };

	api_kit_init(&kit);
	kit.api.groups = groups;
	kit.api.n_groups = 1;
	kit.resync_ms = 60000;
	kit.group.up = true;
	kit.group.read_ms = uv_now(&kit.kit.loop.uv);
	kit.rules.exact = true;
	kit.has_engine = true;
	kit.stats = (struct containers_stats){
		.connected = true,
		.resync_ms = uv_now(&kit.kit.loop.uv),
	};
	read_part(&kit, GET("/api/v1/health"), 200, "{\"ok\":true}\n");
	/* no stream is worth a word, and no more: it is listed */
	kit.stats.connected = false;
	read_part(
		&kit, GET("/api/v1/health"), 200,
		"{\"ok\":true,\"notes\":[\"docker tells of no events now: the "
		"stream is down\"]}");
	/* where there is none, that is as it should be */
	kit.stats.polled = true;
	read_part(&kit, GET("/api/v1/health"), 200, "{\"ok\":true}\n");
	/* not listed for longer than three times so long */
	kit.resync_ms = 0;
	kit.stats.resync_ms--;
	read_part(&kit, GET("/api/v1/health"), 503,
	          "docker has not listed its containers lately");
	/* down: said once, of the source */
	kit.group.up = false;
	kit.group.result = READING_REFUSED;
	read_part(&kit, GET("/api/v1/health"), 503,
	          "\"problems\":[\"http://gw refused\"]");
	api_kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_monitors),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_empty_rule),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_health),
	};

	return cmocka_run_group_tests_name("api_members", tests, NULL, NULL);
}
