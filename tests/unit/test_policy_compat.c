/* SPDX-License-Identifier: Apache-2.0 */
/* policy: metric-reader's two machines, with their faults. */
#include "support/cmocka.h"

#include "policy_traces.h"

static void test_present_form(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_traces); i++)
		run_trace(&level_traces[i], POLICY_COMPAT_METRIC_READER);
}

static void test_first_form(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(seed_traces); i++)
		run_trace(&seed_traces[i], POLICY_COMPAT_METRIC_READER_SEED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_present_form),
		cmocka_unit_test(test_first_form),
	};

	return cmocka_run_group_tests_name("policy_compat", tests, NULL, NULL);
}
