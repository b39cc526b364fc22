/* SPDX-License-Identifier: Apache-2.0 */
/* delivery, sender: what each driver sends, of a message or a part of it. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "registry/model/delivery.h"
#include "registry/model/sender.h"

static const char text[] =
	"{\"version\":\"4\",\"receiver\":\"r\",\"status\":\"firing\","
	"\"groupKey\":\"{}:{a=\\\"b\\\"}\",\"truncatedAlerts\":0,"
	"\"externalURL\":\"http://am:9093\","
	"\"groupLabels\":{\"service\":\"shop\",\"project\":\"web\"},"
	"\"commonLabels\":{\"service\":\"shop\",\"project\":\"web\"},"
	"\"commonAnnotations\":{\"summary\":\"disk <full>\"},\"alerts\":["
	"{\"status\":\"firing\",\"labels\":{\"alertname\":\"Full\","
	"\"service\":\"shop\",\"project\":\"web\",\"severity\":\"minor\"},"
	"\"annotations\":{\"summary\":\"disk <full>\",\"more\":\"m\"},"
	"\"startsAt\":\"2026-01-02T15:04:05.123Z\","
	"\"endsAt\":\"0001-01-01T00:00:00Z\","
	"\"generatorURL\":\"http://p/g?a=1&b=2\",\"fingerprint\":\"f1\"},"
	"{\"status\":\"resolved\",\"labels\":{\"alertname\":\"Down\","
	"\"service\":\"shop\",\"project\":\"web\"},"
	"\"annotations\":{\"summary\":\"disk <full>\"},"
	"\"startsAt\":\"2026-01-02T15:04:05Z\","
	"\"endsAt\":\"2026-01-02T16:04:05Z\","
	"\"generatorURL\":\"\",\"fingerprint\":\"f2\"}]}";

struct world {
	struct am_reader *reader;
	struct am_message message;
	struct arena arena;
	struct delivery_request request;
	struct model *model;
};

static int setup(void **state)
{
	static struct world world;

	world = (struct world){ .reader = am_reader_new() };
	*state = &world;
	assert_int_equal(
		am_read(world.reader, slice_from(text), &world.message, NULL),
		0);
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	delivery_request_fini(&world->request);
	arena_fini(&world->arena);
	am_reader_free(world->reader);
	return 0;
}

static const char *body_of(struct world *world, const char *sender,
                           const char *value, const uint8_t *bits)
{
	const struct delivery_part part = { .alerts = bits,
		                            .external_url = "" };
	struct am_message told;
	struct err err = { 0 };

	delivery_request_fini(&world->request);
	assert_int_equal(
		delivery_message(&world->message, &part, &world->arena, &told),
		0);
	if (delivery_request_make(&world->request, sender, value, &told, &err) <
	    0)
		fail_msg("%s", err.message);
	return buf_text(&world->request.body);
}

static void has(const char *body, const char *words)
{
	if (!strstr(body, words))
		fail_msg("no %s in %s", words, body);
}

static void has_not(const char *body, const char *words)
{
	if (strstr(body, words))
		fail_msg("%s in %s", words, body);
}

/* --- webhook ------------------------------------------------------------------ */

static void test_webhook(void **state)
{
	const char *body = body_of(*state, "promgen.notification.webhook",
	                           "http://w/x?y", NULL);

	assert_string_equal(buf_text(&((struct world *)*state)->request.url),
	                    "http://w/x?y");
	has(body, "{\"receiver\":\"r\",\"status\":\"firing\",\"alerts\":[{"
	          "\"status\":\"firing\",\"labels\":{\"alertname\":\"Full\"");
	has(body, "\"startsAt\":\"2026-01-02T15:04:05.123Z\","
	          "\"endsAt\":\"0001-01-01T00:00:00Z\"");
	has(body, "\"fingerprint\":\"f1\"");
	has(body, "\"version\":\"4\",\"groupKey\":\"{}:{a=\\\"b\\\"}\","
	          "\"truncatedAlerts\":0}");
	has(body, "\"externalURL\":\"http://am:9093\"");
	/* what was written is read again as the same */
	assert_int_equal(am_read(((struct world *)*state)->reader,
	                         slice_from(body),
	                         &((struct world *)*state)->message, NULL),
	                 0);
	assert_int_equal(((struct world *)*state)->message.n_alerts, 2);
}

static void test_part(void **state)
{
	const char *body =
		body_of(*state, "webhook", "http://w/", (uint8_t[]){ 0x2 });

	has(body, "\"status\":\"resolved\",\"alerts\":[{\"status\":"
	          "\"resolved\"");
	has_not(body, "\"f1\"");
	has(body, "\"commonLabels\":{\"alertname\":\"Down\",\"project\":"
	          "\"web\",\"service\":\"shop\"}");
	body = body_of(*state, "webhook", "http://w/", (uint8_t[]){ 0x1 });
	has(body, "\"commonAnnotations\":{\"more\":\"m\",\"summary\":\"disk "
	          "<full>\"}");
	has_not(body, "\"f2\"");
}

