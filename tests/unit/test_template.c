/* SPDX-License-Identifier: Apache-2.0 */
/* template: what is accepted, and what is made of it. */
#include "support/cmocka.h"

#include <errno.h>
#include "core/template.h"
#include "notice_kit.h"
#include "proto/json.h"
#include "support/faults.h"

static void test_check(void **state)
{
	static const struct {
		enum template_kind kind;
		const char *text;
		const char *words; /* NULL: it is good */
	} rows[] = {
		{ TEMPLATE_PLAIN, "", NULL },
		{ TEMPLATE_PLAIN, "nothing to fill in }}", NULL },
		{ TEMPLATE_PLAIN, "{{host}}{{ host }}{{\thost }}", NULL },
		{ TEMPLATE_PLAIN, "on {{ hosst }}",
		  "{{ hosst }} at character 4 is not known; did you mean "
		  "{{ host }}?" },
		{ TEMPLATE_PLAIN, "{{ contianer }}",
		  "{{ contianer }} at character 1 is not known; did you mean "
		  "{{ container }}?" },
		{ TEMPLATE_PLAIN, "{{ quux }}",
		  "{{ quux }} at character 1 is not known" },
		{ TEMPLATE_PLAIN, "{{}}",
		  "{{  }} at character 1 is not known" },
		{ TEMPLATE_PLAIN, "x {{ host }",
		  "{{ at character 3 is not closed by }}" },
		{ TEMPLATE_PLAIN, "{{",
		  "{{ at character 1 is not closed by }}" },
		{ TEMPLATE_JSON, "{\"a\": \"{{ output }}\"}", NULL },
		{ TEMPLATE_JSON, "{\"a\":{\"b\":{{ attempt }}}}", NULL },
		{ TEMPLATE_JSON, "[{{ exit_code }}, 1{{ attempt }}]", NULL },
		{ TEMPLATE_JSON, "{\"a\": {{ output }}}",
		  "not JSON when it is filled in; text must stand in quotes" },
		{ TEMPLATE_JSON, "{\"a\": 1", "not JSON" },
		{ TEMPLATE_JSON, "", "not JSON" },
		{ TEMPLATE_JSON, "\"\\{{ output }}\"", "not JSON" },
		{ TEMPLATE_JSON, "[{{ attempt }}{{ held }}]", "not JSON" },
		{ TEMPLATE_JSON, "[-{{ exit_code }}]", "not JSON" },
		{ TEMPLATE_URL, "http://a/{{ host }}?x={{ output }}", NULL },
		{ TEMPLATE_URL, "https://u:p@[::1]:8443", NULL },
		{ TEMPLATE_URL, "http://{{ host }}/",
		  "{{ }} may stand behind the host only" },
		{ TEMPLATE_URL, "{{ host }}", "behind the host only" },
		{ TEMPLATE_URL, "http://a/b c", "printable ASCII" },
		{ TEMPLATE_URL, "http://a/#b", "has no #" },
		{ TEMPLATE_URL, "http://a?b", "a / is missing before the ?" },
		{ TEMPLATE_URL, "unix:///a", "begins with http://" },
		{ TEMPLATE_URL, "http://:80/", "host" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = { 0 };
		int r = template_check(slice_from(rows[i].text), rows[i].kind,
		                       &err);

		if (r != (rows[i].words ? -EINVAL : 0) ||
		    (rows[i].words && !strstr(err.message, rows[i].words)))
			fail_msg("%s: %d \"%s\"", rows[i].text, r, err.message);
	}
	assert_int_equal(
		template_check(slice_make("a\0b", 3), TEMPLATE_PLAIN, NULL),
		-EINVAL);
}

static void test_render(void **state)
{
	static const struct {
		enum template_kind kind;
		const char *text;
		const char *out;
	} rows[] = {
		{ TEMPLATE_PLAIN, "", "" },
		{ TEMPLATE_PLAIN, "{{ event }} {{ monitor }} {{ rule }}",
		  "bounced health/shop/web/1 health" },
		{ TEMPLATE_PLAIN,
		  "{{container}} {{image}} {{runtime}} {{host}}",
		  "web-1 nginx:1.25 docker box" },
		{ TEMPLATE_PLAIN, "{{reason}}, {{step}}, {{result}}{{detail}}",
		  "container is unhealthy, restart, ok" },
		{ TEMPLATE_PLAIN, "{{output}}|", "curl: (7) refused\n|" },
		{ TEMPLATE_LINE, "{{output}}|", "curl: (7) refused |" },
		{ TEMPLATE_JSON, "\"{{output}}\"", "\"curl: (7) refused\\n\"" },
		{ TEMPLATE_URL, "http://a/{{ output }}",
		  "http://a/curl%3A%20%287%29%20refused%0A" },
		{ TEMPLATE_PLAIN,
		  "{{exit_code}} {{age}} {{age_seconds}} {{attempt}}/"
		  "{{max_attempts}} {{next_seconds}} {{held}} {{time}}",
		  "7 1m5s 65 2/5 30 0 2026-01-02T03:04:05.123Z" },
		{ TEMPLATE_PLAIN, "{{ title }}: {{ message }}",
		  "box: web-1 bounced: restarted web-1: container is "
		  "unhealthy (attempt 2 of 5); next try in 30s" },
		{ TEMPLATE_PLAIN, "{{ nobody }} {{ host",
		  "{{ nobody }} {{ host" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf buf;

		buf_init(&buf, 4096);
		template_render(slice_from(rows[i].text), rows[i].kind,
		                &kit_bounced, &buf);
		assert_int_equal(buf.failed, 0);
		assert_string_equal(buf_text(&buf), rows[i].out);
		buf_fini(&buf);
	}
}

/* Nothing in a value can become part of the document around it. */
static void test_hostile(void **state)
{
	static const char text[] =
		"{\"a\": \"{{ output }}\", \"b\": {{ exit_code }}}";
	struct json_t *root;
	struct buf buf;

	buf_init(&buf, 65536);
	template_render(slice_from(text), TEMPLATE_JSON, &kit_hostile, &buf);
	assert_int_equal(json_parse(buf_slice(&buf), &root, NULL), 0);
	assert_true(slice_is(json_as_text(json_get(root, "a")),
	                     "a\"\\\xef\xbf\xbd\xef\xbf\xbd{{ host }}\r\n"
	                     "\x1b[31m<!channel>&```@all"));
	assert_int_equal(json_as_int(json_get(root, "b"), 0), -1);
	json_free(root);

	buf_reset(&buf);
	template_render(slice_from("{{ output }}"), TEMPLATE_LINE, &kit_hostile,
	                &buf);
	assert_null(strpbrk(buf_text(&buf), "\r\n\x1b"));
	buf_fini(&buf);
}

static void test_bounds(void **state)
{
	struct notice notice = kit_bounced;
	char huge[TEMPLATE_MAX_VALUE + 100];
	struct buf buf;

	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	memcpy(&huge[TEMPLATE_MAX_VALUE - 1], "\xc3\xa4", 2);
	notice.output = huge;
	buf_init(&buf, 8192);
	template_render(slice_from("{{ output }}"), TEMPLATE_JSON, &notice,
	                &buf);
	assert_int_equal(buf.n, TEMPLATE_MAX_VALUE - 1);
	template_render(slice_from("{{ output }}{{ output }}"), TEMPLATE_JSON,
	                &notice, &buf);
	assert_int_equal(buf.failed, -E2BIG);
	buf_fini(&buf);
}

static void test_no_memory(void **state)
{
	static const char text[] = "{\"a\": \"{{ message }}\"}";
	size_t n;

	faults_install_mem();
	faults_count();
	assert_int_equal(template_check(slice_from(text), TEMPLATE_JSON, NULL),
	                 0);
	n = faults_end();
	for (size_t k = 1; k <= n; k++) {
		int r;

		faults_fail(k);
		r = template_check(slice_from(text), TEMPLATE_JSON, NULL);
		(void)faults_end();
		/* the reader of JSON takes some for bad syntax: json.h; words
		 * that are cut short are none either */
		assert_true(r == 0 || r == -ENOMEM || r == -EINVAL);
	}
}

/* --- of a series, or an alert ----------------------------------------------- */

static void test_facts(void **state)
{
	static const struct {
		const char *text;
		unsigned facts;
		const char *why; /* NULL: good */
	} rows[] = {
		{ "{{ monitor }}", 0, NULL },
		{ "{{ labels.instance }}", TEMPLATE_VALUE, NULL },
		{ "{{ labels.instance }}", TEMPLATE_ALERT, NULL },
		{ "{{ labels.instance }}", 0, "watch metrics or alerts only" },
		{ "{{ value }}", 0, "watch metrics or alerts only" },
		{ "{{ threshold }}", TEMPLATE_ALERT, "watch metrics only" },
		{ "{{ level }}", TEMPLATE_VALUE, NULL },
		{ "{{ annotations.a }}", TEMPLATE_VALUE, "watch alerts only" },
		{ "{{ status }}", TEMPLATE_ALERT, NULL },
		{ "{{ labels. }}", TEMPLATE_ALL, "is not known" },
		{ "{{ label.a }}", TEMPLATE_ALL, "is not known" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = { 0 };
		int r = template_check_for(slice_from(rows[i].text),
		                           TEMPLATE_PLAIN, rows[i].facts, &err);

		assert_int_equal(r, rows[i].why ? -EINVAL : 0);
		if (rows[i].why)
			assert_non_null(strstr(err.message, rows[i].why));
	}
	/* what is told of any monitor may name them, but only in quotes */
	assert_int_equal(template_check(slice_from("[\"{{ labels.a }}\"]"),
	                                TEMPLATE_JSON, NULL),
	                 0);
	assert_int_equal(template_check(slice_from("[{{ labels.a }}]"),
	                                TEMPLATE_JSON, NULL),
	                 -EINVAL);
}

static void test_labels(void **state)
{
	static const struct label labels[] = {
		{ { "job", 3 }, { "a$(b)", 5 } },
		{ { "x.y", 3 }, { "\"", 1 } },
	};
	struct notice notice = kit_bounced;
	struct buf buf;

	notice.labels = labels;
	notice.n_labels = ARRAY_SIZE(labels);
	notice.annotations = labels;
	notice.n_annotations = 1;
	notice.value = "104.5";
	buf_init(&buf, 4096);
	template_render(
		slice_from("{{labels.job}}|{{ labels.x.y }}|"
	                   "{{ labels.z }}|{{annotations.job}}|"
	                   "{{annotations.x.y}}|{{ value }}|{{ level }}"),
		TEMPLATE_JSON, &notice, &buf);
	assert_string_equal(buf_text(&buf), "a$(b)|\\\"||a$(b)||104.5|");
	buf_fini(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),     cmocka_unit_test(test_labels),
		cmocka_unit_test(test_check),     cmocka_unit_test(test_render),
		cmocka_unit_test(test_hostile),   cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
