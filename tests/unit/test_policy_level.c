/* SPDX-License-Identifier: Apache-2.0 */
/* policy: of a value with levels, and of alerts. */
#include "support/cmocka.h"

#include "policy_traces.h"

static void test_levels(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_traces); i++)
		run_trace(&level_traces[i], POLICY_COMPAT_NONE);
}

static void test_one_level(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(seed_traces); i++)
		run_trace(&seed_traces[i], POLICY_COMPAT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_one_level),
	};

	return cmocka_run_group_tests_name("policy_level", tests, NULL, NULL);
}
