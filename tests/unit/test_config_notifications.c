/* SPDX-License-Identifier: Apache-2.0 */
/* config: whom to tell, and steps that tell somebody. */
#include "support/cmocka.h"

#include <errno.h>
#include <string.h>
#include "config_kit.h"

static struct config *load(const char *notification)
{
	char text[4096];

	(void)snprintf(text, sizeof(text), "notifications: [%s]\n" REST,
	               notification);
	return config_kit_load(text);
}

static void test_defaults(void **state)
{
	struct config *config = load("{name: a, url: 'http://h/x'}");
	const struct notification *n = config->notifications;

	assert_int_equal(config->n_notifications, 1);
	assert_string_equal(n->name, "a");
	assert_int_equal(n->events,
	                 1 << NOTICE_BOUNCED | 1 << NOTICE_RECOVERED |
	                         1 << NOTICE_GAVE_UP | 1 << NOTICE_STORM);
	assert_string_equal(n->webhook.url, "http://h/x");
	assert_string_equal(n->webhook.method, "POST");
	assert_int_equal(n->webhook.preset, WEBHOOK_JSON);
	assert_null(n->webhook.body);
	assert_int_equal(n->webhook.n_headers, 0);
	assert_null(n->webhook.token_file);
	assert_null(n->webhook.ca_file);
	assert_int_equal(n->webhook.timeout_ms, 10000);
	assert_int_equal(n->webhook.max_tries, 5);
	config_free(config);
}

static const char full[] =
	"global: {tls_ca: /ca}\n"
	"notifications:\n"
	"- name: ops\n"
	"  url: https://h:1/{{ container }}?q={{ host }}\n"
	"  preset: mattermost\n"
	"  events: [gave_up, storm]\n"
	"  body: '{\"text\": \"{{ reason }}\", \"n\": {{ attempt }}}'\n"
	"  method: PUT\n"
	"  headers: {X-Title: 'of {{ host }}', A: b}\n"
	"  token_file: /t\n"
	"  timeout: 2s\n"
	"  max_tries: 3\n"
	"- {name: b, url: 'http://h', preset: ntfy, body: 'not JSON {{ host "
	"}}'}\n"
	"monitors:\n"
	"- name: h\n"
	"  watch: health\n"
	"  type: docker\n"
	"  timeout: 7s\n"
	"  steps:\n"
	"  - {type: webhook, url: 'http://s', preset: slack}\n"
	"  - {type: webhook, url: 'http://s', ca_file: /b, timeout: 1s, "
	"max_tries: 2}\n"
	"  - {type: stop}\n"
	"  - {type: remove}\n";

static void test_full(void **state)
{
	struct config *config = config_kit_load(full);
	const struct notification *n = config->notifications;

	assert_int_equal(config->n_notifications, 2);
	assert_int_equal(n->events, 1 << NOTICE_GAVE_UP | 1 << NOTICE_STORM);
	assert_string_equal(n->webhook.url,
	                    "https://h:1/{{ container }}?q={{ host }}");
	assert_int_equal(n->webhook.preset, WEBHOOK_MATTERMOST);
	assert_string_equal(
		n->webhook.body,
		"{\"text\": \"{{ reason }}\", \"n\": {{ attempt }}}");
	assert_string_equal(n->webhook.method, "PUT");
	assert_int_equal(n->webhook.n_headers, 2);
	assert_string_equal(n->webhook.headers[0].name, "A");
	assert_string_equal(n->webhook.headers[1].value, "of {{ host }}");
	assert_string_equal(n->webhook.token_file, "/t");
	assert_string_equal(n->webhook.ca_file, "/ca");
	assert_int_equal(n->webhook.timeout_ms, 2000);
	assert_int_equal(n->webhook.max_tries, 3);
	assert_int_equal(n[1].webhook.preset, WEBHOOK_NTFY);
	config_free(config);
}

/* A step is tried once, and the monitor's time is that of the request. */
static void test_steps(void **state)
{
	struct config *config = config_kit_load(full);
	const struct step *steps = config->monitors->steps;

	assert_int_equal(steps[0].kind, STEP_WEBHOOK);
	assert_int_equal(steps[0].timeout_ms, STEP_TIMEOUT_DERIVED);
	assert_int_equal(steps[0].webhook->preset, WEBHOOK_SLACK);
	assert_int_equal(steps[0].webhook->timeout_ms, 7000);
	assert_int_equal(steps[0].webhook->max_tries, 1);
	assert_string_equal(steps[0].webhook->ca_file, "/ca");
	assert_int_equal(steps[1].webhook->timeout_ms, 1000);
	assert_int_equal(steps[1].webhook->max_tries, 2);
	assert_string_equal(steps[1].webhook->ca_file, "/b");
	assert_null(steps[2].webhook);
	assert_int_equal(steps[3].kind, STEP_REMOVE);
	config_free(config);
}

