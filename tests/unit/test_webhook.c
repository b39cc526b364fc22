/* SPDX-License-Identifier: Apache-2.0 */
/* webhook: what each receiver is sent. */
#include "support/cmocka.h"

#include <errno.h>
#include "base/text.h"
#include "core/webhook.h"
#include "notice_kit.h"
#include "proto/json.h"
#include "proto/timestamp.h"
#include "proto/url.h"
#include "support/faults.h"

static struct webhook webhook_of(enum webhook_preset preset)
{
	return (struct webhook){ .url = "http://a/",
		                 .method = "POST",
		                 .preset = preset };
}

static void body_is(enum webhook_preset preset, const struct notice *notice,
                    const char *expected)
{
	struct webhook webhook = webhook_of(preset);
	struct buf buf;

	buf_init(&buf, WEBHOOK_MAX_BODY);
	webhook_body(&webhook, notice, &buf);
	assert_int_equal(buf.failed, 0);
	assert_string_equal(buf_text(&buf), expected);
	buf_fini(&buf);
}

#define WORDS                                                        \
	"restarted web-1: container is unhealthy (attempt 2 of 5); " \
	"next try in 30s"

static void test_bodies(void **state)
{
	struct notice angled = kit_bounced;

	body_is(WEBHOOK_JSON, &kit_bounced,
	        "{\"event\":\"bounced\",\"title\":\"box: web-1 bounced\","
	        "\"message\":\"" WORDS "\","
	        "\"monitor\":\"health/shop/web/1\",\"rule\":\"health\","
	        "\"container\":\"web-1\",\"image\":\"nginx:1.25\","
	        "\"runtime\":\"docker\",\"host\":\"box\","
	        "\"reason\":\"container is unhealthy\",\"step\":\"restart\","
	        "\"result\":\"ok\",\"detail\":\"\","
	        "\"output\":\"curl: (7) refused\\n\",\"exit_code\":7,"
	        "\"age_seconds\":65,\"attempt\":2,\"max_attempts\":5,"
	        "\"next_seconds\":30,\"held\":0,"
	        "\"time\":\"2026-01-02T03:04:05.123Z\"}");
	angled.output = "a < b & `c` > d";
	body_is(WEBHOOK_SLACK, &angled,
	        "{\"text\":\"*box* " WORDS " (exit code 7)\\n"
	        "```\\na &lt; b &amp; 'c' &gt; d\\n```\"}");
	body_is(WEBHOOK_MATTERMOST, &angled,
	        "{\"text\":\"**box** " WORDS " (exit code 7)\\n"
	        "```\\na < b & 'c' > d\\n```\"}");
	body_is(WEBHOOK_DISCORD, &kit_bounced,
	        "{\"content\":\"**box** " WORDS " (exit code 7)\\n"
	        "```\\ncurl: (7) refused\\n```\","
	        "\"allowed_mentions\":{\"parse\":[]}}");
	body_is(WEBHOOK_NTFY, &kit_bounced,
	        WORDS "\nexit code 7\ncurl: (7) refused");
	body_is(WEBHOOK_GOTIFY, &kit_bounced,
	        "{\"title\":\"box: web-1 bounced\",\"message\":\"" WORDS
	        "\\nexit code 7\\ncurl: (7) refused\",\"priority\":5}");
	body_is(WEBHOOK_APPRISE, &kit_bounced,
	        "{\"title\":\"box: web-1 bounced\",\"body\":\"" WORDS
	        "\\nexit code 7\\ncurl: (7) refused\",\"type\":\"warning\","
	        "\"format\":\"text\"}");
}