static void make_objects(struct world *world)
{
	const struct assignment shard[] = { { SHARD_NAME, { .text = "s1" } } };
	const struct assignment service[] = { { SERVICE_NAME,
		                                { .text = "shop" } } };
	struct assignment project[] = { { PROJECT_NAME, { .text = "web" } },
		                        { PROJECT_SERVICE, { 0 } },
		                        { PROJECT_SHARD, { 0 } } };
	struct model_tx *tx;
	struct object *made;

	world->model = model_new(1);
	tx = model_begin(world->model, 1);
	assert_int_equal(model_create(tx, KIND_SHARD, shard, 1,
	                              &project[2].value.object, NULL),
	                 0);
	assert_int_equal(model_create(tx, KIND_SERVICE, service, 1,
	                              &project[1].value.object, NULL),
	                 0);
	assert_int_equal(
		model_create(tx, KIND_PROJECT, project, 3, &made, NULL), 0);
	model_commit(tx);
}

/* As Promgen adds them, if it is known where we are. */
static void test_links(void **state)
{
	struct world *world = *state;
	struct delivery_part part = { .external_url = "http://b:9090/",
		                      .alert_id = 7 };
	struct am_message told;

	make_objects(world);
	part.model = world->model;
	assert_int_equal(
		delivery_message(&world->message, &part, &world->arena, &told),
		0);
	assert_int_equal(told.common_annotations.n, 3);
	assert_true(slice_is(am_label(&told.common_annotations, "service"),
	                     "http://b:9090/rest/v2/services/1"));
	assert_true(slice_is(am_label(&told.common_annotations, "project"),
	                     "http://b:9090/rest/v2/projects/1"));
	assert_true(
		slice_is(told.external_url, "http://b:9090/registry/alerts/7"));
	assert_true(slice_is(told.common_annotations.items[0].name, "project"));
	model_free(world->model);
}

/* --- others -------------------------------------------------------------------- */

static void test_alertmanager(void **state)
{
	struct world *world = *state;
	const char *body =
		body_of(world, "alertmanager", "http://am:9093", NULL);

	assert_string_equal(buf_text(&world->request.url),
	                    "http://am:9093/api/v2/alerts");
	assert_true(body[0] == '[');
	has(body, "{\"startsAt\":\"2026-01-02T15:04:05.123Z\","
	          "\"annotations\":");
	has(body, "\"endsAt\":\"2026-01-02T16:04:05.000Z\"");
	has_not(body, "0001-01-01");
	(void)body_of(world, "alertmanager", "http://am/x/api/v2/alerts", NULL);
	assert_string_equal(buf_text(&world->request.url),
	                    "http://am/x/api/v2/alerts");
}

#define KEY "0123456789abcdef0123456789ABCDEF"

static void test_pagerduty(void **state)
{
	struct world *world = *state;
	const char *body =
		body_of(world, "pagerduty", "Domain:" KEY, (uint8_t[]){ 0x1 });

	assert_string_equal(buf_text(&world->request.url),
	                    "https://events.pagerduty.com/v2/enqueue");
	has(body, "{\"routing_key\":\"" KEY "\",\"client\":\"Bouncer\"");
	has(body, "\"event_action\":\"trigger\"");
	/* of "projectwebserviceshop" */
	has(body, "\"dedup_key\":\"Promgen/"
	          "2921c87ba4919de3f5d7098af3eca51ca7c65c00\"");
	has(body, "\"severity\":\"warning\"");
	has(body, "\"source\":\"web\"");
	has(body, "\"summary\":\"[firing] Full web shop minor\"");
	has(body, "{\"href\":\"http://p/g?a=1&b=2\",\"text\":\"Full\"}");
	body = body_of(world, "pagerduty", "eu:" KEY, (uint8_t[]){ 0x2 });
	assert_string_equal(buf_text(&world->request.url),
	                    "https://events.eu.pagerduty.com/v2/enqueue");
	has(body, "\"event_action\":\"resolve\"");
	has(body, "\"severity\":\"error\"");
	(void)body_of(world, "pagerduty", "http://h:1/p:" KEY, NULL);
	assert_string_equal(buf_text(&world->request.url), "http://h:1/p");
}

