/* SPDX-License-Identifier: Apache-2.0 */
/* (contract follows; only the rules that the configuration fills for now) */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Immutable, owned by the configuration. All times in milliseconds. */
struct policy_rules {
	uint64_t max_age_ms;      /* older is a breach */
	uint64_t for_ms;          /* a breach must last so long first */
	uint64_t cooldown_ms;     /* between two bounces, at least */
	uint64_t verify_ms;       /* good again within this: recovered */
	uint64_t window_ms;       /* of the budget */
	uint64_t backoff_max_ms;  /* longest wait after failed bounces */
	uint64_t start_grace_ms;  /* after our own start nothing is bounced */
	uint32_t backoff_percent; /* growth per failed bounce: 200 doubles */
	uint8_t max_bounces;      /* per window, then gave up */
	uint8_t n_steps;          /* of the ladder */
};

#define POLICY_MAX_BOUNCES 32 /* max_bounces may not exceed this */
