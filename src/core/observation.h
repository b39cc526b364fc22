/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observation: one fact from a source about one monitor.
 *
 * A source says what it saw, never whether that is bad: limits are the
 * monitor's. *Missing* (the source answered and the thing is not in it) and
 * *unknown* (the source could not be read) are different facts.
 */
#pragma once

#include <stdint.h>

enum observation_kind {
	OBSERVATION_UNKNOWN, /* the source could not be read */
	OBSERVATION_MISSING, /* it was read, and the thing is not in it */
	OBSERVATION_AGE,     /* time since the last sign of life */
};

struct observation {
	enum observation_kind kind;
	uint64_t age_ms; /* OBSERVATION_AGE; by the source's own clock */
};
