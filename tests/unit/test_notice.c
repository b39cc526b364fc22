/* SPDX-License-Identifier: Apache-2.0 */
/* notice: what people read first. */
#include "support/cmocka.h"

#include "base/slice.h"
#include "base/text.h"
#include "notice_kit.h"

static void expect(const struct notice *notice, const char *title,
                   const char *words)
{
	char out[NOTICE_WORDS_MAX];

	notice_title(notice, out);
	assert_string_equal(out, title);
	notice_words(notice, out);
	assert_string_equal(out, words);
}

static void test_bounced(void **state)
{
	struct notice notice = kit_bounced;

	expect(&notice, "box: web-1 bounced",
	       "restarted web-1: container is unhealthy (attempt 2 of 5); "
	       "next try in 30s");
	notice.max_attempts = 0;
	notice.next_ms = 0;
	notice.host = "";
	notice.step = "remove";
	expect(&notice, "web-1 bounced",
	       "removed web-1: container is unhealthy (attempt 2)");
	notice.container = "";
	notice.step = "run";
	expect(&notice, "health/shop/web/1 bounced",
	       "ran a command for health/shop/web/1: container is unhealthy "
	       "(attempt 2)");
	notice.result = "failed";
	notice.detail = "exit code 3";
	expect(&notice, "health/shop/web/1 bounced",
	       "could not run health/shop/web/1: container is unhealthy; exit "
	       "code 3 (attempt 2)");
	notice.result = "dry_run";
	notice.step = "restart";
	notice.detail = "";
	expect(&notice, "health/shop/web/1 bounced",
	       "would restart health/shop/web/1: container is unhealthy "
	       "(attempt 2)");
}

static void test_others(void **state)
{
	struct notice notice = kit_bounced;

	notice.next_ms = 0;
	notice.event = NOTICE_RECOVERED;
	expect(&notice, "box: web-1 recovered",
	       "web-1 has recovered after 1m5s (attempt 2 of 5)");
	notice.event = NOTICE_GAVE_UP;
	notice.attempt = 5;
	expect(&notice, "box: gave up on web-1",
	       "gave up on web-1 after 5 attempts: container is unhealthy");
	notice.event = NOTICE_STORM;
	notice.n_held = 4;
	expect(&notice, "box: a storm holds bounces back",
	       "a storm holds back web-1 and 3 more: container is unhealthy");
	notice.event = NOTICE_STEP;
	expect(&notice, "box: web-1",
	       "web-1: container is unhealthy (attempt 5 of 5)");
	notice.event = NOTICE_TEST;
	expect(&notice, "box: a test of Bouncer",
	       "a test: notifications arrive");
}

static void test_clean(void **state)
{
	char out[NOTICE_WORDS_MAX];
	struct notice notice = kit_hostile;
	char huge[4000];

	for (int i = 0; i < N_NOTICE_EVENTS; i++) {
		notice.event = (enum notice_event)i;
		notice_words(&notice, out);
		assert_true(out[0] && text_is_printable(slice_from(out)));
		notice_title(&notice, out);
		assert_true(out[0] && text_is_printable(slice_from(out)));
	}

	/* cut in the middle of a character: that one is left out */
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	for (size_t i = 1; i < 40; i++)
		memcpy(&huge[480 + 2 * i], "\xc3\xa4", 2);
	notice = kit_bounced;
	notice.reason = huge;
	notice_words(&notice, out);
	assert_true(text_is_printable(slice_from(out)));
	assert_in_range(strlen(out), NOTICE_WORDS_MAX - 3,
	                NOTICE_WORDS_MAX - 1);
}

static void test_names(void **state)
{
	static const char *const names[] = { "bounced", "recovered", "gave_up",
		                             "storm",   "test",      "step" };

	for (int i = 0; i < N_NOTICE_EVENTS; i++)
		assert_string_equal(notice_event_name((enum notice_event)i),
		                    names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounced),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("notice", tests, NULL, NULL);
}