static void test_equality(void **state)
{
	static const char *const variants[] = {
		"{name: a, url: 'http://h'}",
		"{name: b, url: 'http://h'}",
		"{name: a, url: 'http://i'}",
		"{name: a, url: 'http://h', events: [bounced]}",
		"{name: a, url: 'http://h', headers: {a: b}}",
		"{name: a, url: 'http://h'}, {name: b, url: 'http://h'}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		struct config *a = load(variants[i]);

		for (size_t k = 0; k < ARRAY_SIZE(variants); k++) {
			struct config *b = load(variants[k]);

			assert_int_equal(config_notifications_equal(a, b),
			                 i == k);
			config_free(b);
		}
		config_free(a);
	}
}

static const struct {
	const char *notification;
	const char *problem; /* behind "t.yml:1: notifications[0]." */
} wrong[] = {
	{ "{url: 'http://h'}", "name: is missing" },
	{ "{name: '', url: 'http://h'}",
	  "name: \"\" is not a name; it must not be empty or contain control "
	  "characters" },
	{ "{name: a}", "url: is missing" },
	{ "{name: a, url: 'ftp://h'}", "url: " },
	{ "{name: a, url: 'http://{{ host }}/'}", "url: " },
	{ "{name: a, url: 'http://h/{{ hots }}'}",
	  "url: {{ hots }} at character 10 is not known; did you mean "
	  "{{ host }}?" },
	{ "{name: a, url: 'http://h', preset: slak}",
	  "preset: \"slak\" is not one of json, slack, mattermost, discord, "
	  "ntfy, gotify, apprise, alertmanager; did you mean slack?" },
	{ "{name: a, url: 'http://h', events: [gaveup]}",
	  "events[0]: \"gaveup\" is not one of bounced, recovered, gave_up, "
	  "storm; did you mean gave_up?" },
	{ "{name: a, url: 'http://h', events: []}",
	  "events: is empty; remove the key for all events" },
	{ "{name: a, url: 'http://h', events: storm}",
	  "events: expected a list, found a single value; write it as "
	  "[gave_up, storm]" },
	{ "{name: a, url: 'http://h', body: '{'}", "body: " },
	{ "{name: a, url: 'http://h', method: post}",
	  "method: \"post\" is not one of POST, PUT, PATCH, GET" },
	{ "{name: a, url: 'http://h', headers: {'a b': c}}",
	  "headers.a b: is not the name of a header" },
	{ "{name: a, url: 'http://h', headers: {a: \"b\\nc\"}}",
	  "headers.a: contains control characters" },
	{ "{name: a, url: 'http://h', headers: {a: '{{ b }}'}}",
	  "headers.a: {{ b }} at character 1 is not known" },
	{ "{name: a, url: 'http://h', headers: [a]}",
	  "headers: expected names and values; write it as "
	  "{X-Title: Bouncer}" },
	{ "{name: a, url: 'http://h', token_file: ''}",
	  "token_file: is empty; name a file" },
	{ "{name: a, url: 'http://h', timeout: 0s}",
	  "timeout: \"0s\" must be more than 0" },
	{ "{name: a, url: 'http://h', max_tries: 0}",
	  "max_tries: \"0\" is out of range; use 1 to 100" },
	{ "{name: a, url: 'http://h', volumes: true}", "volumes: unknown key" },
};

static void test_problems(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct config *config = NULL;
		struct buf problems;
		char text[4096];
		char line[512];

		(void)snprintf(text, sizeof(text), "notifications: [%s]\n" REST,
		               wrong[i].notification);
		(void)snprintf(line, sizeof(line),
		               "t.yml:1: notifications[0].%s",
		               wrong[i].problem);
		buf_init(&problems, 1 << 16);
		assert_int_equal(config_load_text(slice_from(text), "t.yml",
		                                  NULL, 0, &config, &problems),
		                 -EINVAL);
		if (strncmp(buf_text(&problems), line, strlen(line)) != 0 ||
		    strchr(buf_text(&problems), '\n')[1] != '\0')
			fail_msg("%s\nis not\n%s", buf_text(&problems), line);
		buf_fini(&problems);
	}
}

static void test_names(void **state)
{
	struct config *config = NULL;
	struct buf problems;

	buf_init(&problems, 1 << 16);
	assert_int_equal(
		config_load_text(
			slice_from("notifications: [{name: a, url: 'http://h'},"
	                           " {name: a, url: 'http://h'}]\n" REST),
			"t.yml", NULL, 0, &config, &problems),
		-EINVAL);
	assert_string_equal(buf_text(&problems),
	                    "t.yml:1: notifications[1].name: \"a\" is the name "
	                    "of notifications[0] already\n");
	buf_fini(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