/* What a series says has its place where the format has one. */
static void test_reading(void **state)
{
	static const struct label labels[] = {
		{ { "instance", 8 }, { "web-2", 5 } },
		{ { "path", 4 }, { "/a \"b\"", 6 } },
		{ { "a.b", 3 }, { "`", 1 } },
	};
	struct notice notice = kit_bounced;

	notice.output = "";
	notice.exit_code = -1;
	notice.labels = labels;
	notice.n_labels = ARRAY_SIZE(labels);
	notice.annotations = labels;
	notice.n_annotations = 1;
	notice.value = "104.5";
	notice.threshold = ">100";
	notice.level = "hard";
	body_is(WEBHOOK_JSON, &notice,
	        "{\"event\":\"bounced\",\"title\":\"box: web-1 bounced\","
	        "\"message\":\"" WORDS "\","
	        "\"monitor\":\"health/shop/web/1\",\"rule\":\"health\","
	        "\"container\":\"web-1\",\"image\":\"nginx:1.25\","
	        "\"runtime\":\"docker\",\"host\":\"box\","
	        "\"reason\":\"container is unhealthy\",\"step\":\"restart\","
	        "\"result\":\"ok\",\"detail\":\"\","
	        "\"output\":\"\",\"exit_code\":null,"
	        "\"age_seconds\":65,\"attempt\":2,\"max_attempts\":5,"
	        "\"next_seconds\":30,\"held\":0,"
	        "\"value\":\"104.5\",\"threshold\":\">100\",\"level\":"
	        "\"hard\",\"labels\":{\"instance\":\"web-2\",\"path\":"
	        "\"/a \\\"b\\\"\",\"a.b\":\"`\"},\"annotations\":{"
	        "\"instance\":\"web-2\"},"
	        "\"time\":\"2026-01-02T03:04:05.123Z\"}");
	body_is(WEBHOOK_NTFY, &notice,
	        WORDS "\nvalue 104.5, limit >100, hard; instance=web-2 "
	              "path=/a \"b\" a.b=`");
	body_is(WEBHOOK_MATTERMOST, &notice,
	        "{\"text\":\"**box** " WORDS "\\n```\\nvalue 104.5, limit "
	        ">100, hard; instance=web-2 path=/a \\\"b\\\" a.b='\\n```"
	        "\"}");
	body_is(WEBHOOK_ALERTMANAGER, &notice,
	        "[{\"labels\":{\"alertname\":\"BouncerBounced\","
	        "\"severity\":\"warning\",\"instance\":\"box\",\"monitor\":"
	        "\"health/shop/web/1\",\"rule\":\"health\",\"container\":"
	        "\"web-1\",\"runtime\":\"docker\",\"path\":\"/a "
	        "\\\"b\\\"\"},\"annotations\":{\"summary\":\"box: web-1 "
	        "bounced\",\"description\":\"" WORDS "\",\"image\":"
	        "\"nginx:1.25\",\"step\":\"restart\",\"result\":\"ok\","
	        "\"value\":\"104.5\",\"threshold\":\">100\",\"level\":"
	        "\"hard\"},\"startsAt\":\"2026-01-02T03:04:05.123Z\","
	        "\"endsAt\":\"2026-01-02T04:04:35.123Z\"}]");
}

#define LABELS(name, severity)                                             \
	"{\"labels\":{\"alertname\":\"" name "\",\"severity\":\"" severity \
	"\",\"instance\":\"box\",\"monitor\":\"health/shop/web/1\","       \
	"\"rule\":\"health\",\"container\":\"web-1\","                     \
	"\"runtime\":\"docker\"},"

static void test_alertmanager(void **state)
{
	struct notice notice = kit_bounced;

	body_is(WEBHOOK_ALERTMANAGER, &notice,
	        "[" LABELS(
			"BouncerBounced",
			"warning") "\"annotations\":{\"summary\":\"box: web-1 "
	                           "bounced\","
	                           "\"description\":\"" WORDS
	                           "\",\"image\":\"nginx:1.25\","
	                           "\"step\":\"restart\",\"result\":\"ok\","
	                           "\"output\":\"curl: (7) refused\\n\"},"
	                           "\"startsAt\":\"2026-01-02T03:04:05.123Z\","
	                           "\"endsAt\":\"2026-01-02T04:04:35.123Z\"}]");

	/* the same labels as both that may be firing */
	notice.event = NOTICE_RECOVERED;
	notice.output = "";
	notice.next_ms = 0;
#define RECOVERED                                                \
	"\"annotations\":{\"summary\":\"box: web-1 recovered\"," \
	"\"description\":\"web-1 has recovered after 1m5s "      \
	"(attempt 2 of 5)\",\"image\":\"nginx:1.25\","           \
	"\"step\":\"restart\",\"result\":\"ok\"},"               \
	"\"endsAt\":\"2026-01-02T03:03:05.123Z\"}"
	body_is(WEBHOOK_ALERTMANAGER, &notice,
	        "[" LABELS("BouncerBounced", "warning") RECOVERED
	        "," LABELS("BouncerGaveUp", "critical") RECOVERED "]");

	notice.event = NOTICE_STORM;
	notice.n_held = 2;
	body_is(WEBHOOK_ALERTMANAGER, &notice,
	        "[{\"labels\":{\"alertname\":\"BouncerStorm\",\"severity\":"
	        "\"critical\",\"instance\":\"box\",\"runtime\":\"docker\"},"
	        "\"annotations\":{\"summary\":\"box: a storm holds bounces "
	        "back\",\"description\":\"a storm holds back web-1 and 1 more: "
	        "container is unhealthy\",\"image\":\"nginx:1.25\","
	        "\"step\":\"restart\",\"result\":\"ok\"},"
	        "\"startsAt\":\"2026-01-02T03:04:05.123Z\","
	        "\"endsAt\":\"2026-01-02T04:04:05.123Z\"}]");
}