static void test_words(void **state)
{
	struct world *world = *state;
	const char *body =
		body_of(world, "promgen.notification.slack", "http://s/", NULL);

	has(body, "{\"text\":\"[firing] web shop\\n\\nSummary: disk "
	          "&lt;full&gt;\\n\\nLabels: alertname=Full, "
	          "severity=minor\\nMore: m\\nSource: "
	          "http://p/g?a=1&amp;b=2\\n\\n[resolved]\\nLabels: "
	          "alertname=Down\\n\"}");
	/* that it is over is said in a line */
	body = body_of(world, "mattermost", "http://s/", (uint8_t[]){ 0x2 });
	assert_string_equal(body, "{\"text\":\"[resolved] Down web shop\\n\"}");
	has(body_of(world, "discord", "http://s/", NULL),
	    "\"allowed_mentions\":{\"parse\":[]}");
	has(body_of(world, "gotify", "http://s/", NULL),
	    "{\"title\":\"[firing] web shop\",\"message\":");
	has(body_of(world, "apprise", "http://s/", (uint8_t[]){ 0x2 }),
	    "\"type\":\"success\"");
	body = body_of(world, "ntfy", "http://s/", NULL);
	assert_true(strncmp(body, "[firing] web shop\n", 18) == 0);
	assert_int_equal(world->request.n_headers, 4);
	assert_string_equal(world->request.headers[1].value,
	                    "[firing] web shop");
}

/* --- senders ------------------------------------------------------------------- */

static void refused(const char *sender, const char *value, const char *words)
{
	struct err err = { 0 };

	assert_int_equal(sender_check(sender, value, &err), -EINVAL);
	has(err.message, words);
}

static void test_senders(void **state)
{
	assert_int_equal(sender_check("slack", "https://h/x", NULL), 0);
	assert_int_equal(
		sender_check("promgen.notification.json", "http://h", NULL), 0);
	refused("slack", "not-a-url", "must be a URL");
	refused("slack", "http://", "");
	refused("pagerduty", "short", "routing key of 32");
	refused("pagerduty", "a:b:" KEY "x", "routing key of 32");
	refused("promgen.notification.email", "a@b", "use apprise");
	refused("promgen.notification.linenotify", "t", "ended in 2025");
	refused("promgen.notification.user", "1", "there are no users");
	refused("smoke", "x", "must be one of webhook");
	refused("promgen.notification.", "x", "must be one of webhook");
}

/* --- trouble -------------------------------------------------------------------- */

static void scenario(struct world *world, int *rp)
{
	const uint8_t bits[] = { 0x1 };
	const struct delivery_part part = { .alerts = bits,
		                            .external_url = "http://b",
		                            .alert_id = 1,
		                            .model = world->model };
	static const char *const senders[] = { "webhook", "pagerduty", "slack",
		                               "ntfy", "alertmanager" };
	struct am_message told;

	*rp = delivery_message(&world->message, &part, &world->arena, &told);
	for (size_t i = 0; *rp == 0 && i < ARRAY_SIZE(senders); i++) {
		struct delivery_request request;

		*rp = delivery_request_make(&request, senders[i],
		                            i == 1 ? KEY : "http://h", &told,
		                            NULL);
		delivery_request_fini(&request);
	}
	arena_fini(&world->arena);
	world->arena = (struct arena){ 0 };
}

static void test_allocation_faults(void **state)
{
	struct world *world = *state;
	size_t n;
	int r;

	make_objects(world);
	faults_count();
	scenario(world, &r);
	n = faults_end();
	assert_int_equal(r, 0);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		scenario(world, &r);
		faults_end();
		if (r != 0)
			assert_int_equal(r, -ENOMEM);
	}
	model_free(world->model);
}

/* A request is whole, or there is none. */
static void test_no_part_is_lost(void **state)
{
	static const char *const senders[] = {
		"webhook", "pagerduty", "slack", "ntfy", "gotify", "apprise"
	};
	struct world *world = *state;

	for (size_t i = 0; i < ARRAY_SIZE(senders); i++) {
		const char *value = i == 1 ? KEY : "http://h";
		char *body = strdup(body_of(world, senders[i], value, NULL));
		char *title = strdup(buf_text(&world->request.title));
		struct delivery_request request;
		size_t n;

		assert_true(body && title);
		faults_count();
		assert_int_equal(delivery_request_make(&request, senders[i],
		                                       value, &world->message,
		                                       NULL),
		                 0);
		delivery_request_fini(&request);
		n = faults_end();
		for (size_t k = 1; k <= n; k++) {
			faults_fail(k);
			if (delivery_request_make(&request, senders[i], value,
			                          &world->message, NULL) == 0) {
				assert_string_equal(buf_text(&request.body),
				                    body);
				assert_string_equal(buf_text(&request.title),
				                    title);
			}
			delivery_request_fini(&request);
			(void)faults_end();
		}
		free(body);
		free(title);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_webhook),         TEST(test_part),
		TEST(test_links),           TEST(test_alertmanager),
		TEST(test_pagerduty),       TEST(test_words),
		TEST(test_senders),         TEST(test_allocation_faults),
		TEST(test_no_part_is_lost),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
