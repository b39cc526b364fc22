/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"

#include "policy_kit.h"

const struct policy_rules base_rules = {
	.max_age_ms = 60000,
	.cooldown_ms = 60000,
	.verify_ms = 60000,
	.window_ms = 3600000,
	.backoff_max_ms = 3600000,
	.backoff_percent = 200,
	.max_bounces = 5,
	.n_steps = 1,
};

static unsigned command_bits(const struct policy_commands *commands)
{
	return (commands->run_step ? RUN : 0u) |
	       (commands->cancel ? CANCEL : 0u) |
	       (commands->observe ? OBSERVE : 0u) |
	       (commands->ask_guards ? ASK : 0u) |
	       (commands->recovered ? RECOVERED : 0u) |
	       (commands->useless ? USELESS : 0u);
}

void run_rows(struct policy *policy, const struct policy_rules *rules,
              const struct row *rows, size_t n_rows)
{
	struct rng rng = { 1 };

	for (size_t i = 0; i < n_rows; i++) {
		const struct row *row = &rows[i];
		struct policy_commands commands = policy_step(
			policy, rules, &row->event, ZERO + row->at_ms, &rng);
		unsigned bits = command_bits(&commands);

		if (policy->state != row->state || bits != row->commands)
			fail_msg("row %zu at %llu: %s with commands 0x%x, "
			         "expected %s with 0x%x",
			         i, (unsigned long long)row->at_ms,
			         policy_state_name(policy->state), bits,
			         policy_state_name(row->state), row->commands);
		if (row->deadline_ms == -1)
			assert_true(policy->deadline_ms == POLICY_NEVER);
		else if (row->deadline_ms > 0)
			assert_int_equal(policy->deadline_ms - ZERO,
			                 row->deadline_ms);
	}
}