static size_t n_characters(struct slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

/* Whatever a check prints: a whole document, UTF-8, and not too long. */
static void expect_sound(enum webhook_preset preset,
                         const struct notice *notice)
{
	struct webhook webhook = webhook_of(preset);
	struct json_t *root = NULL;
	struct buf buf;

	buf_init(&buf, WEBHOOK_MAX_BODY);
	webhook_body(&webhook, notice, &buf);
	assert_int_equal(buf.failed, 0);
	for (struct slice rest = buf_slice(&buf); rest.n;) {
		size_t n = text_utf8_length(rest);

		assert_true(n > 0);
		rest = slice_skip(rest, n);
	}
	if (preset == WEBHOOK_NTFY)
		assert_in_range(buf.n, 1, 4096);
	else
		assert_int_equal(json_parse(buf_slice(&buf), &root, NULL), 0);
	if (preset == WEBHOOK_DISCORD)
		assert_in_range(
			n_characters(json_as_text(json_get(root, "content"))),
			1, 2000);
	if (preset == WEBHOOK_SLACK)
		assert_null(strpbrk(buf_text(&buf), "<>"));
	json_free(root);
	buf_fini(&buf);
}

static void test_hostile(void **state)
{
	static char huge[100000];
	struct label huge_label = { { "a", 1 }, { huge, sizeof(huge) - 1 } };
	struct notice long_one;

	memset(huge, 0xff, sizeof(huge) - 1);
	for (size_t i = 0; i + 1 < sizeof(huge); i += 7)
		huge[i] = '<';
	long_one = (struct notice){ .monitor = huge,
		                    .rule = huge,
		                    .container = huge,
		                    .image = huge,
		                    .runtime = huge,
		                    .host = huge,
		                    .reason = huge,
		                    .step = huge,
		                    .result = huge,
		                    .detail = huge,
		                    .output = huge,
		                    .value = huge,
		                    .threshold = huge,
		                    .labels = &huge_label,
		                    .n_labels = 1,
		                    .exit_code = INT64_MAX };
	for (int i = 0; i < N_WEBHOOK_PRESETS; i++) {
		struct notice notice = kit_hostile;

		for (int k = 0; k < N_NOTICE_EVENTS; k++) {
			notice.event = (enum notice_event)k;
			expect_sound((enum webhook_preset)i, &notice);
			long_one.event = (enum notice_event)k;
			expect_sound((enum webhook_preset)i, &long_one);
		}
	}
}

static const char *header_of(const struct webhook_header *headers, size_t n,
                             const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(headers[i].name, name) == 0)
			return headers[i].value;
	return NULL;
}

static void test_headers(void **state)
{
	static const struct webhook_header own[] = {
		{ "X-Title", "{{ host }}\n{{ nobody }}" },
		{ "title", "mine" },
	};
	struct webhook_header headers[WEBHOOK_HEADERS_ALL];
	struct webhook webhook = webhook_of(WEBHOOK_JSON);
	struct notice notice = kit_bounced;
	struct buf text;

	buf_init(&text, 65536);
	assert_int_equal(webhook_headers(&webhook, &notice, &text, headers), 1);
	assert_string_equal(headers[0].name, "Content-Type");
	assert_string_equal(headers[0].value, "application/json");

	buf_reset(&text);
	notice.event = NOTICE_GAVE_UP;
	webhook.preset = WEBHOOK_NTFY;
	assert_int_equal(webhook_headers(&webhook, &notice, &text, headers), 4);
	assert_string_equal(header_of(headers, 4, "Content-Type"),
	                    "text/plain; charset=utf-8");
	assert_string_equal(header_of(headers, 4, "Title"),
	                    "box: gave up on web-1");
	assert_string_equal(header_of(headers, 4, "Priority"), "5");
	assert_string_equal(header_of(headers, 4, "Tags"), "rotating_light");

	buf_reset(&text);
	webhook.headers = own;
	webhook.n_headers = 2;
	assert_int_equal(webhook_headers(&webhook, &notice, &text, headers), 5);
	assert_string_equal(header_of(headers, 5, "title"), "mine");
	assert_null(header_of(headers, 5, "Title"));
	assert_non_null(header_of(headers, 5, "X-Title"));
	buf_fini(&text);
}

static void test_body_template(void **state)
{
	static const struct webhook_header plain[] = {
		{ "content-type", "text/plain" },
	};
	struct webhook webhook = webhook_of(WEBHOOK_SLACK);
	struct notice notice = kit_bounced;
	struct buf buf;

	notice.output = "a\nb\n";
	webhook.body = "{\"content\": \"{{ output }}\"}";
	assert_int_equal(webhook_body_kind(&webhook), TEMPLATE_JSON);
	buf_init(&buf, WEBHOOK_MAX_BODY);
	webhook_body(&webhook, &notice, &buf);
	assert_string_equal(buf_text(&buf), "{\"content\": \"a\\nb\\n\"}");

	webhook.preset = WEBHOOK_NTFY;
	assert_int_equal(webhook_body_kind(&webhook), TEMPLATE_PLAIN);
	webhook.preset = WEBHOOK_JSON;
	webhook.headers = plain;
	webhook.n_headers = 1;
	webhook.body = "{{ output }}";
	assert_int_equal(webhook_body_kind(&webhook), TEMPLATE_PLAIN);
	buf_reset(&buf);
	webhook_body(&webhook, &notice, &buf);
	assert_string_equal(buf_text(&buf), "a\nb\n");
	buf_fini(&buf);
}

static void test_url(void **state)
{
	struct slice target;
	struct url url;

	assert_int_equal(url_parse_target(slice_from("https://u:p@h/a?b=c"),
	                                  &url, &target, NULL),
	                 0);
	assert_true(slice_is(url.host, "h") && slice_is(url.user, "u:p"));
	assert_int_equal(url.port, 443);
	assert_int_equal(url.scheme, URL_HTTPS);
	assert_true(slice_is(target, "/a?b=c") && url.path.n == 0);
	assert_int_equal(url_parse_target(slice_from("http://h:81"), &url,
	                                  &target, NULL),
	                 0);
	assert_true(slice_is(target, "/") && url.port == 81);
	assert_int_equal(url_parse_target(slice_from(""), &url, &target, NULL),
	                 -EINVAL);
}

/* Out of memory is a failure that is said, never half a message. */
static void test_no_memory(void **state)
{
	faults_install_mem();
	for (int i = 0; i < N_WEBHOOK_PRESETS; i++) {
		struct webhook webhook = webhook_of((enum webhook_preset)i);
		struct buf whole;
		size_t n;

		buf_init(&whole, WEBHOOK_MAX_BODY);
		faults_count();
		webhook_body(&webhook, &kit_bounced, &whole);
		buf_fini(&whole);
		n = faults_end();
		for (size_t k = 1; k <= n; k++) {
			struct json_t *root = NULL;
			struct buf buf;

			buf_init(&buf, WEBHOOK_MAX_BODY);
			faults_fail(k);
			webhook_body(&webhook, &kit_bounced, &buf);
			if (!buf.failed && i != WEBHOOK_NTFY)
				assert_int_equal(json_parse(buf_slice(&buf),
				                            &root, NULL),
				                 0);
			json_free(root);
			buf_fini(&buf);
			(void)faults_end();
		}
	}
}

static void test_names(void **state)
{
	static const char *const names[] = {
		"json", "slack",  "mattermost", "discord",
		"ntfy", "gotify", "apprise",    "alertmanager",
	};

	for (int i = 0; i < N_WEBHOOK_PRESETS; i++)
		assert_string_equal(webhook_preset_name((enum webhook_preset)i),
		                    names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_alertmanager),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_body_template),
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
